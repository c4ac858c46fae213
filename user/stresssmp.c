// What one processor does to a program that another one runs.
#include <inc/lib.h>

#define UXSTACK	((void *)(UXSTACKTOP - PGSIZE))
#define PAGE(i)	((char *)0xa00000 + (i) * PGSIZE)
#define PERM	(PTE_P | PTE_U | PTE_W)

static void wait_until_running(envid_t child)
{
	while (envs[ENVX(child)].env_status != ENV_RUNNING)
		sys_sleep(1);
}

// Programs are killed while the other processor runs them: it must go on
// being interrupted.
static void test_kill(void)
{
	for (int i = 0; i < 10; i++) {
		envid_t child = fork();

		if (child == 0)
			for (;;)
				__asm__ volatile("pause");
		wait_until_running(child);
		sys_sleep(2);
		sys_env_destroy(child);
		if (wait(child) != EXIT_KILLED)
			panic("killed, but ended by itself");
	}
}

extern char fault[];

// Makes one page fault after the other. The handler only counts, in a
// register that the kernel puts onto the exception stack.
static void fault_forever(void)
{
	sys_env_set_pgfault_upcall(0, fault);
	__asm__ volatile(
		"xorl %%r15d, %%r15d\n"
		"fault: incq %%r15\n\t"
		"movq %0, %%rsp\n\t"
		"movb 0, %%al\n\t"
		"ud2"
		: : "i"(USTACKTOP - PGSIZE / 2));
	__builtin_unreachable();
}

// The exception stack's page is exchanged meanwhile: the kernel must not
// write to the page that is no longer there.
static void test_exchange(void)
{
	enum { TIMES = 20000, LOOKS = 200 };
	size_t r15 = PGSIZE - sizeof(struct UTrapframe) +
		offsetof(struct UTrapframe, utf_regs.reg_r15);
	envid_t child;

	if ((child = fork()) == 0)
		fault_forever();
	for (int i = 0; i < 2; i++)
		if (sys_page_alloc(0, PAGE(i), PERM) < 0)
			panic("no memory");
	while (envs[ENVX(child)].env_pgfault_upcall != (uintptr_t)fault)
		sys_sleep(1);
	sys_page_map(0, PAGE(0), child, UXSTACK, PERM);
	while (*(volatile uint64_t *)(PAGE(0) + r15) == 0)
		sys_sleep(1);
	for (int i = 1; i < TIMES; i++) {
		volatile uint64_t *old = (void *)(PAGE(!(i & 1)) + r15);
		uint64_t seen;

		sys_page_map(0, PAGE(i & 1), child, UXSTACK, PERM);
		seen = *old;
		for (int look = 0; look < LOOKS; look++)
			if (*old != seen)
				panic("written after %d exchanges", i);
	}
	sys_env_destroy(child);
}

void umain(int argc, char **argv)
{
	USED(argc), USED(argv);
	if (sysinfo.si_ncpu < 2)
		panic("there is one processor only");
	test_kill();
	test_exchange();
	printf("stresssmp: passed\n");
}
