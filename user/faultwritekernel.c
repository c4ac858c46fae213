// Writes to the kernel's memory: the kernel ends it.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	*(volatile unsigned *)(KERNBASE + EXTPHYSMEM) = 0;
	panic("wrote to the kernel");
}
