// Pipes between parent and child: data, end of file, and a closed reader.
#include <inc/lib.h>

static const char *msg = "Now is the time for all good men to come to the "
			 "aid of their party.";

static void make_pipe(int *p)
{
	int r = pipe(p);

	if (r < 0)
		panic("pipe: %e", r);
}

static envid_t must_fork(void)
{
	envid_t id = fork();

	if (id < 0)
		panic("fork: %e", id);
	return id;
}

static void test_data(void)
{
	static char buf[100];
	int p[2], n;
	envid_t id;

	make_pipe(p);
	if ((id = must_fork()) == 0) {
		close(p[1]);
		n = readn(p[0], buf, sizeof(buf) - 1);
		if (n != (int)strlen(msg) || strcmp(buf, msg) != 0)
			panic("child read %d: %s", n, buf);
		cprintf("pipe read closed properly\n");
		exit(0);
	}
	close(p[0]);
	if ((n = write(p[1], msg, strlen(msg))) != (int)strlen(msg))
		panic("write: %d", n);
	close(p[1]);
	if (wait(id) != 0)
		panic("the reader failed");
}

// The writer finds that nobody reads.
static void test_closed_reader(void)
{
	int p[2], r;
	envid_t id;

	make_pipe(p);
	if ((id = must_fork()) == 0) {
		close(p[0]);
		while ((r = write(p[1], "x", 1)) == 1)
			;
		if (r != -E_EOF)
			panic("write to a closed pipe: %d", r);
		cprintf("pipe write closed properly\n");
		exit(0);
	}
	close(p[0]);
	close(p[1]);
	if (wait(id) != 0)
		panic("the writer failed");
}

// Far more than fits, in pieces that don't divide the buffer.
static void test_much(void)
{
	enum { TOTAL = 100000 };
	static uint8_t buf[777];
	int p[2], n, at = 0;
	envid_t id;

	make_pipe(p);
	if ((id = must_fork()) == 0) {
		close(p[0]);
		while (at < TOTAL) {
			n = MIN((int)sizeof(buf), TOTAL - at);
			for (int i = 0; i < n; i++)
				buf[i] = (at + i) % 251;
			if (write(p[1], buf, n) != n)
				panic("write");
			at += n;
		}
		exit(0);
	}
	close(p[1]);
	for (; (n = read(p[0], buf, 500)) > 0; at += n)
		for (int i = 0; i < n; i++)
			if (buf[i] != (at + i) % 251)
				panic("byte %d is %d", at + i, buf[i]);
	if (n < 0 || at != TOTAL)
		panic("read %d bytes, then %d", at, n);
	close(p[0]);
	if (wait(id) != 0)
		panic("the writer failed");
	cprintf("pipe carried %d bytes\n", TOTAL);
}

// Several writers at a time: nothing is lost, and lines stay whole.
static void test_writers(void)
{
	enum { WRITERS = 3, LINES = 300 };
	static char buf[16];
	int p[2], n, count[WRITERS] = { 0 };
	envid_t id[WRITERS];

	make_pipe(p);
	for (int i = 0; i < WRITERS; i++)
		if ((id[i] = must_fork()) == 0) {
			for (int j = 0; j < LINES; j++)
				if (fprintf(p[1], "%d %05d\n", i, j) != 8)
					panic("fprintf");
			exit(0);
		}
	close(p[1]);
	while ((n = readn(p[0], buf, 8)) == 8) {
		n = buf[0] - '0';
		if (n < 0 || n >= WRITERS ||
		    strtol(buf + 1, NULL, 10) != count[n]++)
			panic("read %.7s", buf);
	}
	for (int i = 0; i < WRITERS; i++)
		if (wait(id[i]) != 0 || count[i] != LINES)
			panic("writer %d: %d lines", i, count[i]);
	close(p[0]);
	cprintf("pipe kept %d writers apart\n", WRITERS);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	test_data();
	test_closed_reader();
	test_much();
	test_writers();
	cprintf("pipe tests passed\n");
}
