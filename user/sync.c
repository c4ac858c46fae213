#include <inc/lib.h>

void umain(int argc, char **argv)
{
	int r = sync();

	USED(argc);
	USED(argv);
	if (r < 0)
		fprintf(2, "sync: %e\n", r);
	exit(r < 0);
}
