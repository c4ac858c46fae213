// The same sieve with pipes.
#include <inc/lib.h>

enum { LIMIT = 300 };

static envid_t next_stage(const int *fds, int in);

// Takes the first number as its prime; returns the exit status.
static int stage(int in)
{
	int prime, n, fds[2], r;
	envid_t next;

	if ((r = readn(in, &prime, sizeof(prime))) == 0)
		return 0;
	if (r != sizeof(prime))
		panic("read of a prime: %d", r);
	cprintf("%d\n", prime);
	if ((r = pipe(fds)) < 0)
		panic("pipe: %e", r);
	next = next_stage(fds, in);
	while ((r = readn(in, &n, sizeof(n))) == sizeof(n))
		if (n % prime != 0 &&
		    (r = write(fds[1], &n, sizeof(n))) != sizeof(n))
			panic("write: %d", r);
	if (r != 0)
		panic("read: %d", r);
	close(fds[1]);
	return wait(next);
}

// A child that reads the pipe; in: what it needn't keep open, or -1.
static envid_t next_stage(const int *fds, int in)
{
	envid_t id = fork();

	if (id < 0)
		panic("fork: %e", id);
	if (id == 0) {
		close(in);
		close(fds[1]);
		exit(stage(fds[0]));
	}
	close(fds[0]);
	return id;
}

void umain(int argc, char **argv)
{
	int fds[2], r;
	envid_t first;

	USED(argc);
	USED(argv);
	if ((r = pipe(fds)) < 0)
		panic("pipe: %e", r);
	first = next_stage(fds, -1);
	for (int n = 2; n < LIMIT; n++)
		if ((r = write(fds[1], &n, sizeof(n))) != sizeof(n))
			panic("write: %d", r);
	close(fds[1]);
	if (wait(first) != 0)
		panic("the sieve failed");
	cprintf("primespipe: all below %d\n", LIMIT);
}
