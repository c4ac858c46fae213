// File descriptors, whatever stands behind them.
#include <inc/lib.h>

static struct Dev *const devices[] = { &devfile, &devpipe, &devcons };

static struct Fd *num2fd(int fdnum)
{
	return (struct Fd *)(FDTABLE + (uintptr_t)fdnum * PGSIZE);
}

int fd2num(const struct Fd *fd)
{
	return ((uintptr_t)fd - FDTABLE) / PGSIZE;
}

char *fd2data(const struct Fd *fd)
{
	return (char *)(FDDATA + (uintptr_t)fd2num(fd) * PGSIZE);
}

int fd_alloc(struct Fd **fd)
{
	for (int i = 0; i < MAXFD; i++)
		if (!va_pte(num2fd(i))) {
			*fd = num2fd(i);
			return 0;
		}
	*fd = NULL;
	return -E_MAX_OPEN;
}

int fd_lookup(int fdnum, struct Fd **fd)
{
	if (fdnum < 0 || fdnum >= MAXFD || !va_pte(num2fd(fdnum)))
		return -E_INVAL;
	*fd = num2fd(fdnum);
	return 0;
}

int dev_lookup(int id, struct Dev **dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (devices[i]->dev_id == id) {
			*dev = devices[i];
			return 0;
		}
	*dev = NULL;
	return -E_INVAL;
}

static int lookup(int fdnum, struct Fd **fd, struct Dev **dev)
{
	int r = fd_lookup(fdnum, fd);

	return r < 0 ? r : dev_lookup((*fd)->fd_dev_id, dev);
}

int close(int fdnum)
{
	struct Fd *fd;
	struct Dev *dev;
	int r;

	if ((r = fd_lookup(fdnum, &fd)) < 0)
		return r;
	if ((r = dev_lookup(fd->fd_dev_id, &dev)) == 0 && dev->dev_close)
		r = dev->dev_close(fd);
	sys_page_unmap(0, fd);
	return r;
}

void close_all(void)
{
	for (int i = 0; i < MAXFD; i++)
		close(i);
}

// Data first: a pipe's page must never have fewer references than its ends.
int dup(int oldfd, int newfd)
{
	struct Fd *from, *to = num2fd(newfd);
	pte_t pte;
	int r;

	if (newfd < 0 || newfd >= MAXFD)
		return -E_INVAL;
	if ((r = fd_lookup(oldfd, &from)) < 0 || oldfd == newfd)
		return r < 0 ? r : newfd;
	close(newfd);
	pte = va_pte(fd2data(from));
	if (pte && (r = sys_page_map(0, fd2data(from), 0, fd2data(to),
				     pte & PTE_SYSCALL)) < 0)
		return r;
	r = sys_page_map(0, from, 0, to, va_pte(from) & PTE_SYSCALL);
	if (r < 0) {
		sys_page_unmap(0, fd2data(to));
		return r;
	}
	return newfd;
}

ssize_t read(int fdnum, void *buf, size_t n)
{
	struct Fd *fd;
	struct Dev *dev;
	int r;

	if ((r = lookup(fdnum, &fd, &dev)) < 0)
		return r;
	if ((fd->fd_omode & O_ACCMODE) == O_WRONLY)
		return -E_INVAL;
	return dev->dev_read(fd, buf, n);
}

ssize_t write(int fdnum, const void *buf, size_t n)
{
	struct Fd *fd;
	struct Dev *dev;
	int r;

	if ((r = lookup(fdnum, &fd, &dev)) < 0)
		return r;
	if ((fd->fd_omode & O_ACCMODE) == O_RDONLY)
		return -E_INVAL;
	return dev->dev_write(fd, buf, n);
}

ssize_t readn(int fdnum, void *buf, size_t n)
{
	size_t done;
	ssize_t r;

	for (done = 0; done < n; done += r) {
		r = read(fdnum, (char *)buf + done, n - done);
		if (r < 0)
			return r;
		if (r == 0)
			break;
	}
	return done;
}

int seek(int fdnum, off_t offset)
{
	struct Fd *fd;
	int r;

	if ((r = fd_lookup(fdnum, &fd)) < 0)
		return r;
	if (offset < 0)
		return -E_INVAL;
	fd->fd_offset = offset;
	return 0;
}

int ftruncate(int fdnum, off_t size)
{
	struct Fd *fd;
	struct Dev *dev;
	int r;

	if ((r = lookup(fdnum, &fd, &dev)) < 0)
		return r;
	if ((fd->fd_omode & O_ACCMODE) == O_RDONLY)
		return -E_INVAL;
	return dev->dev_trunc ? dev->dev_trunc(fd, size) : -E_NOT_SUPP;
}

int fstat(int fdnum, struct Stat *st)
{
	struct Fd *fd;
	struct Dev *dev;
	int r;

	if ((r = lookup(fdnum, &fd, &dev)) < 0)
		return r;
	memset(st, 0, sizeof(*st));
	st->st_dev = dev;
	return dev->dev_stat(fd, st);
}

int stat(const char *path, struct Stat *st)
{
	int fd, r;

	if ((fd = open(path, O_RDONLY)) < 0)
		return fd;
	r = fstat(fd, st);
	close(fd);
	return r;
}
