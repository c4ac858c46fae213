// Pipes: a page that the ends share holds the characters; each end's
// descriptor page stands for itself. The other end is closed when all
// references to the pipe's page are this end's.
#include <inc/lib.h>

// rpos and wpos only grow, and wrap around; the difference is what is in the
// buffer, whose size so must be a power of two.
#define BUFSIZE		2048u

struct Pipe {
	volatile uint32_t p_lock;	// who holds it; 0: nobody
	volatile uint32_t p_rpos, p_wpos;
	char p_buf[BUFSIZE];
};
_Static_assert(sizeof(struct Pipe) <= PGSIZE, "one page");

#define PIPE_PERM	(PTE_P | PTE_U | PTE_W | PTE_SHARE | PTE_NOEXEC)

static int new_end(struct Fd **fd, int omode)
{
	int r;

	if ((r = fd_alloc(fd)) < 0 ||
	    (r = sys_page_alloc(0, *fd, PIPE_PERM)) < 0)
		return r;
	(*fd)->fd_dev_id = devpipe.dev_id;
	(*fd)->fd_omode = omode;
	return 0;
}

int pipe(int fds[2])
{
	struct Fd *in, *out;
	int r;

	if ((r = new_end(&in, O_RDONLY)) < 0)
		return r;
	if ((r = new_end(&out, O_WRONLY)) < 0)
		goto bad_in;
	if ((r = sys_page_alloc(0, fd2data(in), PIPE_PERM)) < 0)
		goto bad_out;
	r = sys_page_map(0, fd2data(in), 0, fd2data(out), PIPE_PERM);
	if (r < 0)
		goto bad_data;
	fds[0] = fd2num(in);
	fds[1] = fd2num(out);
	return 0;

bad_data:
	sys_page_unmap(0, fd2data(in));
bad_out:
	sys_page_unmap(0, out);
bad_in:
	sys_page_unmap(0, in);
	return r;
}

// Two counts that belong together: neither an interrupt nor another
// processor's change came between.
static bool counts_equal(struct Fd *fd, struct Pipe *p)
{
	uint32_t runs, ends, all;

	do {
		runs = thisenv->env_runs;
		ends = pageref(fd);
		all = pageref(p);
	} while (runs != thisenv->env_runs || ends != pageref(fd));
	return ends == all;
}

// On another processor an environment may just be losing its pages, one after
// the other. A system call waits until that is over.
static bool other_end_closed(struct Fd *fd, struct Pipe *p)
{
	if (!counts_equal(fd, p))
		return false;
	sys_getenvid();
	return counts_equal(fd, p);
}

bool pipeisclosed(int fdnum)
{
	struct Fd *fd;

	return fd_lookup(fdnum, &fd) < 0 ||
	       other_end_closed(fd, (struct Pipe *)fd2data(fd));
}

// An end may be several programs', so copying is done by one at a time. Who
// is killed while it holds the lock loses it: its reference to the page goes,
// which wakes those who wait.
static void lock(struct Pipe *p)
{
	uint32_t me = thisenv->env_id, holder, refs;
	const volatile struct Env *e;

	for (;;) {
		refs = pageref(p);
		holder = __sync_val_compare_and_swap(&p->p_lock, 0, me);
		if (holder == 0)
			return;
		e = &envs[ENVX(holder)];
		if ((uint32_t)e->env_id == holder &&
		    e->env_status != ENV_FREE)
			sys_page_wait(&p->p_lock, holder, refs);
		else if (__sync_bool_compare_and_swap(&p->p_lock, holder, me))
			return;
	}
}

// Copies n bytes into the buffer from position pos on, or out of it.
static void copy(struct Pipe *p, uint32_t pos, char *buf, size_t n, bool in)
{
	size_t part;
	char *there;

	for (; n > 0; n -= part, buf += part, pos += part) {
		there = p->p_buf + pos % BUFSIZE;
		part = MIN(n, BUFSIZE - pos % BUFSIZE);
		memcpy(in ? there : buf, in ? buf : there, part);
	}
}

// Moves up to n bytes; the positions may be wrong, so no more than fit.
static size_t transfer(struct Pipe *p, char *buf, size_t n, bool in)
{
	uint32_t there;

	lock(p);
	there = p->p_wpos - p->p_rpos;
	there = MIN(there, BUFSIZE);
	n = MIN(n, in ? BUFSIZE - there : there);
	copy(p, in ? p->p_wpos : p->p_rpos, buf, n, in);
	if (in)
		p->p_wpos += n;
	else
		p->p_rpos += n;
	p->p_lock = 0;
	sys_page_wake(p);
	return n;
}

static ssize_t devpipe_read(struct Fd *fd, void *buf, size_t n)
{
	struct Pipe *p = (struct Pipe *)fd2data(fd);
	uint32_t refs, rpos;
	size_t done;

	for (;;) {
		refs = pageref(p);
		rpos = p->p_rpos;
		if (rpos != p->p_wpos && (done = transfer(p, buf, n, false)))
			return done;
		if (n == 0 || (other_end_closed(fd, p) && rpos == p->p_wpos))
			return 0;
		sys_page_wait(&p->p_wpos, rpos, refs);
	}
}

// Waits for room, then puts as much of n as there is room for.
static ssize_t put_some(struct Fd *fd, char *buf, size_t n)
{
	struct Pipe *p = (struct Pipe *)fd2data(fd);
	uint32_t refs, full;
	size_t done;

	for (;;) {
		refs = pageref(p);
		full = p->p_wpos - BUFSIZE;
		if (other_end_closed(fd, p))
			return -E_EOF;
		if (p->p_rpos != full && (done = transfer(p, buf, n, true)))
			return done;
		sys_page_wait(&p->p_rpos, full, refs);
	}
}

static ssize_t devpipe_write(struct Fd *fd, const void *buf, size_t n)
{
	size_t done;
	ssize_t r;

	for (done = 0; done < n; done += r)
		if ((r = put_some(fd, (char *)buf + done,
				  n - done)) < 0)
			return done ? (ssize_t)done : r;
	return done;
}

// The end first: see counts_equal.
static int devpipe_close(struct Fd *fd)
{
	sys_page_unmap(0, fd);
	return sys_page_unmap(0, fd2data(fd));
}

static int devpipe_stat(struct Fd *fd, struct Stat *st)
{
	struct Pipe *p = (struct Pipe *)fd2data(fd);

	strcpy(st->st_name, "<pipe>");
	st->st_size = p->p_wpos - p->p_rpos;
	return 0;
}

struct Dev devpipe = {
	.dev_id = 'p',
	.dev_name = "pipe",
	.dev_read = devpipe_read,
	.dev_write = devpipe_write,
	.dev_close = devpipe_close,
	.dev_stat = devpipe_stat,
};
