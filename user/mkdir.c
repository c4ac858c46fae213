#include <inc/lib.h>

void umain(int argc, char **argv)
{
	int r, failed = 0;

	if (argc < 2) {
		fprintf(2, "usage: mkdir path...\n");
		exit(1);
	}
	for (int i = 1; i < argc; i++)
		if ((r = mkdir(argv[i])) < 0) {
			fprintf(2, "mkdir: %s: %e\n", argv[i], r);
			failed = 1;
		}
	exit(failed);
}
