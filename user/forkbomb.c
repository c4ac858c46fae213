// Forks until nothing is left; when all children have ended, all memory is
// back.
#include <inc/lib.h>

static envid_t children[NENV];

// The child sleeps until its parent says something: the pages that it shares
// with its parent stay shared.
static void child(void)
{
	sys_ipc_recv((void *)UTOP);
	sys_exit(0);
}

static int bomb(int *err)
{
	int n = 0;

	while ((children[n] = fork()) > 0)
		n++;
	if (children[n] == 0)
		child();
	*err = children[n];
	for (int i = 0; i < n; i++) {
		ipc_send(children[i], 0, NULL, 0);
		if (wait(children[i]) != 0)
			panic("child %08x failed", children[i]);
	}
	return n;
}

// A first, small fork makes what stays: copies of shared pages.
static void warm_up(void)
{
	envid_t id = fork();

	if (id == 0)
		child();
	if (id < 0)
		panic("fork: %e", id);
	ipc_send(id, 0, NULL, 0);
	wait(id);
}

void umain(int argc, char **argv)
{
	uint64_t before;
	int n, err;

	USED(argc);
	USED(argv);
	warm_up();
	memset(children, 0, sizeof(children));
	before = sysinfo.si_free_pages;
	n = bomb(&err);
	if (err != -E_NO_FREE_ENV && err != -E_NO_MEM)
		panic("fork number %d: %e", n, err);
	if (sysinfo.si_free_pages != before)
		panic("%lu free pages before, %lu after %d forks", before,
		      sysinfo.si_free_pages, n);
	cprintf("forkbomb: %d children, then %e; all pages are back\n", n,
		err);
}
