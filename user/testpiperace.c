// A pipe must never seem closed while its other end is only being copied: the
// child asks all the time while the parent dups its end.
#include <inc/lib.h>

enum { ROUNDS = 200 };

void umain(int argc, char **argv)
{
	int p[2], r;
	envid_t child;

	USED(argc);
	USED(argv);
	cprintf("testing for dup race...\n");
	if ((r = pipe(p)) < 0)
		panic("pipe: %e", r);
	if ((child = fork()) < 0)
		panic("fork: %e", child);
	if (child == 0) {
		close(p[1]);
		for (int i = 0; i < ROUNDS; i++) {
			if (pipeisclosed(p[0]))
				panic("RACE: pipe appears closed");
			sys_yield();
		}
		exit(0);
	}
	close(p[0]);
	// p[0]'s number is free now; the write end moves about.
	while (envs[ENVX(child)].env_id == child &&
	       envs[ENVX(child)].env_status != ENV_FREE) {
		dup(p[1], 10);
		sys_yield();
		close(10);
	}
	if (wait(child) != 0)
		panic("the child failed");
	cprintf("race didn't happen\n");
}
