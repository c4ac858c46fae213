// A page-fault handler that allocates the page. The string that it writes
// crosses into the next page: a fault while handling a fault.
#include <inc/lib.h>

static void handler(struct UTrapframe *utf)
{
	void *va = (void *)utf->utf_fault_va;
	void *page = (void *)ROUNDDOWN(utf->utf_fault_va, PGSIZE);
	int r;

	cprintf("fault %p\n", va);
	if ((r = sys_page_alloc(0, page, PTE_P | PTE_U | PTE_W)) < 0)
		panic("allocating at %p in the handler: %e", va, r);
	snprintf(va, 100, "this string was faulted in at %p", va);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	set_pgfault_handler(handler);
	cprintf("%s\n", (char *)0xdeadbeef);
	cprintf("%s\n", (char *)0xcafebffe);
	if (strcmp((char *)0xcafebffe,
		   "this string was faulted in at 0xcafebffe") != 0)
		panic("the string is wrong");
	cprintf("faultalloc: handler and nested fault work\n");
}
