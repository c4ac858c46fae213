// num [file...]: numbers the lines.
#include <inc/lib.h>

static int line = 1;
static bool at_start = true;

static void num(int fd, const char *name)
{
	static char buf[512];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (char *p = buf, *end; p < buf + n; p = end) {
			end = memchr(p, '\n', buf + n - p);
			end = end ? end + 1 : buf + n;
			if (at_start)
				printf("%5d ", line++);
			if (write(1, p, end - p) != end - p)
				panic("write error");
			at_start = end[-1] == '\n';
		}
	if (n < 0)
		panic("%s: %e", name, (int)n);
}

void umain(int argc, char **argv)
{
	int fd;

	binaryname = "num";
	if (argc < 2)
		num(0, "<stdin>");
	for (int i = 1; i < argc; i++) {
		if ((fd = open(argv[i], O_RDONLY)) < 0)
			panic("%s: %e", argv[i], fd);
		num(fd, argv[i]);
		close(fd);
	}
}
