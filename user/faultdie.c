// A page-fault handler that ends the program.
#include <inc/lib.h>

static void handler(struct UTrapframe *utf)
{
	cprintf("i faulted at va %lx, err %lx\n", utf->utf_fault_va,
		utf->utf_err & 7);
	exit(0);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	set_pgfault_handler(handler);
	*(volatile int *)0xdeadbeef = 0;
	panic("wrote to 0xdeadbeef");
}
