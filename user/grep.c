// grep [-vn] pattern [file...]: ^ $ . and c* as in ed.
#include <inc/lib.h>

static bool invert, number, names;

static bool match_here(const char *re, const char *s)
{
	for (;; re++, s++) {
		if (*re == '\0')
			return true;
		if (re[0] == '$' && re[1] == '\0')
			return *s == '\0';
		if (re[1] == '*')
			break;
		if (*s == '\0' || (*re != '.' && *re != *s))
			return false;
	}
	for (;; s++) {
		if (match_here(re + 2, s))
			return true;
		if (*s == '\0' || (*re != '.' && *re != *s))
			return false;
	}
}

static bool match(const char *re, const char *s)
{
	if (*re == '^')
		return match_here(re + 1, s);
	do
		if (match_here(re, s))
			return true;
	while (*s++);
	return false;
}

static bool check_line(const char *re, const char *s, const char *file, int nr)
{
	if (match(re, s) == invert)
		return false;
	if (names)
		printf("%s:", file);
	if (number)
		printf("%d:", nr);
	printf("%s\n", s);
	return true;
}

// Lines longer than the buffer are matched in pieces.
static bool grep(const char *re, int fd, const char *file)
{
	static char buf[2 * PGSIZE + 1];
	size_t have = 0;
	int nr = 0;
	bool found = false;
	ssize_t n;

	do {
		char *p = buf, *nl;

		n = read(fd, buf + have, sizeof(buf) - 1 - have);
		if (n > 0)
			have += n;
		while ((nl = memchr(p, '\n', buf + have - p)) != NULL) {
			*nl = '\0';
			found |= check_line(re, p, file, ++nr);
			p = nl + 1;
		}
		have -= p - buf;
		memmove(buf, p, have);
		buf[have] = '\0';
		if (have > 0 && (n <= 0 || have == sizeof(buf) - 1)) {
			found |= check_line(re, buf, file, ++nr);
			have = 0;
		}
	} while (n > 0);
	if (n < 0)
		fprintf(2, "grep: %s: %e\n", file, n);
	return found;
}

void umain(int argc, char **argv)
{
	const char *re;
	int fd, i;
	bool found = false;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		invert |= strchr(argv[i], 'v') != NULL;
		number |= strchr(argv[i], 'n') != NULL;
	}
	if (i >= argc) {
		fprintf(2, "usage: grep [-vn] pattern [file...]\n");
		exit(2);
	}
	re = argv[i++];
	names = argc - i > 1;
	if (i == argc)
		found = grep(re, 0, "<stdin>");
	for (; i < argc; i++) {
		if ((fd = open(argv[i], O_RDONLY)) < 0) {
			fprintf(2, "grep: %s: %e\n", argv[i], fd);
			continue;
		}
		found |= grep(re, fd, argv[i]);
		close(fd);
	}
	exit(!found);
}
