// Formatted output, in the kernel too.
#include <inc/error.h>
#include <inc/stdio.h>
#include <inc/string.h>

// Where output goes, and the arguments.
struct out {
	void (*putch)(int c, void *arg);
	void *arg;
	va_list ap;
};

// One conversion: %[flags][width][.prec][size]conv.
struct spec {
	bool left, zero, alt;
	char sign;		// in front of a positive number; 0: nothing
	int width;
	int prec;		// -1: none given
	int size;		// bytes of an integer argument
};

static const char *const errors[MAXERROR] = {
	[0] = "no error",
	[E_UNSPECIFIED] = "unspecified error",
	[E_BAD_ENV] = "bad environment",
	[E_INVAL] = "invalid parameter",
	[E_NO_MEM] = "out of memory",
	[E_NO_FREE_ENV] = "out of environments",
	[E_FAULT] = "bad address",
	[E_NO_SYS] = "no such system call",
	[E_IPC_NOT_RECV] = "env is not recving",
	[E_EOF] = "unexpected end of file",
	[E_NO_DISK] = "no free space on disk",
	[E_MAX_OPEN] = "too many files are open",
	[E_NOT_FOUND] = "file or block not found",
	[E_BAD_PATH] = "invalid path",
	[E_FILE_EXISTS] = "file already exists",
	[E_NOT_EXEC] = "file is not a valid executable",
	[E_NOT_SUPP] = "operation not supported",
	[E_NO_VMX] = "no VMX in this processor",
	[E_NO_EPT] = "no EPT in this processor",
	[E_VMX_ON] = "VMXON failed",
	[E_VMCS_INIT] = "VMCS set-up failed",
	[E_NO_ENT] = "no EPT entry",
	[E_IO] = "disk input or output failed",
	[E_CORRUPT] = "file system is damaged",
	[E_ACCESS] = "not allowed",
	[E_BUSY] = "busy",
};

static void put(struct out *o, int c)
{
	o->putch(c, o->arg);
}

