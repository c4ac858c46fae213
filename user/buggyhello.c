// Prints from an address where nothing is: refused.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	int r = sys_cputs((char *)1, 1);

	USED(argc);
	USED(argv);
	if (r != -E_FAULT)
		panic("sys_cputs of address 1: %d", r);
	cprintf("buggyhello: bad address refused\n");
}
