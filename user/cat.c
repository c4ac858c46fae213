#include <inc/lib.h>

static int cat(int fd, const char *name)
{
	static char buf[PGSIZE];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(1, buf, n) != n) {
			fprintf(2, "cat: write error\n");
			return 1;
		}
	if (n < 0)
		fprintf(2, "cat: %s: %e\n", name, n);
	return n < 0;
}

void umain(int argc, char **argv)
{
	int fd, failed = 0;

	binaryname = "cat";
	if (argc < 2)
		exit(cat(0, "<stdin>"));
	for (int i = 1; i < argc; i++) {
		if ((fd = open(argv[i], O_RDONLY)) < 0) {
			fprintf(2, "cat: %s: %e\n", argv[i], fd);
			failed = 1;
			continue;
		}
		failed |= cat(fd, argv[i]);
		close(fd);
	}
	exit(failed);
}