static void pad(struct out *o, int c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	int len;

	if (s == NULL)
		s = "(null)";
	len = sp->prec < 0 ? (int)strlen(s) : (int)strnlen(s, sp->prec);
	if (!sp->left)
		pad(o, ' ', sp->width - len);
	for (int i = 0; i < len; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', sp->width - len);
}

static void put_error(struct out *o, const struct spec *sp, int err)
{
	char buf[24];

	if (err < 0 && err > -MAXERROR)
		err = -err;
	if (err >= 0 && err < MAXERROR) {
		put_string(o, sp, errors[err]);
		return;
	}
	snprintf(buf, sizeof(buf), "error %d", err);
	put_string(o, sp, buf);
}

// The number's digits end at buf + 24; returns where they start.
static char *digits(char *buf, uint64_t v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char *p = buf + 24;

	for (; v; v /= base)
		*--p = set[v % base];
	return p;
}

// prefix: sign or "0x".
static void put_number(struct out *o, const struct spec *sp, uint64_t v,
		       unsigned base, bool upper, const char *prefix)
{
	char buf[24], *p = digits(buf, v, base, upper);
	int ndigit = buf + 24 - p;
	int plen = strlen(prefix);
	int zeros = MAX((sp->prec < 0 ? 1 : sp->prec) - ndigit, 0);

	if (base == 8 && sp->alt && zeros == 0)
		zeros = 1;
	if (sp->zero && !sp->left && sp->prec < 0)
		zeros = MAX(zeros, sp->width - plen - ndigit);
	if (!sp->left)
		pad(o, ' ', sp->width - plen - zeros - ndigit);
	while (*prefix)
		put(o, *prefix++);
	pad(o, '0', zeros);
	for (int i = 0; i < ndigit; i++)
		put(o, p[i]);
	if (sp->left)
		pad(o, ' ', sp->width - plen - zeros - ndigit);
}

static int64_t arg_signed(struct out *o, int size)
{
	switch (size) {
	case 1:
		return (int8_t)va_arg(o->ap, int);
	case 2:
		return (int16_t)va_arg(o->ap, int);
	case 8:
		return va_arg(o->ap, int64_t);
	}
	return va_arg(o->ap, int);
}

static uint64_t arg_unsigned(struct out *o, int size)
{
	uint64_t v = arg_signed(o, size);

	return size == 8 ? v : v & ((1ul << 8 * size) - 1);
}

static void put_signed(struct out *o, const struct spec *sp)
{
	int64_t v = arg_signed(o, sp->size);
	char sign[2] = { v < 0 ? '-' : sp->sign, '\0' };

	put_number(o, sp, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, false, sign);
}

static void put_hex(struct out *o, const struct spec *sp, bool upper)
{
	uint64_t v = arg_unsigned(o, sp->size);
	const char *prefix = upper ? "0X" : "0x";

	put_number(o, sp, v, 16, upper, sp->alt && v ? prefix : "");
}

static void put_char(struct out *o, const struct spec *sp, int c)
{
	if (!sp->left)
		pad(o, ' ', sp->width - 1);
	put(o, (unsigned char)c);
	if (sp->left)
		pad(o, ' ', sp->width - 1);
}

static void convert(struct out *o, struct spec *sp, char conv)
{
	switch (conv) {
	case 'd':
	case 'i':
		put_signed(o, sp);
		break;
	case 'u':
		put_number(o, sp, arg_unsigned(o, sp->size), 10, false, "");
		break;
	case 'o':
		put_number(o, sp, arg_unsigned(o, sp->size), 8, false, "");
		break;
	case 'x':
	case 'X':
		put_hex(o, sp, conv == 'X');
		break;
	case 'p':
		put_number(o, sp, va_arg(o->ap, uint64_t), 16, false, "0x");
		break;
	case 'c':
		put_char(o, sp, va_arg(o->ap, int));
		break;
	case 's':
		put_string(o, sp, va_arg(o->ap, const char *));
		break;
	case 'e':
		put_error(o, sp, va_arg(o->ap, int));
		break;
	case '%':
		put(o, '%');
		break;
	default:
		put(o, '%');
		put(o, conv);
	}
}

static const char *parse_flags(struct spec *sp, const char *p)
{
	for (;; p++) {
		if (*p == '-')
			sp->left = true;
		else if (*p == '0')
			sp->zero = true;
		else if (*p == '#')
			sp->alt = true;
		else if (*p == '+')
			sp->sign = '+';
		else if (*p == ' ' && !sp->sign)
			sp->sign = ' ';
		else if (*p != ' ')
			return p;
	}
}

// A width or precision: digits or an argument.
static const char *parse_count(struct out *o, int *n, const char *p)
{
	if (*p == '*') {
		*n = va_arg(o->ap, int);
		return p + 1;
	}
	for (*n = 0; *p >= '0' && *p <= '9'; p++)
		if (*n < 10000)
			*n = *n * 10 + *p - '0';
	return p;
}

static const char *parse_size(struct spec *sp, const char *p)
{
	sp->size = 4;
	for (; *p == 'h'; p++)
		sp->size /= 2;
	for (; *p == 'l' || *p == 'z' || *p == 't' || *p == 'j'; p++)
		sp->size = 8;
	return p;
}

static const char *parse_spec(struct out *o, struct spec *sp, const char *p)
{
	memset(sp, 0, sizeof(*sp));
	p = parse_flags(sp, p);
	p = parse_count(o, &sp->width, p);
	if (sp->width < 0) {
		sp->left = true;
		sp->width = -sp->width;
	}
	sp->prec = -1;
	if (*p == '.')
		p = parse_count(o, &sp->prec, p + 1);
	return parse_size(sp, p);
}

void vprintfmt(void (*putch)(int c, void *arg), void *arg, const char *fmt,
	       va_list ap)
{
	struct out o = { .putch = putch, .arg = arg };
	struct spec sp;

	va_copy(o.ap, ap);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			putch((unsigned char)*fmt, arg);
			continue;
		}
		fmt = parse_spec(&o, &sp, fmt + 1);
		if (*fmt == '\0')
			break;
		convert(&o, &sp, *fmt);
	}
	va_end(o.ap);
}

struct strbuf {
	char *buf;
	size_t size, len;
};

static void strbuf_putch(int c, void *arg)
{
	struct strbuf *b = arg;

	if (b->len + 1 < b->size)
		b->buf[b->len] = c;
	b->len++;
}

int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap)
{
	struct strbuf b = { buf, n, 0 };

	vprintfmt(strbuf_putch, &b, fmt, ap);
	if (n > 0)
		buf[MIN(b.len, n - 1)] = '\0';
	return b.len;
}

int snprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return len;
}
