// The kernel touches no user memory that is not there, even when the program
// would allocate it in its page-fault handler.
#include <inc/lib.h>

static void handler(struct UTrapframe *utf)
{
	panic("the handler ran for va %lx", utf->utf_fault_va);
}

void umain(int argc, char **argv)
{
	int r;

	USED(argc);
	USED(argv);
	set_pgfault_handler(handler);
	if ((r = sys_cputs((char *)0xdeadbeef, 4)) != -E_FAULT)
		panic("sys_cputs of 0xdeadbeef: %d", r);
	cprintf("faultallocbad: bad address refused\n");
}
