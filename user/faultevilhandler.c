// An upcall into the kernel is refused; the fault then ends the program.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	int r;

	USED(argc);
	USED(argv);
	sys_page_alloc(0, (void *)(UXSTACKTOP - PGSIZE),
		       PTE_P | PTE_U | PTE_W);
	r = sys_env_set_pgfault_upcall(0, (void *)(KERNBASE + EXTPHYSMEM));
	if (r != -E_INVAL)
		panic("sys_env_set_pgfault_upcall: %d", r);
	*(volatile int *)0 = 0;
	panic("wrote to address 0");
}
