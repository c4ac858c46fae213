// Three children spin; each must get a fair part of the dispatches.
#include <inc/lib.h>

enum { CHILDREN = 3 };

void umain(int argc, char **argv)
{
	envid_t child[CHILDREN];
	uint32_t runs, least = ~0u, most = 0;

	USED(argc);
	USED(argv);
	for (int i = 0; i < CHILDREN; i++) {
		if ((child[i] = fork()) == 0)
			for (;;)
				;
		if (child[i] < 0)
			panic("fork: %e", child[i]);
	}
	sys_sleep(1000);
	for (int i = 0; i < CHILDREN; i++) {
		runs = envs[ENVX(child[i])].env_runs;
		cprintf("child %d ran %u times\n", i, runs);
		least = MIN(least, runs);
		most = MAX(most, runs);
	}
	for (int i = 0; i < CHILDREN; i++)
		sys_env_destroy(child[i]);
	// With several CPUs one child may have had a processor for itself.
	if (least == 0 || (sysinfo.si_ncpu == 1 && most > 2 * least + 4))
		panic("not fair: from %u to %u runs", least, most);
	cprintf("fairness: all children had their turns\n");
}
