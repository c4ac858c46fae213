// The file server: takes one request after the other (inc/fs.h has the
// protocol). The page with a request stays shared with its client, who may
// change it at any time: the header is copied, and only the copy is looked
// at. An answer never waits for the client to take it.
#include <fs/fs.h>

// An open file is named by a number that its client keeps in the struct Fd,
// whose page the client shares with us: when we alone have the page, the file
// is closed.
struct OpenFile {
	uint32_t o_fileid;	// slot + MAXOPEN * how often it was used
	int o_mode;		// as the client opened it
	struct File *o_file;	// null: removed by somebody meanwhile
	envid_t o_guest;	// the guest that opened it, 0: a program
	bool o_live;
	bool o_temp;		// the last one to close it removes it
};

struct request {
	envid_t whom;
	bool guest;
	union Fsipc hdr;	// a copy
	union Fsipc *page;	// the client's
	struct Fd *fd;		// page for the answer, or null
};

static struct OpenFile opentab[MAXOPEN];
static int nopen;		// slots from here on were never used
static int fs_state;		// why there is no file system, or 0

static struct Fd *fd_page(const struct OpenFile *o)
{
	return (struct Fd *)(FILEVA + (o - opentab) * PGSIZE);
}

// --------------------------------------------------------------
// Open files

// Closes o. A temporary file goes, unless another has it open and inherits it.
static void openfile_close(struct OpenFile *o)
{
	o->o_live = false;
	sys_page_unmap(0, fd_page(o));
	if (!o->o_temp || !o->o_file)
		return;
	for (struct OpenFile *p = opentab; p < opentab + nopen; p++)
		if (p->o_live && p->o_file == o->o_file) {
			p->o_temp = true;
			return;
		}
	file_remove(o->o_file);
}

// Closes the files that no client has open any more.
static void openfile_reap(void)
{
	for (struct OpenFile *o = opentab; o < opentab + nopen; o++)
		if (o->o_live && pageref(fd_page(o)) <= 1)
			openfile_close(o);
}

// A slot and its page; it counts as open once o_live is set.
static int openfile_alloc(struct OpenFile **po)
{
	for (int i = 0; i < MAXOPEN; i++) {
		struct OpenFile *o = &opentab[i];
		int r;

		if (o->o_live)
			continue;
		if ((r = sys_page_alloc(0, fd_page(o), PERM_RW)) < 0)
			return r;
		o->o_fileid = i >= nopen ? (uint32_t)i : o->o_fileid + MAXOPEN;
		nopen = MAX(nopen, i + 1);
		*po = o;
		return 0;
	}
	return -E_MAX_OPEN;
}

// The client's open file; its o_file may be used. -E_INVAL: no such file is
// open. -E_ACCESS: it is a guest's and this is not the guest, or was not
// opened for such use (access is O_RDONLY to read, O_WRONLY to write, -1 for
// neither). -E_NOT_FOUND: the file was removed.
static int openfile_lookup(const struct request *rq, uint32_t fileid,
			   int access, struct OpenFile **po)
{
	struct OpenFile *o = &opentab[fileid % MAXOPEN];
	void *block;
	int r;

	if (!o->o_live || o->o_fileid != fileid || pageref(fd_page(o)) <= 1)
		return -E_INVAL;
	if (o->o_guest != (rq->guest ? rq->whom : 0))
		return -E_ACCESS;
	if (access >= 0 && (o->o_mode & O_ACCMODE) != O_RDWR &&
	    (o->o_mode & O_ACCMODE) != access)
		return -E_ACCESS;
	if (!o->o_file)
		return -E_NOT_FOUND;
	r = bc_get(((uintptr_t)o->o_file - DISKMAP) / BLKSIZE, &block);
	if (r < 0)
		return r;
	*po = o;
	return file_fault(o->o_file) ? -E_CORRUPT : 0;
}

// --------------------------------------------------------------
// Requests

// A guest may open its own disk image, to read and write it as it is.
static int guest_may_open(const struct request *rq)
{
	char path[32];

	snprintf(path, sizeof(path), "/vmm/fs%d.img",
		 envs[ENVX(rq->whom)].env_vmdisk);
	if (strcmp(rq->hdr.open.req_path, path) != 0 ||
	    rq->hdr.open.req_omode != O_RDWR)
		return -E_ACCESS;
	return 0;
}

static int open_file(const char *path, int mode, struct File **pf)
{
	int r = file_open(path, pf);

	if (r == -E_NOT_FOUND && (mode & (O_CREAT | O_MKDIR)))
		return file_create(path, mode & O_MKDIR ? FTYPE_DIR
				   : FTYPE_REG, pf);
	if (r < 0)
		return r;
	if (mode & (O_EXCL | O_MKDIR))
		return -E_FILE_EXISTS;
	if ((*pf)->f_type == FTYPE_DIR &&
	    (mode & (O_ACCMODE | O_TRUNC | O_TEMP)))
		return -E_NOT_SUPP;
	return mode & O_TRUNC ? file_set_size(*pf, 0) : 0;
}

