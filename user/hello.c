#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	cprintf("hello, world\n");
	cprintf("i am environment %08x\n", thisenv->env_id);
}
