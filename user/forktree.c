// Forks a tree of environments, three deep.
#include <inc/lib.h>

enum { DEPTH = 3 };

static void forktree(const char *cur)
{
	char next[DEPTH + 1];
	envid_t child[2];

	cprintf("%04x: I am '%s'\n", sys_getenvid(), cur);
	if (strlen(cur) == DEPTH)
		return;
	for (int i = 0; i < 2; i++) {
		snprintf(next, sizeof(next), "%s%d", cur, i);
		if ((child[i] = fork()) == 0) {
			forktree(next);
			exit(0);
		}
		if (child[i] < 0)
			panic("fork: %e", child[i]);
	}
	for (int i = 0; i < 2; i++)
		if (wait(child[i]) != 0)
			panic("%08x failed", child[i]);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	forktree("");
	cprintf("forktree: all %d environments are done\n",
		(1 << (DEPTH + 1)) - 1);
}