// The guest's open image, if it has it open: one is enough for it.
static struct OpenFile *find_guest(envid_t guest)
{
	for (struct OpenFile *o = opentab; o < opentab + nopen; o++)
		if (o->o_live && o->o_guest == guest)
			return o;
	return NULL;
}

static bool mode_ok(int mode)
{
	int all = O_ACCMODE | O_CREAT | O_TRUNC | O_EXCL | O_MKDIR |
		O_APPEND | O_TEMP;

	if ((mode & ~all) || (mode & O_ACCMODE) == O_ACCMODE)
		return false;
	if ((mode & O_ACCMODE) == O_RDONLY)
		return !(mode & (O_TRUNC | O_TEMP));
	return !(mode & O_MKDIR);
}

static int serve_open(struct request *rq)
{
	const char *path = rq->hdr.open.req_path;
	int mode = rq->hdr.open.req_omode, r;
	struct OpenFile *o;
	struct File *f;

	if (!memchr(path, 0, MAXPATHLEN))
		return -E_BAD_PATH;
	if (!mode_ok(mode))
		return -E_INVAL;
	if (rq->guest && (r = guest_may_open(rq)) < 0)
		return r;
	openfile_reap();
	if (rq->guest && (o = find_guest(rq->whom))) {
		rq->fd = fd_page(o);
		return 0;
	}
	if ((r = openfile_alloc(&o)) < 0)
		return r;
	if ((r = open_file(path, mode, &f)) < 0 ||
	    ((mode & O_TEMP) && (r = file_set_temp(f, true)) < 0) ||
	    (r = bc_settle()) < 0) {
		sys_page_unmap(0, fd_page(o));
		return r;
	}
	o->o_file = f;
	o->o_mode = mode;
	o->o_guest = rq->guest ? rq->whom : 0;
	o->o_temp = mode & O_TEMP;
	o->o_live = true;
	rq->fd = fd_page(o);
	rq->fd->fd_dev_id = 'f';
	rq->fd->fd_omode = mode;
	rq->fd->fd_offset = mode & O_APPEND ? f->f_size : 0;
	rq->fd->fd_file_id = o->o_fileid;
	return 0;
}

static int serve_set_size(struct request *rq)
{
	struct OpenFile *o;
	int r = openfile_lookup(rq, rq->hdr.set_size.req_fileid, O_WRONLY,
				&o);

	if (r < 0)
		return r;
	return file_set_size(o->o_file, rq->hdr.set_size.req_size);
}

static int serve_read(struct request *rq)
{
	const struct Fsreq_read *h = &rq->hdr.read;
	struct OpenFile *o;
	int r = openfile_lookup(rq, h->req_fileid, O_RDONLY, &o);

	if (r < 0)
		return r;
	if (h->req_n > sizeof(rq->page->readRet.ret_buf))
		return -E_INVAL;
	return file_read(o->o_file, rq->page->readRet.ret_buf, h->req_n,
			 h->req_offset);
}

static int serve_write(struct request *rq)
{
	const struct Fsreq_write *h = &rq->hdr.write;
	struct OpenFile *o;
	int r = openfile_lookup(rq, h->req_fileid, O_WRONLY, &o);

	if (r < 0)
		return r;
	if (h->req_n > sizeof(h->req_buf) || h->req_offset < 0)
		return -E_INVAL;
	// A guest's disk does not grow.
	if (rq->guest && (h->req_offset > o->o_file->f_size ||
			  h->req_n > o->o_file->f_size - h->req_offset))
		return -E_ACCESS;
	return file_write(o->o_file, rq->page->write.req_buf, h->req_n,
			  h->req_offset);
}

static int serve_stat(struct request *rq)
{
	struct Fsret_stat *ret = &rq->page->statRet;
	struct OpenFile *o;
	int r = openfile_lookup(rq, rq->hdr.stat.req_fileid, -1, &o);

	if (r < 0)
		return r;
	memcpy(ret->ret_name, o->o_file->f_name, MAXNAMELEN);
	ret->ret_size = o->o_file->f_size;
	ret->ret_isdir = o->o_file->f_type == FTYPE_DIR;
	return 0;
}

// Who opened it as temporary does not need it after a power cut; to all others
// it is promised, as a guest's disk is to the guest. One commit does: it is of
// everything.
static int serve_flush(struct request *rq)
{
	struct OpenFile *o;
	int r = openfile_lookup(rq, rq->hdr.flush.req_fileid, -1, &o);

	if (r < 0 || (o->o_mode & O_TEMP))
		return r;
	r = file_set_temp(o->o_file, false);
	return r < 0 ? r : fs_commit();
}

