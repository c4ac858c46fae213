// Starts hello from the file system.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	envid_t child;

	USED(argc);
	USED(argv);
	cprintf("i am parent environment %08x\n", thisenv->env_id);
	if ((child = spawnl("hello", "hello", NULL)) < 0)
		panic("spawn(hello): %e", child);
	if (wait(child) != 0)
		panic("hello failed");
	cprintf("spawnhello: hello has ended\n");
}
