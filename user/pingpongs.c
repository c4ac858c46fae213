// The same with memory that both see: a PTE_SHARE page.
#include <inc/lib.h>

#define SHARED	((volatile uint32_t *)0xa00000)

void umain(int argc, char **argv)
{
	envid_t who;
	int64_t i;
	int r;

	USED(argc);
	USED(argv);
	r = sys_page_alloc(0, (void *)SHARED,
			   PTE_P | PTE_U | PTE_W | PTE_SHARE);
	if (r < 0)
		panic("sys_page_alloc: %e", r);
	if ((who = fork()) < 0)
		panic("fork: %e", who);
	if (who != 0)
		ipc_send(who, 0, NULL, 0);
	for (;;) {
		i = ipc_recv(&who, NULL, NULL);
		cprintf("%x got %ld from %x (shared is %u)\n", sys_getenvid(),
			i, who, *SHARED);
		if (*SHARED != (uint64_t)i)
			panic("shared memory is %u", *SHARED);
		if (i == 10)
			return;
		++*SHARED;
		ipc_send(who, ++i, NULL, 0);
		if (i == 10)
			return;
	}
}
