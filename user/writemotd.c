// Writes a new /motd, reads it back and puts the old one back.
#include <inc/lib.h>

static char old[PGSIZE], new[PGSIZE], got[PGSIZE];

static int open_motd(int mode)
{
	int fd = open("/motd", mode);

	if (fd < 0)
		panic("open /motd: %e", fd);
	return fd;
}

static int read_motd(char *buf)
{
	int fd = open_motd(O_RDONLY), n = readn(fd, buf, PGSIZE);

	if (n < 0)
		panic("read /motd: %e", n);
	close(fd);
	return n;
}

static void write_motd(const char *buf, int n)
{
	int fd = open_motd(O_RDWR | O_TRUNC), r = write(fd, buf, n);

	if (r != n)
		panic("write /motd: %d of %d", r, n);
	if ((r = close(fd)) < 0)
		panic("close /motd: %e", r);
}

void umain(int argc, char **argv)
{
	int n = read_motd(old), len;

	USED(argc);
	USED(argv);
	cprintf("OLD MOTD\n%.*s===\n", n, old);
	len = snprintf(new, sizeof(new), "This is /motd, the new message of "
		       "the day, number %u.\n", thisenv->env_runs);
	write_motd(new, len);
	if (read_motd(got) != len || memcmp(got, new, len) != 0)
		panic("/motd is not what was written");
	cprintf("NEW MOTD\n%.*s===\n", len, got);
	write_motd(old, n);
	cprintf("writemotd: works\n");
}
