// The other end of a pipe is killed: a sleeping reader sees the end of the
// file, a sleeping writer an error, and nobody sleeps for ever.
#include <inc/lib.h>

enum { ROUNDS = 20 };

static void fill(int fd)
{
	static char buf[PGSIZE];
	int r;

	while ((r = write(fd, buf, sizeof(buf))) > 0)
		;
	exit(r == -E_EOF ? 0 : 2);
}

// The child holds one end only and sleeps; then that end goes.
static void round(int i)
{
	bool reader_sleeps = i % 2 == 0;
	int p[2], r;
	char c;
	envid_t sleeper, holder;

	if ((r = pipe(p)) < 0)
		panic("pipe: %e", r);
	if ((holder = fork()) == 0) {
		close(p[reader_sleeps ? 0 : 1]);
		for (;;)
			sys_sleep(1000);
	}
	if ((sleeper = fork()) == 0) {
		close(p[reader_sleeps ? 1 : 0]);
		if (!reader_sleeps)
			fill(p[1]);
		exit(read(p[0], &c, 1) == 0 ? 0 : 2);
	}
	if (holder < 0 || sleeper < 0)
		panic("fork failed");
	close(p[0]);
	close(p[1]);
	// Killed early in some rounds, in others when the sleeper sleeps.
	for (int n = 0; n < i; n++)
		sys_yield();
	if (i > ROUNDS / 2)
		sys_sleep(5);
	if ((r = sys_env_destroy(holder)) < 0)
		panic("sys_env_destroy: %e", r);
	if ((r = wait(sleeper)) != 0)
		panic("round %d: the sleeper ended with %d", i, r);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	for (int i = 0; i < ROUNDS; i++)
		round(i);
	cprintf("testpipekill: nobody sleeps for ever\n");
}
