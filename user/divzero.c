// Divides by zero: the kernel ends it.
#include <inc/lib.h>

static volatile int one = 1, zero;

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	panic("1/0 is %d", one / zero);
}
