// A child that never gives up the processor is preempted and killed.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	envid_t child;
	int r;

	USED(argc);
	USED(argv);
	cprintf("I am the parent.  Forking the child...\n");
	if ((child = fork()) == 0) {
		cprintf("I am the child.  Spinning...\n");
		for (;;)
			;
	}
	if (child < 0)
		panic("fork: %e", child);
	cprintf("I am the parent.  Running the child...\n");
	for (int i = 0; i < 8; i++)
		sys_yield();
	while (envs[ENVX(child)].env_runs == 0)
		sys_yield();
	cprintf("I am the parent.  Killing the child...\n");
	if ((r = sys_env_destroy(child)) < 0)
		panic("sys_env_destroy: %e", r);
	if ((r = wait(child)) != EXIT_KILLED)
		panic("the child's status is %d", r);
	cprintf("spin: the child is gone\n");
}
