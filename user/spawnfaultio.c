// faultio once more, as a program that was not started by the kernel.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	envid_t child;
	int status;

	USED(argc);
	USED(argv);
	cprintf("i am parent environment %08x\n", thisenv->env_id);
	if ((child = spawnl("faultio", "faultio", NULL)) < 0)
		panic("spawn(faultio): %e", child);
	if ((status = wait(child)) != EXIT_KILLED)
		panic("faultio ended with status %d", status);
	cprintf("spawnfaultio: faultio was killed\n");
}
