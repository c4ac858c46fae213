// Reads the kernel's memory: the kernel ends it.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	panic("read %x from the kernel",
	      *(volatile unsigned *)(KERNBASE + EXTPHYSMEM));
}
