// fork that copies everything at once, from system calls alone.
#include <inc/lib.h>

static void dup_page(envid_t child, uintptr_t a)
{
	int r;

	if ((r = sys_page_alloc(child, (void *)a,
				PTE_P | PTE_U | PTE_W)) < 0)
		panic("sys_page_alloc: %e", r);
	if ((r = sys_page_map(child, (void *)a, 0, (void *)UTEMP,
			      PTE_P | PTE_U | PTE_W)) < 0)
		panic("sys_page_map: %e", r);
	memmove((void *)UTEMP, (void *)a, PGSIZE);
	if ((r = sys_page_unmap(0, (void *)UTEMP)) < 0)
		panic("sys_page_unmap: %e", r);
}

static envid_t dumbfork(void)
{
	envid_t child = sys_exofork();
	int r;

	if (child < 0)
		panic("sys_exofork: %e", child);
	if (child == 0) {
		thisenv = &envs[ENVX(sys_getenvid())];
		return 0;
	}
	for (uintptr_t a = UTEXT; va_pte((void *)a); a += PGSIZE)
		dup_page(child, a);
	for (uintptr_t a = USTACKTOP - PGSIZE; va_pte((void *)a); a -= PGSIZE)
		dup_page(child, a);
	if ((r = sys_env_set_status(child, ENV_RUNNABLE)) < 0)
		panic("sys_env_set_status: %e", r);
	return child;
}

void umain(int argc, char **argv)
{
	envid_t who = dumbfork();
	int n = who ? 10 : 20;

	USED(argc);
	USED(argv);
	for (int i = 0; i < n; i++) {
		cprintf("%d: I am the %s!\n", i, who ? "parent" : "child");
		sys_yield();
	}
	if (who && wait(who) != 0)
		panic("the child failed");
	if (who)
		cprintf("dumbfork: parent and child are done\n");
}
