// Strings and memory, in the kernel too: general registers only, no calls.
// rep works eight bytes at a time; what remains is moved byte by byte.
#include <inc/string.h>

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return p - s;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

char *strcpy(char *dst, const char *src)
{
	char *p = dst;

	while ((*p++ = *src++))
		;
	return dst;
}

char *strncpy(char *dst, const char *src, size_t n)
{
	size_t len = strnlen(src, n);

	memcpy(dst, src, len);
	memset(dst + len, 0, n - len);
	return dst;
}

char *strcat(char *dst, const char *src)
{
	strcpy(dst + strlen(dst), src);
	return dst;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = 0;

	if (size == 0)
		return 0;
	for (; n < size - 1 && src[n]; n++)
		dst[n] = src[n];
	dst[n] = '\0';
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0 && *a && *a == *b; n--, a++, b++)
		;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c)
{
	s = strfind(s, c);
	return *s == (char)c ? (char *)s : NULL;
}

char *strfind(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return (char *)s;
}

void *memset(void *dst, int c, size_t n)
{
	uint64_t word = (uint8_t)c * 0x0101010101010101ul;
	size_t words = n / 8, rest = n % 8;
	void *p = dst;

	__asm__ volatile("rep stosq" : "+D"(p), "+c"(words)
			 : "a"(word) : "memory");
	__asm__ volatile("rep stosb" : "+D"(p), "+c"(rest)
			 : "a"(word) : "memory");
	return dst;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	size_t words = n / 8, rest = n % 8;
	void *p = dst;

	__asm__ volatile("rep movsq" : "+D"(p), "+S"(src), "+c"(words)
			 : : "memory");
	__asm__ volatile("rep movsb" : "+D"(p), "+S"(src), "+c"(rest)
			 : : "memory");
	return dst;
}

// From the end downwards: first the odd bytes, then words. rep starts at an
// element's first byte in either direction.
static void copy_down(char *dst, const char *src, size_t n)
{
	size_t words = n / 8, rest = n % 8;

	dst += n - 1;
	src += n - 1;
	__asm__ volatile("std\n\trep movsb\n\t"
			 "sub $7, %0\n\tsub $7, %1\n\t"
			 "mov %3, %2\n\trep movsq\n\tcld"
			 : "+&D"(dst), "+&S"(src), "+&c"(rest)
			 : "r"(words) : "memory", "cc");
}

void *memmove(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return memcpy(dst, src, n);
	copy_down(dst, src, n);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n >= 8; n -= 8, p += 8, q += 8)
		if (*(const uint64_t *)p != *(const uint64_t *)q)
			break;
	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const uint8_t *p = s; n > 0; n--, p++)
		if (*p == (uint8_t)c)
			return (void *)p;
	return NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 99;
}

// Base 0 and 16 take a leading 0x, base 0 also 0 for octal. Too large a
// number wraps around.
long strtol(const char *s, char **end, int base)
{
	const char *start = s;
	unsigned long v = 0;
	bool neg;

	while (*s == ' ' || *s == '\t')
		s++;
	neg = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if ((base == 0 || base == 16) && s[0] == '0' &&
	    (s[1] | 0x20) == 'x' && digit(s[2]) < 16) {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = *s == '0' ? 8 : 10;
	}
	for (; digit(*s) < base; s++) {
		v = v * base + digit(*s);
		start = s + 1;
	}
	if (end)
		*end = (char *)start;
	return neg ? -v : v;
}
