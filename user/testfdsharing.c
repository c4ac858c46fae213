// Parent and child share a descriptor's offset, over fork and spawn.
#include <inc/lib.h>

static char buf[PGSIZE], buf2[PGSIZE];

static void compare(const char *who, int n, int want)
{
	if (n != want)
		panic("%s read %d bytes, not %d", who, n, want);
	if (memcmp(buf, buf2, n) != 0)
		panic("%s read other bytes", who);
}

static void spawned(int fd)
{
	int n = readn(fd, buf, 10);

	exit(n == 10 && memcmp(buf, "What is th", 10) == 0 ? 0 : 2);
}

void umain(int argc, char **argv)
{
	int fd, n, n2, r;
	char num[12];

	if (argc > 1)
		spawned(strtol(argv[1], NULL, 10));
	USED(argv);
	if ((fd = open("/motd", O_RDONLY)) < 0)
		panic("open /motd: %e", fd);
	if ((n = readn(fd, buf, sizeof(buf))) <= 0)
		panic("readn: %e", n);
	seek(fd, 0);
	if ((r = fork()) < 0)
		panic("fork: %e", r);
	if (r == 0) {
		cprintf("going to read in child (might page fault if your "
			"sharing is buggy)\n");
		compare("child", readn(fd, buf2, sizeof(buf2)), n);
		cprintf("read in child succeeded\n");
		seek(fd, 0);
		close(fd);
		exit(0);
	}
	if (wait(r) != 0)
		panic("the child failed");
	n2 = readn(fd, buf2, sizeof(buf2));
	compare("parent", n2, n);
	cprintf("read in parent succeeded\n");
	seek(fd, 0);
	snprintf(num, sizeof(num), "%d", fd);
	r = spawnl("testfdsharing", "testfdsharing", num, NULL);
	if (r < 0)
		panic("spawn: %e", r);
	if (wait(r) != 0)
		panic("the spawned program failed");
	if (readn(fd, buf2, 10) != 10 || memcmp(buf2, buf + 10, 10) != 0)
		panic("the spawned program did not move the offset");
	cprintf("testfdsharing: works over fork and spawn\n");
}