static int serve_remove(struct request *rq)
{
	const char *path = rq->hdr.remove.req_path;
	struct File *f;
	int r;

	if (!memchr(path, 0, MAXPATHLEN))
		return -E_BAD_PATH;
	openfile_reap();
	if ((r = file_open(path, &f)) < 0 || (r = file_remove(f)) < 0)
		return r;
	// Whoever has it open has lost it: the entry may serve another file.
	for (struct OpenFile *o = opentab; o < opentab + nopen; o++)
		if (o->o_live && o->o_file == f)
			o->o_file = NULL;
	return 0;
}

static int serve_sync(struct request *rq)
{
	USED(rq);
	openfile_reap();
	return fs_sync();
}

static int serve_copy(struct request *rq)
{
	struct OpenFile *src, *dst;
	int r;

	r = openfile_lookup(rq, rq->hdr.copy.req_src, O_RDONLY, &src);
	if (r < 0)
		return r;
	r = openfile_lookup(rq, rq->hdr.copy.req_dst, O_WRONLY, &dst);
	if (r < 0)
		return r;
	if (src->o_file->f_type == FTYPE_DIR)
		return -E_NOT_SUPP;
	return file_copy(src->o_file, dst->o_file);
}

static const struct {
	int (*serve)(struct request *rq);
	size_t header;		// bytes to copy from the client's page
	bool for_guests;
} requests[] = {
	[FSREQ_OPEN] = { serve_open, sizeof(struct Fsreq_open), true },
	[FSREQ_SET_SIZE] = { serve_set_size, sizeof(struct Fsreq_set_size),
			     false },
	[FSREQ_READ] = { serve_read, sizeof(struct Fsreq_read), true },
	[FSREQ_WRITE] = { serve_write, offsetof(struct Fsreq_write, req_buf),
			  true },
	[FSREQ_STAT] = { serve_stat, sizeof(struct Fsreq_stat), true },
	[FSREQ_FLUSH] = { serve_flush, sizeof(struct Fsreq_flush), true },
	[FSREQ_REMOVE] = { serve_remove, sizeof(struct Fsreq_remove), false },
	[FSREQ_SYNC] = { serve_sync, 0, false },
	[FSREQ_COPY] = { serve_copy, sizeof(struct Fsreq_copy), false },
};

// The answer to request number nr of rq->whom, who sent the page with perm.
static int serve(struct request *rq, uint64_t nr, int perm)
{
	int r, e;

	if (nr >= ARRAY_SIZE(requests) || !requests[nr].serve)
		return -E_NOT_SUPP;
	if (rq->guest && !requests[nr].for_guests)
		return -E_ACCESS;
	if ((perm & (PTE_P | PTE_W)) != (PTE_P | PTE_W))
		return -E_INVAL;
	if (fs_state < 0)
		return fs_state;
	memcpy(&rq->hdr, rq->page, requests[nr].header);
	r = requests[nr].serve(rq);
	if (r == -E_NO_DISK) {
		openfile_reap();
		if (fs_reclaim())
			r = requests[nr].serve(rq);
	}
	e = bc_settle();
	return e < 0 ? e : r;
}

// A client that does not receive has lost its answer; one that has no memory
// to map the descriptor learns that.
static void answer(const struct request *rq, int r)
{
	if (rq->fd)
		r = sys_ipc_try_send(rq->whom, r, rq->fd, PTE_P | PTE_U |
				     PTE_W | PTE_SHARE | PTE_NOEXEC);
	if (!rq->fd || r < 0)
		sys_ipc_try_send(rq->whom, r, (void *)UTOP, 0);
}

static void serve_next(void)
{
	static struct request rq;	// larger than the stack should hold
	int perm, r;
	uint64_t nr;

	if (sys_ipc_recv((void *)REQVA) < 0)
		return;
	nr = thisenv->env_ipc_value;
	perm = thisenv->env_ipc_perm;
	rq.whom = thisenv->env_ipc_from;
	rq.guest = envs[ENVX(rq.whom)].env_type == ENV_TYPE_GUEST;
	rq.page = (union Fsipc *)REQVA;
	rq.fd = NULL;
	r = serve(&rq, nr, perm);
	if (perm)
		sys_page_unmap(0, (void *)REQVA);
	bc_sweep();
	answer(&rq, r);
}

void umain(int argc, char **argv)
{
	int r = bc_init();

	USED(argc);
	USED(argv);
	binaryname = "fs";
	if (r >= 0)
		r = fs_init(r);
	if (r < 0)
		cprintf("fs: no file system: %e\n", r);
	fs_state = r;
	for (;;)
		serve_next();
}
