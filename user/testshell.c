// Runs the shell on testshell.sh; what it prints must be testshell.key.
#include <inc/lib.h>

static char got[8 * PGSIZE], want[8 * PGSIZE];

static int must_open(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		panic("open %s: %e", path, fd);
	return fd;
}

static envid_t run_shell(int out)
{
	int script = must_open("testshell.sh");
	envid_t child;

	dup(script, 0);
	dup(out, 1);
	dup(out, 2);
	close(script);
	close(out);
	child = spawnl("sh", "sh", NULL);
	if (child < 0)
		panic("spawn: %e", child);
	close(0);
	close(1);
	close(2);
	return child;
}

static void differ(int n, int nwant)
{
	int i = 0;

	while (i < n && i < nwant && got[i] == want[i])
		i++;
	while (i > 0 && got[i - 1] != '\n')
		i--;
	panic("shell produced incorrect output, from byte %d on:\n"
	      "expected:\n%.200s\ngot:\n%.200s", i, want + i, got + i);
}

void umain(int argc, char **argv)
{
	int p[2], n, nwant, key, r;
	envid_t child;

	USED(argc);
	USED(argv);
	// The shell must not inherit the pipe's end that is read here, so that
	// goes where descriptors 0 to 2 were.
	if ((r = pipe(p)) < 0)
		panic("pipe: %e", r);
	if ((child = fork()) < 0)
		panic("fork: %e", child);
	if (child == 0) {
		close(p[0]);
		exit(wait(run_shell(p[1])));
	}
	close(p[1]);
	n = readn(p[0], got, sizeof(got) - 1);
	if (n < 0)
		panic("read of the shell's output: %e", n);
	wait(child);
	key = must_open("testshell.key");
	nwant = readn(key, want, sizeof(want) - 1);
	if (n != nwant || memcmp(got, want, n) != 0)
		differ(n, nwant);
	cprintf("shell ran correctly\n");
}
