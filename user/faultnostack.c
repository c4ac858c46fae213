// An upcall without an exception stack: the kernel ends the program.
#include <inc/lib.h>

static void handler(void)
{
	panic("the handler ran without a stack");
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	sys_env_set_pgfault_upcall(0, handler);
	*(volatile int *)0 = 0;
	panic("wrote to address 0");
}
