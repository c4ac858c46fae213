// wc [-lwc] [file...]: lines, words and bytes.
#include <inc/lib.h>

struct counts {
	long lines, words, bytes;
};

static const char *columns = "lwc";

static void show(const struct counts *c, const char *name)
{
	for (const char *p = columns; *p; p++)
		printf("%7ld ", *p == 'l' ? c->lines : *p == 'w' ? c->words :
		       c->bytes);
	printf("%s\n", name);
}

static int count(int fd, const char *name, struct counts *total)
{
	static char buf[PGSIZE];
	struct counts c = { 0, 0, 0 };
	bool in_word = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		c.bytes += n;
		for (ssize_t i = 0; i < n; i++) {
			bool space = strchr(" \t\r\n", buf[i]) != NULL;

			c.lines += buf[i] == '\n';
			c.words += !space && !in_word;
			in_word = !space;
		}
	}
	if (n < 0)
		fprintf(2, "wc: %s: %e\n", name, n);
	show(&c, name);
	total->lines += c.lines;
	total->words += c.words;
	total->bytes += c.bytes;
	return n < 0;
}

void umain(int argc, char **argv)
{
	struct counts total = { 0, 0, 0 };
	int fd, i = 1, failed = 0;

	if (argc > 1 && argv[1][0] == '-') {
		columns = argv[1] + 1;
		i = 2;
	}
	if (i == argc)
		exit(count(0, "", &total));
	for (int first = i; i < argc; i++) {
		if ((fd = open(argv[i], O_RDONLY)) < 0) {
			fprintf(2, "wc: %s: %e\n", argv[i], fd);
			failed = 1;
			continue;
		}
		failed |= count(fd, argv[i], &total);
		close(fd);
		if (i == argc - 1 && i > first)
			show(&total, "total");
	}
	exit(failed);
}
