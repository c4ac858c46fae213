// Loads a segment that is not there: a general protection fault ends it.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	__asm__ volatile("mov %w0, %%ds" : : "r"(GD_TSS0 | 3));
	panic("loaded the TSS as a data segment");
}
