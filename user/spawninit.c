// Starts init, which runs its arguments as a program.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	envid_t child;

	USED(argc);
	USED(argv);
	cprintf("i am parent environment %08x\n", thisenv->env_id);
	child = spawnl("init", "init", "echo", "init", "has", "started", NULL);
	if (child < 0)
		panic("spawn(init): %e", child);
	if (wait(child) != 0)
		panic("init failed");
	cprintf("spawninit: init has ended\n");
}
