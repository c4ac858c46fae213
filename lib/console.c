// The console as a descriptor. Reading gives whole lines that the user has
// edited; what a program leaves of one is kept for its next read.
#include <inc/lib.h>

static char *pending;		// rest of a line, newline included
static size_t npending;

void putchar(int c)
{
	char ch = c;

	sys_cputs(&ch, 1);
}

int getchar(void)
{
	unsigned char c;
	ssize_t r = read(0, &c, 1);

	if (r < 0)
		return r;
	return r == 0 ? -E_EOF : c;
}

int opencons(void)
{
	struct Fd *fd;
	int r;

	if ((r = fd_alloc(&fd)) < 0)
		return r;
	r = sys_page_alloc(0, fd,
			   PTE_P | PTE_U | PTE_W | PTE_SHARE | PTE_NOEXEC);
	if (r < 0)
		return r;
	fd->fd_dev_id = devcons.dev_id;
	fd->fd_omode = O_RDWR;
	return fd2num(fd);
}

int iscons(int fdnum)
{
	struct Fd *fd;
	int r = fd_lookup(fdnum, &fd);

	return r < 0 ? r : fd->fd_dev_id == devcons.dev_id;
}

static ssize_t devcons_read(struct Fd *fd, void *buf, size_t n)
{
	char *line;

	USED(fd);
	if (npending == 0) {
		if ((line = console_line(false)) == NULL)
			return 0;
		npending = strlen(line) + 1;
		line[npending - 1] = '\n';
		pending = line;
	}
	n = MIN(n, npending);
	memcpy(buf, pending, n);
	pending += n;
	npending -= n;
	return n;
}

static ssize_t devcons_write(struct Fd *fd, const void *buf, size_t n)
{
	int r = n > 0 ? sys_cputs(buf, n) : 0;

	USED(fd);
	return r < 0 ? r : (ssize_t)n;
}

static int devcons_stat(struct Fd *fd, struct Stat *st)
{
	USED(fd);
	strcpy(st->st_name, "<cons>");
	return 0;
}

struct Dev devcons = {
	.dev_id = 'c',
	.dev_name = "cons",
	.dev_read = devcons_read,
	.dev_write = devcons_write,
	.dev_stat = devcons_stat,
};
