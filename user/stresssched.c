// Twenty children count together, each to its end on its own copy: a count
// must never be disturbed.
#include <inc/lib.h>

enum { CHILDREN = 20, ROUNDS = 10, COUNT = 1000 };

static volatile int counter;

static void count(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		sys_yield();
		for (int j = 0; j < COUNT; j++)
			counter++;
	}
	if (counter != ROUNDS * COUNT)
		panic("counter is %d, not %d", counter, ROUNDS * COUNT);
	exit(0);
}

void umain(int argc, char **argv)
{
	envid_t child[CHILDREN];

	USED(argc);
	USED(argv);
	for (int i = 0; i < CHILDREN; i++) {
		if ((child[i] = fork()) == 0)
			count();
		if (child[i] < 0)
			panic("fork: %e", child[i]);
	}
	for (int i = 0; i < CHILDREN; i++)
		if (wait(child[i]) != 0)
			panic("child %08x failed", child[i]);
	cprintf("stresssched: %d children on %d CPUs counted right\n",
		CHILDREN, sysinfo.si_ncpu);
}
