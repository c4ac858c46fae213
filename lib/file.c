// Files: requests to the file server (inc/fs.h), whose arguments and data
// stand in one page that goes with each.
#include <inc/lib.h>

#define NOWHERE		((void *)UTOP)	// no page comes back

static union Fsipc fsipcbuf __attribute__((aligned(PGSIZE)));

static int devfile_stat(struct Fd *fd, struct Stat *st);

// Sends the request in fsipcbuf; the page that the answer carries goes to
// dstva. After fork the buffer is copy-on-write: writing makes it ours.
static int64_t fsipc(int type, void *dstva)
{
	static envid_t fsenv;
	volatile char *touch = fsipcbuf._pad;
	int r;

	if (fsenv == 0)
		fsenv = ipc_find_env(ENV_TYPE_FS);
	*touch = *touch;
	r = sys_ipc_call(fsenv, type, &fsipcbuf, PTE_P | PTE_U | PTE_W, dstva);
	return r < 0 ? r : (int64_t)thisenv->env_ipc_value;
}

static int put_path(char *dst, const char *path)
{
	if (strlcpy(dst, path, MAXPATHLEN) < strlen(path))
		return -E_BAD_PATH;
	return 0;
}

static int seek_end(struct Fd *fd)
{
	struct Stat st;
	int r = devfile_stat(fd, &st);

	if (r == 0)
		fd->fd_offset = st.st_size;
	return r;
}

int open(const char *path, int mode)
{
	struct Fd *fd;
	int r;

	if ((r = put_path(fsipcbuf.open.req_path, path)) < 0 ||
	    (r = fd_alloc(&fd)) < 0)
		return r;
	fsipcbuf.open.req_omode = mode;
	if ((r = fsipc(FSREQ_OPEN, fd)) < 0)
		return r;
	if ((mode & O_APPEND) && (r = seek_end(fd)) < 0) {
		close(fd2num(fd));
		return r;
	}
	return fd2num(fd);
}

int mkdir(const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_MKDIR);

	return fd < 0 ? fd : close(fd);
}

int remove(const char *path)
{
	int r = put_path(fsipcbuf.remove.req_path, path);

	return r < 0 ? r : fsipc(FSREQ_REMOVE, NOWHERE);
}

int sync(void)
{
	return fsipc(FSREQ_SYNC, NOWHERE);
}

int copy_file(int srcfd, int dstfd)
{
	struct Fd *src, *dst;
	int r;

	if ((r = fd_lookup(srcfd, &src)) < 0 ||
	    (r = fd_lookup(dstfd, &dst)) < 0)
		return r;
	if (src->fd_dev_id != devfile.dev_id ||
	    dst->fd_dev_id != devfile.dev_id)
		return -E_NOT_SUPP;
	fsipcbuf.copy.req_src = src->fd_file_id;
	fsipcbuf.copy.req_dst = dst->fd_file_id;
	return fsipc(FSREQ_COPY, NOWHERE);
}

// One request: n is at most a page.
static ssize_t read_page(struct Fd *fd, void *buf, size_t n)
{
	ssize_t r;

	fsipcbuf.read.req_fileid = fd->fd_file_id;
	fsipcbuf.read.req_n = n;
	fsipcbuf.read.req_offset = fd->fd_offset;
	if ((r = fsipc(FSREQ_READ, NOWHERE)) < 0)
		return r;
	if ((size_t)r > n)
		return -E_CORRUPT;
	memcpy(buf, fsipcbuf.readRet.ret_buf, r);
	fd->fd_offset += r;
	return r;
}

static ssize_t devfile_read(struct Fd *fd, void *buf, size_t n)
{
	size_t done = 0, want;
	ssize_t r;

	while (done < n) {
		want = MIN(n - done, (size_t)PGSIZE);
		r = read_page(fd, (char *)buf + done, want);
		if (r < 0)
			return done ? (ssize_t)done : r;
		done += r;
		if ((size_t)r < want)
			break;
	}
	return done;
}

static ssize_t write_some(struct Fd *fd, const void *buf, size_t n)
{
	ssize_t r;

	n = MIN(n, sizeof(fsipcbuf.write.req_buf));
	fsipcbuf.write.req_fileid = fd->fd_file_id;
	fsipcbuf.write.req_n = n;
	fsipcbuf.write.req_offset = fd->fd_offset;
	memcpy(fsipcbuf.write.req_buf, buf, n);
	if ((r = fsipc(FSREQ_WRITE, NOWHERE)) < 0)
		return r;
	if ((size_t)r > n)
		return -E_CORRUPT;
	fd->fd_offset += r;
	return r;
}

static ssize_t devfile_write(struct Fd *fd, const void *buf, size_t n)
{
	size_t done = 0;
	ssize_t r;

	while (done < n) {
		r = write_some(fd, (const char *)buf + done, n - done);
		if (r <= 0)
			return done ? (ssize_t)done : r;
		done += r;
	}
	return done;
}

// The server learns that a file is closed from its page's reference count.
static int devfile_close(struct Fd *fd)
{
	if (!(fd->fd_omode & (O_ACCMODE | O_CREAT)))	// changed nothing
		return 0;
	fsipcbuf.flush.req_fileid = fd->fd_file_id;
	return fsipc(FSREQ_FLUSH, NOWHERE);
}

static int devfile_stat(struct Fd *fd, struct Stat *st)
{
	int r;

	fsipcbuf.stat.req_fileid = fd->fd_file_id;
	if ((r = fsipc(FSREQ_STAT, NOWHERE)) < 0)
		return r;
	strlcpy(st->st_name, fsipcbuf.statRet.ret_name, MAXNAMELEN);
	st->st_size = fsipcbuf.statRet.ret_size;
	st->st_isdir = fsipcbuf.statRet.ret_isdir;
	return 0;
}

static int devfile_trunc(struct Fd *fd, off_t size)
{
	fsipcbuf.set_size.req_fileid = fd->fd_file_id;
	fsipcbuf.set_size.req_size = size;
	return fsipc(FSREQ_SET_SIZE, NOWHERE);
}

struct Dev devfile = {
	.dev_id = 'f',
	.dev_name = "file",
	.dev_read = devfile_read,
	.dev_write = devfile_write,
	.dev_close = devfile_close,
	.dev_stat = devfile_stat,
	.dev_trunc = devfile_trunc,
};
