// An upcall address where nothing is: the kernel ends the program.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	sys_page_alloc(0, (void *)(UXSTACKTOP - PGSIZE),
		       PTE_P | PTE_U | PTE_W);
	sys_env_set_pgfault_upcall(0, (void *)0xdeadbeef);
	*(volatile int *)0 = 0;
	panic("wrote to address 0");
}
