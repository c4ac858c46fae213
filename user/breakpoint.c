// A breakpoint, which the kernel's monitor takes.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	__asm__ volatile("int3");
	cprintf("breakpoint: back from the monitor\n");
}
