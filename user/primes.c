// A sieve of environments: each takes a prime, and passes on what it does not
// divide. The numbers end with 0.
#include <inc/lib.h>

enum { LIMIT = 300 };

static envid_t next_stage(void);

static void stage(void)
{
	envid_t next = 0;
	int prime = ipc_recv(NULL, NULL, NULL), n;

	if (prime == 0)
		exit(0);
	cprintf("CPU %d: %d\n", thisenv->env_cpunum, prime);
	next = next_stage();
	while ((n = ipc_recv(NULL, NULL, NULL)) != 0)
		if (n % prime != 0)
			ipc_send(next, n, NULL, 0);
	ipc_send(next, 0, NULL, 0);
	if (wait(next) != 0)
		panic("the stage after %d failed", prime);
	exit(0);
}

static envid_t next_stage(void)
{
	envid_t id = fork();

	if (id < 0)
		panic("fork: %e", id);
	if (id == 0)
		stage();
	return id;
}

void umain(int argc, char **argv)
{
	envid_t first = next_stage();

	USED(argc);
	USED(argv);
	for (int n = 2; n < LIMIT; n++)
		ipc_send(first, n, NULL, 0);
	ipc_send(first, 0, NULL, 0);
	if (wait(first) != 0)
		panic("the sieve failed");
	cprintf("primes: all below %d\n", LIMIT);
}
