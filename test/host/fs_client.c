#include <inc/error.h>

#include <string.h>

#include "fs_client.h"
#include "fs_machine.h"

union Fsipc page;

int open_as(int who, const char *path, int mode, struct Fd **fd)
{
	int r;

	memset(&page, 0, sizeof(page));
	strcpy(page.open.req_path, path);
	page.open.req_omode = mode;
	r = call(who, FSREQ_OPEN, &page);
	CHECK((r == 0) == (fd_of_answer() != NULL));
	*fd = fd_of_answer();
	return r;
}

struct Fd *must_open(const char *path, int mode)
{
	struct Fd *fd;

	EQUAL(open_as(USER, path, mode, &fd), 0);
	return fd;
}

int try_open(const char *path, int mode)
{
	struct Fd *fd;
	int r = open_as(USER, path, mode, &fd);

	if (r == 0)
		fd_close(fd);
	return r;
}

int64_t pread_as(int who, uint32_t id, void *buf, uint32_t n,
		 off_t offset)
{
	int64_t r;

	page.read.req_fileid = id;
	page.read.req_n = n;
	page.read.req_offset = offset;
	r = call(who, FSREQ_READ, &page);
	if (r > 0 && buf)
		memcpy(buf, page.readRet.ret_buf, r);
	return r;
}

int64_t pwrite_as(int who, uint32_t id, const void *buf, uint32_t n,
		  off_t offset)
{
	page.write.req_fileid = id;
	page.write.req_n = n;
	page.write.req_offset = offset;
	if (n <= sizeof(page.write.req_buf))
		memcpy(page.write.req_buf, buf, n);
	return call(who, FSREQ_WRITE, &page);
}

int64_t read_all(struct Fd *fd, void *buf, size_t n, off_t offset)
{
	for (size_t done = 0; done < n; ) {
		int64_t r = pread_as(USER, fd->fd_file_id, (char *)buf + done,
				     MIN(n - done, 4096ul), offset + done);
		if (r <= 0)
			return r < 0 ? r : -E_EOF;
		done += r;
	}
	return 0;
}

int64_t write_all(struct Fd *fd, const void *buf, size_t n, off_t offset)
{
	for (size_t done = 0; done < n; ) {
		int64_t r = pwrite_as(USER, fd->fd_file_id,
				      (const char *)buf + done,
				      MIN(n - done, 4080ul), offset + done);
		if (r <= 0)
			return r < 0 ? r : -E_EOF;
		done += r;
	}
	return 0;
}

int set_size(struct Fd *fd, off_t size)
{
	page.set_size.req_fileid = fd->fd_file_id;
	page.set_size.req_size = size;
	return call(USER, FSREQ_SET_SIZE, &page);
}

int stat_size(struct Fd *fd)
{
	page.stat.req_fileid = fd->fd_file_id;
	EQUAL(call(USER, FSREQ_STAT, &page), 0);
	return page.statRet.ret_size;
}

int flush_as(int who, uint32_t id)
{
	page.flush.req_fileid = id;
	return call(who, FSREQ_FLUSH, &page);
}

int flush(struct Fd *fd)
{
	return flush_as(USER, fd->fd_file_id);
}

int remove_path(const char *path)
{
	memset(&page, 0, sizeof(page));
	strcpy(page.remove.req_path, path);
	return call(USER, FSREQ_REMOVE, &page);
}

int copy(struct Fd *src, struct Fd *dst)
{
	page.copy.req_src = src->fd_file_id;
	page.copy.req_dst = dst->fd_file_id;
	return call(USER, FSREQ_COPY, &page);
}

int sync_fs(void)
{
	return call(USER, FSREQ_SYNC, &page);
}

int make_dir(const char *path)
{
	return try_open(path, O_MKDIR | O_CREAT | O_EXCL);
}
