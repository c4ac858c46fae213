// The disk in a guest: an image file on the host, read and written as a
// client of the host's file server (inc/fs.h has the protocol).
#include <inc/x86.h>

#include <fs/fs.h>

#define REQ	((union Fsipc *)HOSTVA)
#define FD	((struct Fd *)(HOSTVA + PGSIZE))	// keeps it open

static uint32_t fileid;

// Sends the request page and waits for the answer; an answer with a page
// puts it at dst.
static int64_t host_call(int req, union Fsipc *page, void *dst)
{
	int r = ipc_host_send(VMX_HOST_FS_ENV, req, page,
			      PTE_P | PTE_U | PTE_W);

	return r < 0 ? r : ipc_host_recv(dst);
}

int host_init(void)
{
	int64_t r = hypercall(VMX_VMCALL_GETDISKIMGNUM, 0, 0);

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		int e = sys_page_alloc(0, (char *)HOSTVA + i * PGSIZE,
				       PERM_RW);
		if (e < 0)
			return e;
	}
	snprintf(REQ->open.req_path, MAXPATHLEN, "/vmm/fs%d.img", (int)r);
	REQ->open.req_omode = O_RDWR;
	if ((r = host_call(FSREQ_OPEN, REQ, FD)) < 0)
		return r;
	fileid = FD->fd_file_id;

	REQ->stat.req_fileid = fileid;
	if ((r = host_call(FSREQ_STAT, REQ, NULL)) < 0)
		return r;
	return REQ->statRet.ret_size / BLKSIZE;
}

// The page that the block shall fill carries the request: the host's server
// puts the data into the same page, and nothing is copied here.
int host_read(uint32_t secno, void *buf, size_t nsecs)
{
	union Fsipc *req = buf;
	int64_t n;

	if (nsecs != BLKSECTS || PGOFF(buf))
		return -E_INVAL;
	req->read.req_fileid = fileid;
	req->read.req_n = BLKSIZE;
	req->read.req_offset = (off_t)secno * SECTSIZE;
	n = host_call(FSREQ_READ, req, NULL);
	return n == BLKSIZE ? 0 : n < 0 ? n : -E_IO;
}

int host_write(uint32_t secno, const void *buf, size_t nsecs)
{
	size_t left = nsecs * SECTSIZE, max = BLKSIZE / 2;
	int64_t n;

	for (size_t done = 0; left > 0; left -= n, done += n) {
		REQ->write.req_fileid = fileid;
		REQ->write.req_n = MIN(left, max);
		REQ->write.req_offset = (off_t)secno * SECTSIZE + done;
		memcpy(REQ->write.req_buf, (const char *)buf + done,
		       MIN(left, max));
		n = host_call(FSREQ_WRITE, REQ, NULL);
		if (n <= 0 || (size_t)n > left)
			return n < 0 ? n : -E_IO;
	}
	return 0;
}

int host_flush(void)
{
	REQ->flush.req_fileid = fileid;
	return host_call(FSREQ_FLUSH, REQ, NULL);
}
