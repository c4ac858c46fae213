// Prints the kernel's memory: refused.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	int r = sys_cputs((char *)(KERNBASE + EXTPHYSMEM + 0xc), 100);

	USED(argc);
	USED(argv);
	if (r != -E_FAULT)
		panic("sys_cputs of the kernel: %d", r);
	cprintf("evilhello: kernel address refused\n");
}
