// Writes to address 0: the kernel ends it.
#include <inc/lib.h>

static volatile int *volatile nowhere;

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	*nowhere = 0;
	panic("wrote to address 0");
}
