// Tests of the file server: fs_test NAME runs one, fs_test lists them.
#include <inc/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs_client.h"
#include "fs_machine.h"

static void put(const char *path, const void *data, size_t n)
{
	struct Fd *fd = must_open(path, O_RDWR | O_CREAT | O_TRUNC);

	EQUAL(write_all(fd, data, n, 0), 0);
	fd_close(fd);
}

static bool has(const char *path, const void *data, size_t n)
{
	struct Fd *fd = must_open(path, O_RDONLY);
	char *buf = malloc(n + 1);
	bool same = (size_t)stat_size(fd) == n &&
		read_all(fd, buf, n, 0) == 0 && memcmp(buf, data, n) == 0;

	free(buf);
	fd_close(fd);
	return same;
}

static uint32_t free_after_sync(void)
{
	EQUAL(sync_fs(), 0);
	return server_free_blocks();
}

static char *noise(size_t n, unsigned seed)
{
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = seed >> 16 | 1;
	}
	return p;
}

// --------------------------------------------------------------
// An independent check of the image: each block is in one place, and the
// bitmap says so.

static uint8_t *owners;

static struct Super *super(void)
{
	return (struct Super *)(disk + BLKSIZE);
}

static void *dblock(uint32_t b)
{
	CHECK(b < disk_blocks);
	return disk + (size_t)b * BLKSIZE;
}

static bool marked_free(uint32_t b)
{
	return disk[2 * BLKSIZE + b / 8] >> b % 8 & 1;
}

static void own(uint32_t b)
{
	if (!b)
		return;
	CHECK(b >= 3 + super()->s_njournal && b < disk_blocks);
	CHECK(!owners[b]);
	CHECK(!marked_free(b));
	owners[b] = 1;
}

static void fsck_file(struct File *f)
{
	uint32_t *ind = f->f_indirect ? dblock(f->f_indirect) : NULL;

	CHECK(f->f_size >= 0 && f->f_size <= MAXFILESIZE);
	own(f->f_indirect);
	for (uint32_t i = 0; i < NDIRECT + NINDIRECT; i++) {
		uint32_t b = i < NDIRECT ? f->f_direct[i]
			: ind ? ind[i - NDIRECT] : 0;
		own(b);
		CHECK(!b || i < (uint32_t)(f->f_size + BLKSIZE - 1) / BLKSIZE);
		if (!b || f->f_type != FTYPE_DIR)
			continue;
		for (struct File *c = dblock(b); (void *)c !=
		     (char *)dblock(b) + BLKSIZE; c++)
			if (c->f_name[0])
				fsck_file(c);
	}
}

static void fsck(void)
{
	owners = calloc(1, disk_blocks);
	fsck_file(&super()->s_root);
	for (uint32_t b = 3 + super()->s_njournal; b < disk_blocks; b++)
		CHECK(marked_free(b) == !owners[b]);
	free(owners);
}

// --------------------------------------------------------------
// Files

static void test_basic(void)
{
	struct Fd *fd = must_open("/hello", O_RDWR | O_CREAT);
	char buf[32];

	EQUAL(fd->fd_dev_id, 'f');
	EQUAL(pwrite_as(USER, fd->fd_file_id, "hello, world", 12, 0), 12);
	EQUAL(pread_as(USER, fd->fd_file_id, buf, 32, 7), 5);
	CHECK(memcmp(buf, "world", 5) == 0);
	EQUAL(pread_as(USER, fd->fd_file_id, buf, 32, 12), 0);
	EQUAL(pread_as(USER, fd->fd_file_id, buf, 32, 1ul << 60), 0);
	EQUAL(stat_size(fd), 12);
	CHECK(strcmp(page.statRet.ret_name, "hello") == 0);
	EQUAL(page.statRet.ret_isdir, 0);
	EQUAL(flush(fd), 0);
	EQUAL(sync_fs(), 0);
	fd_close(fd);
	fsck();
	EQUAL(machine_boot(), 0);
	CHECK(has("hello", "hello, world", 12));
	CHECK(has("///hello", "hello, world", 12));
	CHECK(console[0] == 0);
}

static void test_holes(void)
{
	struct Fd *fd = must_open("/h", O_RDWR | O_CREAT);
	uint32_t before = server_free_blocks();
	char buf[8192], zero[8192] = { 0 };

	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 100 * BLKSIZE), 1);
	EQUAL(server_free_blocks(), before - 2);	// indirect and data
	EQUAL(read_all(fd, buf, 8192, 50 * BLKSIZE - 5), 0);
	CHECK(memcmp(buf, zero, 8192) == 0);
	// Cut off and grown again: zeros.
	EQUAL(pwrite_as(USER, fd->fd_file_id, "abcdefgh", 8, 0), 8);
	EQUAL(set_size(fd, 3), 0);
	EQUAL(server_free_blocks(), before - 1);
	EQUAL(set_size(fd, 5000), 0);
	EQUAL(read_all(fd, buf, 5000, 0), 0);
	CHECK(memcmp(buf, "abc", 3) == 0);
	CHECK(memcmp(buf + 3, zero, 4997) == 0);
	EQUAL(set_size(fd, 0), 0);
	EQUAL(server_free_blocks(), before);
	fd_close(fd);
	EQUAL(free_after_sync(), before);
	fsck();
}

static void test_sizes(void)
{
	struct Fd *fd = must_open("/big", O_RDWR | O_CREAT);
	size_t n = MAXFILESIZE;
	char *data = noise(n, 1), *back = malloc(n);

	EQUAL(write_all(fd, data, n, 0), 0);
	EQUAL(stat_size(fd), n);
	EQUAL(read_all(fd, back, n, 0), 0);
	CHECK(memcmp(data, back, n) == 0);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, n), -E_INVAL);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "xy", 2, n - 1), -E_INVAL);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, INT64_MAX), -E_INVAL);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, -1), -E_INVAL);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, INT64_MIN), -E_INVAL);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 4081, 0), -E_INVAL);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", UINT32_MAX, 0), -E_INVAL);
	EQUAL(pread_as(USER, fd->fd_file_id, back, 4097, 0), -E_INVAL);
	EQUAL(pread_as(USER, fd->fd_file_id, back, 1, -1), -E_INVAL);
	EQUAL(pread_as(USER, fd->fd_file_id, back, 1, INT64_MIN), -E_INVAL);
	EQUAL(pread_as(USER, fd->fd_file_id, back, 4096, n - 1), 1);
	EQUAL(set_size(fd, n + 1), -E_INVAL);
	EQUAL(set_size(fd, -1), -E_INVAL);
	EQUAL(set_size(fd, INT64_MIN), -E_INVAL);
	EQUAL(set_size(fd, 1l << 32), -E_INVAL);
	EQUAL(stat_size(fd), n);
	EQUAL(flush(fd), 0);
	fd_close(fd);
	fsck();
	EQUAL(remove_path("/big"), 0);
	EQUAL(sync_fs(), 0);
	fsck();
	free(data);
	free(back);
}

static void test_modes(void)
{
	struct Fd *fd;

	EQUAL(try_open("/no", O_RDONLY), -E_NOT_FOUND);
	EQUAL(try_open("/no", O_RDWR | O_TRUNC), -E_NOT_FOUND);
	put("/f", "abc", 3);
	EQUAL(try_open("/f", O_RDWR | O_CREAT | O_EXCL), -E_FILE_EXISTS);
	EQUAL(try_open("/f", O_CREAT | O_EXCL | O_MKDIR), -E_FILE_EXISTS);
	EQUAL(try_open("/f", 3), -E_INVAL);
	EQUAL(try_open("/f", 0x10000), -E_INVAL);
	EQUAL(try_open("/f", O_RDONLY | O_TRUNC), -E_INVAL);
	EQUAL(try_open("/", O_RDWR), -E_NOT_SUPP);
	EQUAL(try_open("/", O_RDONLY), 0);
	EQUAL(try_open("/f/g", O_RDWR | O_CREAT), -E_NOT_FOUND);
	fd = must_open("/f", O_RDONLY);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 0), -E_ACCESS);
	EQUAL(set_size(fd, 0), -E_ACCESS);
	fd_close(fd);
	fd = must_open("/f", O_WRONLY | O_APPEND);
	EQUAL(fd->fd_offset, 3);
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 1, 0), -E_ACCESS);
	// What the client writes into its struct Fd changes nothing.
	fd->fd_omode = O_RDWR;
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 1, 0), -E_ACCESS);
	fd_close(fd);
	CHECK(has("/f", "abc", 3));
	fd = must_open("/f", O_RDWR | O_TRUNC);
	EQUAL(stat_size(fd), 0);
	fd_close(fd);
}

static void test_directories(void)
{
	struct File list[BLKFILES];
	char path[MAXPATHLEN], name[MAXNAMELEN + 1];
	struct Fd *fd;
	uint32_t before = free_after_sync();

	EQUAL(make_dir("/d"), 0);
	EQUAL(make_dir("/d"), -E_FILE_EXISTS);
	EQUAL(make_dir("/"), -E_FILE_EXISTS);
	EQUAL(make_dir("/x/y"), -E_NOT_FOUND);
	EQUAL(make_dir("/d/e"), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/d/e/file%d", i);
		put(path, path, strlen(path));
	}
	EQUAL(remove_path("/d"), -E_FILE_EXISTS);
	EQUAL(remove_path("/"), -E_INVAL);
	EQUAL(sync_fs(), 0);
	fsck();
	EQUAL(machine_boot(), 0);
	CHECK(has("/d/e/file77", "/d/e/file77", 11));
	fd = must_open("/d/e", O_RDONLY);
	EQUAL(stat_size(fd), ROUNDUP(200 * 256, BLKSIZE));
	EQUAL(page.statRet.ret_isdir, 1);
	EQUAL(read_all(fd, list, BLKSIZE, BLKSIZE), 0);
	CHECK(strcmp(list[1].f_name, "file17") == 0);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 0), -E_ACCESS);
	fd_close(fd);
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/d/e/file%d", i);
		EQUAL(remove_path(path), 0);
	}
	EQUAL(remove_path(path), -E_NOT_FOUND);
	EQUAL(remove_path("/d/e"), 0);
	EQUAL(remove_path("/d"), 0);
	EQUAL(free_after_sync(), before - 1);	// the root's own block
	fsck();

	// Names as long as may be, and paths as deep.
	memset(name, 'n', MAXNAMELEN);
	name[MAXNAMELEN] = 0;
	EQUAL(try_open(name, O_RDWR | O_CREAT), -E_BAD_PATH);
	name[MAXNAMELEN - 1] = 0;
	put(name, "x", 1);
	CHECK(has(name, "x", 1));
	path[0] = 0;
	for (int i = 0; i < 32; i++) {
		strcat(path, "/s");
		EQUAL(make_dir(path), 0);
	}
	strcat(path, "/s");
	EQUAL(make_dir(path), -E_BAD_PATH);
	EQUAL(sync_fs(), 0);
	EQUAL(machine_boot(), 0);
	CHECK(console[0] == 0);
}

static void test_copy(void)
{
	uint32_t before;
	struct Fd *src, *dst, *dir;
	size_t n = 300 * BLKSIZE + 17;
	char *data = noise(n, 2);

	memset(data + 20 * BLKSIZE, 0, 200 * BLKSIZE);
	put("/a", data, n);
	put("/b", data, 100000);
	before = free_after_sync() + 25;	// b's blocks
	src = must_open("/a", O_RDONLY);
	dst = must_open("/b", O_RDWR);
	EQUAL(copy(src, dst), 0);
	CHECK(has("/b", data, n));
	EQUAL(before + 1 - server_free_blocks(), 101 + 1);
	EQUAL(copy(src, src), -E_ACCESS);
	EQUAL(copy(dst, dst), -E_INVAL);
	EQUAL(copy(dst, src), -E_ACCESS);
	dir = must_open("/", O_RDONLY);
	EQUAL(copy(dir, dst), -E_NOT_SUPP);
	fd_close(dir);
	EQUAL(sync_fs(), 0);
	fsck();
	EQUAL(machine_boot(), 0);
	CHECK(has("/b", data, n));
	free(data);
}

static void test_temporary(void)
{
	uint32_t before;
	struct Fd *a, *b;

	put("/keep", "k", 1);
	before = free_after_sync();
	a = must_open("/t", O_RDWR | O_CREAT | O_TEMP);
	uint32_t cached = server_cached();
	EQUAL(write_all(a, "data", 4, 0), 0);
	b = must_open("/t", O_RDONLY);
	fd_close(a);
	EQUAL(try_open("/t", O_RDONLY), 0);	// b keeps it
	EQUAL(sync_fs(), 0);
	EQUAL(pread_as(USER, b->fd_file_id, NULL, 4, 0), 4);
	fd_close(b);
	EQUAL(try_open("/t", O_RDONLY), -E_NOT_FOUND);
	CHECK(server_cached() <= cached);
	EQUAL(free_after_sync(), before);
	EQUAL(server_open_files(), 0);
	// An answer that nobody takes leaves nothing behind.
	deaf = true;
	memset(&page, 0, sizeof(page));
	strcpy(page.open.req_path, "/t");
	page.open.req_omode = O_RDWR | O_CREAT | O_TEMP;
	EQUAL(call(USER, FSREQ_OPEN, &page), -1000);
	deaf = false;
	EQUAL(remove_path("/t"), -E_NOT_FOUND);
	no_room = true;
	EQUAL(try_open("/t", O_RDWR | O_CREAT | O_TEMP), -E_NO_MEM);
	no_room = false;
	EQUAL(remove_path("/t"), -E_NOT_FOUND);
	EQUAL(free_after_sync(), before);
	CHECK(has("/keep", "k", 1));
	fsck();
}

static void test_full_disk(void)
{
	static char data[64 * BLKSIZE];
	struct Fd *fd, *t;
	uint32_t before;
	int64_t r, n = 0;

	disk_new(64);
	EQUAL(machine_boot(), 0);
	memset(data, 'x', sizeof(data));
	t = must_open("/temp", O_RDWR | O_CREAT | O_TEMP);
	EQUAL(write_all(t, data, BLKSIZE, 0), 0);
	fd = must_open("/fill", O_RDWR | O_CREAT);
	before = free_after_sync();
	while ((r = pwrite_as(USER, fd->fd_file_id, data, 4080, n)) > 0)
		n += r;
	EQUAL(r, -E_NO_DISK);
	EQUAL(stat_size(fd), n);
	EQUAL(sync_fs(), 0);
	fsck();				// nothing past the end
	// What is there can be overwritten, and a temporary file that nobody
	// has open makes room.
	EQUAL(write_all(fd, data, n, 0), 0);
	fd_close(t);
	EQUAL(write_all(fd, data, BLKSIZE - n % BLKSIZE, n), 0);
	n = ROUNDUP(n, BLKSIZE);
	EQUAL(pwrite_as(USER, fd->fd_file_id, data, 200, n + BLKSIZE - 100),
	      -E_NO_DISK);		// two blocks; there is one
	EQUAL(stat_size(fd), n);
	EQUAL(sync_fs(), 0);
	EQUAL(server_free_blocks(), 1);
	fsck();
	EQUAL(write_all(fd, data, BLKSIZE, n), 0);
	EQUAL(server_free_blocks(), 0);
	EQUAL(pwrite_as(USER, fd->fd_file_id, data, 4080, n + BLKSIZE),
	      -E_NO_DISK);
	EQUAL(make_dir("/fill2"), 0);
	EQUAL(try_open("/fill2/x", O_RDWR | O_CREAT), -E_NO_DISK);
	EQUAL(remove_path("/fill2"), 0);
	EQUAL(sync_fs(), 0);
	fsck();
	EQUAL(set_size(fd, 0), 0);
	EQUAL(server_free_blocks(), before + 1);	// and temp's block
	fd_close(fd);
	// A copy that does not fit leaves what was there.
	put("/a", data, BLKSIZE);
	fd = must_open("/a", O_RDWR);
	for (int i = 0; i < 40; i++)
		EQUAL(write_all(fd, data, BLKSIZE, i * BLKSIZE), 0);
	put("/b", "bbbb", 4);
	t = must_open("/b", O_RDWR);
	EQUAL(copy(fd, t), -E_NO_DISK);
	CHECK(has("/b", "bbbb", 4));
	EQUAL(sync_fs(), 0);
	fsck();
}

static void test_removed_while_open(void)
{
	struct Fd *fd;

	put("/a", "aaa", 3);
	fd = must_open("/a", O_RDWR);
	EQUAL(remove_path("/a"), 0);
	put("/b", "bbb", 3);			// takes a's entry
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 0), -E_NOT_FOUND);
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 1, 0), -E_NOT_FOUND);
	EQUAL(flush(fd), -E_NOT_FOUND);
	fd_close(fd);
	CHECK(has("/b", "bbb", 3));
}

// --------------------------------------------------------------
// Clients that lie

static void test_bad_requests(void)
{
	struct Fd *fd;
	uint32_t id;

	put("/f", "abc", 3);
	for (int nr = 0; nr < 12; nr++)
		if (nr < FSREQ_OPEN || nr > FSREQ_COPY)
			EQUAL(call(USER, nr, &page), -E_NOT_SUPP);
		else
			EQUAL(call(USER, nr, NULL), -E_INVAL);
	EQUAL(call(USER, UINT64_MAX, &page), -E_NOT_SUPP);
	memset(&page, '/', sizeof(page));
	EQUAL(call(USER, FSREQ_OPEN, &page), -E_BAD_PATH);
	EQUAL(call(USER, FSREQ_REMOVE, &page), -E_BAD_PATH);
	memset(&page, 'x', sizeof(page));
	EQUAL(call(USER, FSREQ_OPEN, &page), -E_BAD_PATH);
	fd = must_open("/f", O_RDWR);
	id = fd->fd_file_id;
	EQUAL(pread_as(USER, id + 1, NULL, 1, 0), -E_INVAL);
	EQUAL(pread_as(USER, id + 512, NULL, 1, 0), -E_INVAL);
	EQUAL(pread_as(USER, UINT32_MAX, NULL, 1, 0), -E_INVAL);
	EQUAL(pread_as(USER, id, NULL, 1, 0), 1);
	EQUAL(pread_as(OTHER, id, NULL, 1, 0), 1);	// as after fork
	fd_close(fd);
	EQUAL(pread_as(USER, id, NULL, 1, 0), -E_INVAL);
	fd = must_open("/f", O_RDWR);
	CHECK(fd->fd_file_id != id);
	EQUAL(pread_as(USER, id, NULL, 1, 0), -E_INVAL);
	fd_close(fd);
}

static void test_changed_request(void)
{
	struct Fd *fd;
	char buf[4];

	put("/f", "abcdefgh", 8);
	fd = must_open("/f", O_RDWR);
	evil = true;
	EQUAL(pread_as(USER, fd->fd_file_id, buf, 4, 2), 4);
	CHECK(memcmp(buf, "cdef", 4) == 0);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "XY", 2, 6), 2);
	EQUAL(set_size(fd, 7), 0);
	evil = false;
	fd_close(fd);
	CHECK(has("/f", "abcdefX", 7));
}

static void test_many_open(void)
{
	enum { MAX = 512 };
	static struct Fd *fd[MAX];

	put("/f", "abc", 3);
	EQUAL(sync_fs(), 0);
	for (int i = 0; i < MAX; i++)
		fd[i] = must_open("/f", O_RDONLY);
	EQUAL(try_open("/f", O_RDONLY), -E_MAX_OPEN);
	fd_close(fd[100]);
	EQUAL(try_open("/f", O_RDONLY), 0);
	for (int i = 0; i < MAX; i++)
		if (i != 100)
			fd_close(fd[i]);
	EQUAL(sync_fs(), 0);
	EQUAL(server_open_files(), 0);
}

static void test_guests(void)
{
	char *image = noise(2 << 20, 3), buf[4096];
	struct Fd *fd, *again, *user;

	EQUAL(make_dir("/vmm"), 0);
	put("/vmm/fs7.img", image, 2 << 20);
	put("/vmm/fs8.img", image, 100);
	put("/secret", "s", 1);
	user = must_open("/secret", O_RDWR);
	EQUAL(open_as(GUEST7, "/vmm/fs8.img", O_RDWR, &fd), -E_ACCESS);
	EQUAL(open_as(GUEST7, "/secret", O_RDWR, &fd), -E_ACCESS);
	EQUAL(open_as(GUEST7, "//vmm/fs7.img", O_RDWR, &fd), -E_ACCESS);
	EQUAL(open_as(GUEST7, "/vmm/fs7.img", O_RDONLY, &fd), -E_ACCESS);
	EQUAL(open_as(GUEST7, "/vmm/fs7.img", O_RDWR | O_TRUNC, &fd),
	      -E_ACCESS);
	EQUAL(open_as(GUEST7, "/vmm/fs7.img", O_RDWR | O_CREAT, &fd),
	      -E_ACCESS);
	EQUAL(open_as(GUEST7, "/vmm/fs7.img", O_RDWR, &fd), 0);
	EQUAL(pread_as(GUEST7, fd->fd_file_id, buf, 4096, 8192), 4096);
	CHECK(memcmp(buf, image + 8192, 4096) == 0);
	EQUAL(pwrite_as(GUEST7, fd->fd_file_id, "guest", 5, 0), 5);
	EQUAL(pwrite_as(GUEST7, fd->fd_file_id, "guest", 5, (2 << 20) - 4),
	      -E_ACCESS);
	EQUAL(pwrite_as(GUEST7, fd->fd_file_id, "guest", 5, 2 << 20),
	      -E_ACCESS);
	EQUAL(pwrite_as(GUEST7, fd->fd_file_id, "guest", 5, INT64_MAX),
	      -E_ACCESS);
	EQUAL(pwrite_as(GUEST7, fd->fd_file_id, "guest", 5, -1), -E_INVAL);
	// Opening it again gives the same file: slots are not used up.
	EQUAL(open_as(GUEST7, "/vmm/fs7.img", O_RDWR, &again), 0);
	CHECK(again == fd);
	// Files of others, by guessing their number.
	EQUAL(pread_as(GUEST8, fd->fd_file_id, NULL, 1, 0), -E_ACCESS);
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 1, 0), -E_ACCESS);
	EQUAL(pread_as(GUEST7, user->fd_file_id, NULL, 1, 0), -E_ACCESS);
	EQUAL(call(GUEST7, FSREQ_SYNC, &page), -E_ACCESS);
	EQUAL(call(GUEST7, FSREQ_COPY, &page), -E_ACCESS);
	EQUAL(call(GUEST7, FSREQ_SET_SIZE, &page), -E_ACCESS);
	memset(&page, 0, sizeof(page));
	strcpy(page.remove.req_path, "/vmm/fs7.img");
	EQUAL(call(GUEST7, FSREQ_REMOVE, &page), -E_ACCESS);
	page.stat.req_fileid = fd->fd_file_id;
	EQUAL(call(GUEST7, FSREQ_STAT, &page), 0);
	EQUAL(page.statRet.ret_size, 2 << 20);
	page.flush.req_fileid = fd->fd_file_id;
	EQUAL(call(GUEST7, FSREQ_FLUSH, &page), 0);
	free(image);
}

// --------------------------------------------------------------
// Cache, memory and disk that fail

static void test_eviction(void)
{
	size_t n = 200 * BLKSIZE;
	char *data = noise(n, 4);

	for (int i = 0; i < 4; i++) {
		char path[] = { 'f', '0' + i, 0 };
		put(path, data + i, n - i);
	}
	CHECK(disk_writes > 500);	// without any sync
	EQUAL(server_cached(), 24);
	for (int i = 0; i < 4; i++) {
		char path[] = { 'f', '0' + i, 0 };
		CHECK(has(path, data + i, n - i));
	}
	EQUAL(sync_fs(), 0);
	EQUAL(server_cached(), 0);
	fsck();
	// What is used all the time stays.
	must_open("f1", O_RDONLY);
	disk_reads = 0;
	for (int i = 0; i < 50; i++) {
		EQUAL(try_open("f0", O_RDONLY), 0);
		CHECK(has("f0", data, n) || true);
	}
	CHECK(disk_reads <= 50 * 205);
	free(data);
}

static void test_read_error(void)
{
	size_t n = 30 * BLKSIZE;
	char *data = noise(n, 5);
	struct Fd *fd;
	uint32_t b, ind;

	put("/a", data, n);
	put("/b", data, n);
	EQUAL(sync_fs(), 0);
	EQUAL(machine_boot(), 0);
	fd = must_open("/a", O_RDWR);
	struct File *root = dblock(super()->s_root.f_direct[0]);
	b = root[0].f_direct[3];
	ind = root[0].f_indirect;
	bad_read = b;
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 10, 3 * BLKSIZE), -E_IO);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 3 * BLKSIZE), -E_IO);
	CHECK(has("/b", data, n));
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 10, 4 * BLKSIZE), 10);
	bad_read = 0;
	CHECK(has("/a", data, n));	// nothing was written
	CHECK(strstr(console, "reading block"));
	EQUAL(machine_boot(), 0);
	fd = must_open("/a", O_RDWR);
	for (int i = 0; i < 2; i++)
		CHECK(has("/b", data, n));	// evicts all else
	bad_read = ind;
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 10, 12 * BLKSIZE), -E_IO);
	EQUAL(set_size(fd, 0), -E_IO);
	EQUAL(remove_path("/a"), -E_IO);
	bad_read = 0;
	bad_read = super()->s_root.f_direct[0];
	CHECK(has("/b", data, n) || true);
	for (int i = 0; i < 8; i++)
		try_open("/b", O_RDONLY);
	bad_read = 0;
	EQUAL(sync_fs(), 0);
	EQUAL(machine_boot(), 0);
	CHECK(has("/b", data, n));
	fsck();
	free(data);
}

static void test_write_error(void)
{
	struct Fd *fd;
	uint32_t b;

	put("/a", "aaaa", 4);
	EQUAL(sync_fs(), 0);
	b = ((struct File *)dblock(super()->s_root.f_direct[0]))->f_direct[0];
	fd = must_open("/a", O_RDWR);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "bbbb", 4, 0), 4);
	bad_write = b;
	EQUAL(flush(fd), -E_IO);
	EQUAL(sync_fs(), -E_IO);
	CHECK(has("/a", "bbbb", 4));
	bad_write = 0;
	EQUAL(sync_fs(), 0);
	CHECK(memcmp(dblock(b), "bbbb", 4) == 0);
	// A new block, still bad when its place in the cache is needed.
	while (!marked_free(b))
		b++;
	bad_write = b;
	struct Fd *other = must_open("/other", O_RDWR | O_CREAT);
	for (int i = 0; i < 100; i++)
		pwrite_as(USER, other->fd_file_id, "x", 1, i * BLKSIZE);
	CHECK(strstr(console, "is lost"));
	bad_write = 0;
	CHECK(has("/a", "bbbb", 4));
}

static void test_no_memory(void)
{
	size_t n = 50 * BLKSIZE;
	char *data = noise(n, 6);

	for (int i = 0; i < 40; i++) {
		fail_alloc = i;		// all but the request's page
		struct Fd *fd = NULL;
		int r = open_as(USER, "/f", O_RDWR | O_CREAT, &fd);
		CHECK(r == 0 || r == -E_NO_MEM);
		fail_alloc = 0;
		if (r < 0)
			continue;
		for (int k = 0; k < 50; k++) {
			fail_alloc = k % 3;
			EQUAL(pwrite_as(USER, fd->fd_file_id,
					data + k * BLKSIZE, 4080,
					k * BLKSIZE), 4080);
		}
		fail_alloc = 0;
		fd_close(fd);
	}
	EQUAL(sync_fs(), 0);
	fsck();
	free(data);
}

// The cache lives off its own pages, and any of them may go at any time: also
// one in use that then can't be read again.
static void test_scarce_memory(void)
{
	size_t n = 100 * BLKSIZE;
	char *data = noise(n, 8);
	struct Fd *a, *b;

	EQUAL(make_dir("/d"), 0);
	put("/d/a", data, n);
	put("/b", data, 10);
	put("/good", "good", 4);
	EQUAL(sync_fs(), 0);
	a = must_open("/d/a", O_RDONLY);
	b = must_open("/b", O_RDWR);
	EQUAL(read_all(a, data, 5 * BLKSIZE, 0), 0);
	scarce = true;
	EQUAL(copy(a, b), 0);
	CHECK(server_cached() < 24);
	disk_writes = 0;
	EQUAL(set_size(b, n + 1), 0);	// the copy is committed before
	CHECK(disk_writes > 0);
	EQUAL(set_size(b, n), 0);
	scarce = false;
	CHECK(has("/b", data, n));
	EQUAL(set_size(b, 0), 0);
	EQUAL(sync_fs(), 0);
	fsck();
	EQUAL(read_all(a, data, 5 * BLKSIZE, 0), 0);
	EQUAL(stat_size(b), 0);
	scarce = true;
	bad_read = ((struct File *)dblock(super()->s_root.f_direct[0]))
		->f_direct[0];
	EQUAL(copy(a, b), -E_IO);
	scarce = false;
	bad_read = 0;
	CHECK(has("/d/a", data, n));
	CHECK(has("/good", "good", 4));
	EQUAL(sync_fs(), 0);
	EQUAL(machine_boot(), 0);	// frees what was lost
	EQUAL(sync_fs(), 0);
	fsck();
	free(data);
}

static void test_no_disk(void)
{
	all_bad = true;
	CHECK(machine_boot() < 0);
	EQUAL(try_open("/", O_RDONLY), -E_IO);
	all_bad = false;
	EQUAL(machine_boot(), 0);
	put("/a", "a", 1);
	all_bad = true;
	EQUAL(sync_fs(), -E_IO);
	all_bad = false;
	EQUAL(sync_fs(), 0);
	EQUAL(machine_boot(), 0);
	CHECK(has("/a", "a", 1));
}

// --------------------------------------------------------------
// The journal; fs_crash_test.c has the power cuts

// However full the transaction is, the next operation fits: each that changes
// as much as one can.
static void test_full_journal(void)
{
	size_t n = 40 * BLKSIZE;
	char *data = noise(n, 9), path[32];
	struct Fd *big, *other, *fd;

	put("/big", data, n);
	big = must_open("/big", O_RDONLY);
	for (int d = 0; d < 12; d++) {
		snprintf(path, sizeof(path), "/d%d", d);
		EQUAL(make_dir(path), 0);
		// The next one here makes an indirect block.
		for (int i = 0; i < (d < 10 ? 1 : NDIRECT * 16); i++) {
			snprintf(path, sizeof(path), "/d%d/f%d", d, i);
			put(path, "x", 1);
		}
	}
	for (int round = 0; round < 40; round++) {
		EQUAL(sync_fs(), 0);
		for (int d = 0; d < round / 4; d++) {
			snprintf(path, sizeof(path), "/d%d/f0", d);
			fd = must_open(path, O_RDWR);
			EQUAL(set_size(fd, round + 2), 0);
			fd_close(fd);
		}
		other = must_open("/d10/f0", O_RDWR);
		fd = must_open("/d11/f0", O_RDWR);
		if (round % 4 == 0)
			EQUAL(copy(big, other) + copy(big, fd), 0);
		else if (round % 4 == 1)
			EQUAL(set_size(fd, 12 * BLKSIZE), 0);
		else if (round % 4 == 2)
			put("/d10/new", "x", 1);
		else
			EQUAL(remove_path("/d10/new"), 0);
		fd_close(other);
		fd_close(fd);
	}
	CHECK(has("/big", data, n));
	EQUAL(sync_fs(), 0);
	fsck();
	EQUAL(machine_boot(), 0);
	CHECK(console[0] == 0);
	free(data);
}

// A commit costs what it must, and nothing when nothing is to be done.
static void test_commit_writes(void)
{
	struct Fd *fd = must_open("/f", O_RDWR | O_CREAT);

	EQUAL(pwrite_as(USER, fd->fd_file_id, "abc", 3, 0), 3);
	disk_writes = 0;
	EQUAL(flush(fd), 0);
	EQUAL(disk_writes, 1 + 3 + 1 + 3);	// data, copies, record, places
	EQUAL(flush(fd), 0);
	EQUAL(disk_writes, 8);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "xyz", 3, 0), 3);
	EQUAL(flush(fd), 0);
	EQUAL(disk_writes, 8 + 3);		// copy, record, place
	EQUAL(sync_fs(), 0);
	EQUAL(disk_writes, 11);
	fd_close(fd);
}

static uint64_t sum_up(uint64_t sum, const void *buf, size_t n)
{
	for (uint64_t w; n > 0; n -= 8, buf = (const char *)buf + 8) {
		memcpy(&w, buf, 8);
		sum = (sum ^ w) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	return sum;
}

// A record whose sum is right, that says to put block 4 to b.
static struct Journal *forge(uint32_t length, uint32_t b)
{
	struct Journal *j = dblock(3);
	uint64_t sum;

	*j = (struct Journal){ JOURNAL_MAGIC, length, 0, { b } };
	sum = sum_up(0, j, sizeof(*j));
	for (uint32_t i = 0; i < MIN(length, njournal - 1u); i++)
		sum = sum_up(sum, dblock(4 + i), BLKSIZE);
	j->j_sum = sum;
	return j;
}

static void journal_ignored(const char *why)
{
	uint8_t *before = malloc((size_t)disk_blocks * BLKSIZE);

	memcpy(before, disk, (size_t)disk_blocks * BLKSIZE);
	memset(before + 3 * BLKSIZE, 0, SECTSIZE);
	EQUAL(machine_boot(), 0);
	CHECK(strncmp(console, "fs: journal ignored: ", 21) == 0);
	CHECK(strstr(console, why));
	CHECK(memcmp(before, disk, (size_t)disk_blocks * BLKSIZE) == 0);
	EQUAL(machine_boot(), 0);
	CHECK(console[0] == 0);
	CHECK(has("/a", "a", 1));
	free(before);
}

static void test_bad_journal(void)
{
	const uint32_t blocks[] = { 0, 3, 4, 3 + njournal - 1, disk_blocks,
		0xffffffff };
	const uint32_t lengths[] = { 0, njournal, JOURNAL_COPIES, 0xffffffff };
	char found[BLKSIZE];

	put("/a", "a", 1);
	EQUAL(sync_fs(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		forge(1, blocks[i]);
		journal_ignored("none of the files'");
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		forge(lengths[i], 100);
		journal_ignored("length");
	}
	forge(1, 100)->j_magic = 1;
	journal_ignored("damaged");
	forge(1, 100)->j_sum ^= 1;
	journal_ignored("unfinished");
	forge(2, 100)->j_nblocks = 1;
	journal_ignored("unfinished");
	forge(1, 100);
	((char *)dblock(4))[4095] ^= 1;
	journal_ignored("unfinished");
	// And one that is right, even where what it mends can't be read.
	for (int i = 0; i < 2; i++) {
		memset(dblock(100), i, BLKSIZE);
		memset(dblock(4), 'j', BLKSIZE);
		memset(found, 'j', BLKSIZE);
		forge(1, 100);
		bad_read = i ? 100 : 0;
		EQUAL(machine_boot(), 0);
		CHECK(strstr(console, "transaction finished, 1 blocks"));
		CHECK(memcmp(found, dblock(100), BLKSIZE) == 0);
	}
	bad_read = 4;
	EQUAL(machine_boot(), 0);
	CHECK(strstr(console, "ignored: it can't be read"));
	bad_read = 0;
	CHECK(has("/a", "a", 1));
}

// --------------------------------------------------------------
// Damaged disks

static struct File *dir_a, *file_b, *file_c;

// /a is a directory with b, of 30 blocks, and c, of 2.
static void sample(void)
{
	char *data = noise(30 * BLKSIZE, 7);

	disk_new(256);
	EQUAL(machine_boot(), 0);
	EQUAL(make_dir("/a"), 0);
	put("/a/b", data, 30 * BLKSIZE);
	put("/a/c", data, 2 * BLKSIZE);
	put("/good", data, 3 * BLKSIZE);
	EQUAL(sync_fs(), 0);
	fsck();
	dir_a = dblock(super()->s_root.f_direct[0]);
	file_b = dblock(dir_a->f_direct[0]);
	file_c = file_b + 1;
	memset(dblock(3), 0, BLKSIZE);	// the journal would mend damage
	free(data);
}

static void expect_boot(int r, const char *text)
{
	EQUAL(machine_boot(), r);
	if (text && !strstr(console, text)) {
		fprintf(stderr, "no '%s' but:\n%s", text, console);
		exit(1);
	}
}

static void expect_good(void)
{
	char *data = noise(3 * BLKSIZE, 7);

	CHECK(has("/good", data, 3 * BLKSIZE));
	free(data);
}

static void bad_super(void (*damage)(struct Super *s), const char *text)
{
	uint8_t *before = malloc(256 * BLKSIZE);

	sample();
	damage(super());
	memcpy(before, disk, 256 * BLKSIZE);
	expect_boot(-E_CORRUPT, text);
	EQUAL(try_open("/good", O_RDONLY), -E_CORRUPT);
	EQUAL(try_open("/new", O_RDWR | O_CREAT), -E_CORRUPT);
	EQUAL(remove_path("/good"), -E_CORRUPT);
	EQUAL(sync_fs(), -E_CORRUPT);
	CHECK(memcmp(before, disk, 256 * BLKSIZE) == 0);
	free(before);
}

static void d_magic(struct Super *s) { s->s_magic = 1; }
static void d_large(struct Super *s) { s->s_nblocks = 257; }
static void d_huge(struct Super *s) { s->s_nblocks = 0xffffffff; }
static void d_small(struct Super *s) { s->s_nblocks = 3; }
static void d_zero(struct Super *s) { s->s_nblocks = 0; }
static void d_root(struct Super *s) { s->s_root.f_type = FTYPE_REG; }
static void d_rtype(struct Super *s) { s->s_root.f_type = 77; }
static void d_nojournal(struct Super *s) { s->s_njournal = 0; }
static void d_journal4(struct Super *s) { s->s_njournal = 4; }
static void d_journal126(struct Super *s) { s->s_njournal = 126; }
static void d_journals(struct Super *s) { s->s_njournal = 0xffffffff; }
static void d_rsize(struct Super *s) { s->s_root.f_size = -4096; }

static void test_bad_superblock(void)
{
	bad_super(d_magic, "no file system");
	bad_super(d_large, "size");
	bad_super(d_huge, "size");
	bad_super(d_small, "size");
	bad_super(d_zero, "size");
	bad_super(d_nojournal, "its journal has an impossible size");
	bad_super(d_journal4, "its journal has an impossible size");
	bad_super(d_journal126, "its journal has an impossible size");
	bad_super(d_journals, "its journal has an impossible size");
	bad_super(d_root, "root is no directory");
	bad_super(d_rtype, "root is no directory");
	bad_super(d_rsize, "size is impossible");
}

static void bad_pointer(uint32_t b, const char *text)
{
	struct Fd *fd;

	sample();
	file_b->f_direct[2] = b;
	expect_boot(0, text);
	CHECK(strstr(console, "/a/b: block"));
	fd = must_open("/a/b", O_RDWR);
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 10, 0), 10);
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 10, 2 * BLKSIZE),
	      -E_CORRUPT);
	EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 2 * BLKSIZE),
	      -E_CORRUPT);
	fd_close(fd);
	EQUAL(remove_path("/a/b"), 0);
	expect_good();
	EQUAL(sync_fs(), 0);
	EQUAL(super()->s_magic, FS_MAGIC);
	// With the damaged file gone the rest is sound; its lost block, too.
	expect_boot(0, NULL);
	CHECK(!strstr(console, "/a/b"));
	EQUAL(sync_fs(), 0);
	fsck();
}

static void test_bad_pointers(void)
{
	bad_pointer(9999999, "block 9999999 is outside the disk");
	bad_pointer(256, "block 256 is outside the disk");
	bad_pointer(0xffffffff, "is outside the disk");
	bad_pointer(1, "block 1 is not for data");
	bad_pointer(2, "block 2 is not for data");
	sample();
	bad_pointer(file_b->f_direct[1], "belongs to another file too");
}

static void test_bad_indirect(void)
{
	const uint32_t bad[] = { 1, 2, 256, 0x7fffffff, 0xffffffff };
	struct Fd *fd;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		sample();
		file_b->f_indirect = bad[i];
		expect_boot(0, "/a/b: block");
		fd = must_open("/a/b", O_RDWR);
		EQUAL(pread_as(USER, fd->fd_file_id, NULL, 1, 50000),
		      -E_CORRUPT);
		EQUAL(pwrite_as(USER, fd->fd_file_id, "x", 1, 50000),
		      -E_CORRUPT);
		fd_close(fd);
		EQUAL(remove_path("/a/b"), 0);
		expect_good();
		EQUAL(sync_fs(), 0);
	}
}

static void test_bad_files(void)
{
	static const struct {
		int32_t size;
		uint32_t type;
		const char *text;
	} bad[] = {
		{ -1, FTYPE_REG, "size is impossible" },
		{ INT32_MIN, FTYPE_REG, "size is impossible" },
		{ MAXFILESIZE + 1, FTYPE_REG, "size is impossible" },
		{ INT32_MAX, FTYPE_DIR, "size is impossible" },
		{ 5000, FTYPE_DIR, "whole blocks" },
		{ 4096, 2, "neither file nor directory" },
		{ 4096, 0xffffffff, "neither file nor directory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		sample();
		file_c->f_size = bad[i].size;
		file_c->f_type = bad[i].type;
		expect_boot(0, bad[i].text);
		CHECK(strstr(console, "fs: /a/c: "));
		EQUAL(try_open("/a/c", O_RDONLY), -E_CORRUPT);
		EQUAL(try_open("/a/c", O_RDWR | O_CREAT), -E_CORRUPT);
		EQUAL(try_open("/a/c/d", O_RDWR | O_CREAT),
		      bad[i].type == FTYPE_DIR ? -E_CORRUPT : -E_NOT_FOUND);
		EQUAL(remove_path("/a/c"), -E_CORRUPT);
		expect_good();
	}
	sample();
	memset(file_c->f_name, 'c', MAXNAMELEN);
	expect_boot(0, "its name has no end");
	EQUAL(try_open("/a/c", O_RDONLY), -E_NOT_FOUND);
	put("/a/c", "new", 3);
	CHECK(has("/a/c", "new", 3));
	sample();
	strcpy(file_c->f_name, "x/y");
	expect_boot(0, "fs: /a/x/y: its name has a slash");
	expect_good();
	sample();
	file_c->f_size = BLKSIZE;
	expect_boot(0, "fs: /a/c: it has blocks past its end");
	EQUAL(remove_path("/a/c"), 0);
	EQUAL(sync_fs(), 0);
	fsck();
	sample();
	file_b->f_size = 30 * BLKSIZE - 1;
	expect_boot(0, NULL);
	CHECK(console[0] == 0);
	file_b->f_size = 29 * BLKSIZE;
	expect_boot(0, "fs: /a/b: it has blocks past its end");
	sample();
	dir_a->f_size = 12345;
	expect_boot(0, "fs: /a: a directory's size");
	EQUAL(try_open("/a/b", O_RDONLY), -E_CORRUPT);
	expect_good();
}

// A file has blocks behind its end. A write that makes it longer and touches
// one of them still fits into the journal.
static void test_past_end(void)
{
	char *data = noise(BLKSIZE, 7);
	struct Fd *fd;
	uint32_t *indirect;

	sample();
	file_b->f_size = 100;
	indirect = dblock(file_b->f_indirect);
	indirect[21 - NDIRECT] = 0;
	expect_boot(0, "/a/b: it has blocks past its end");
	fd = must_open("/good", O_RDWR);
	for (int i = 0; i < 3; i++)
		EQUAL(write_all(fd, "x", 1, i * BLKSIZE), 0);
	fd = must_open("/a/c", O_RDWR);
	EQUAL(write_all(fd, "x", 1, 0), 0);
	fd = must_open("/a/b", O_RDWR);
	EQUAL(write_all(fd, data, 4080, 20 * BLKSIZE + 100), 0);
	fd_close(fd);
	EQUAL(sync_fs(), 0);
	free(data);
}

static void test_shared_blocks(void)
{
	char *data = noise(30 * BLKSIZE, 7);
	struct Fd *fd;

	sample();
	uint32_t b = file_b->f_direct[5];
	file_c->f_direct[1] = b;
	expect_boot(0, "/a/c: block");
	CHECK(strstr(console, "belongs to another file too"));
	fd = must_open("/a/b", O_RDWR);
	EQUAL(pread_as(USER, fd->fd_file_id, NULL, 1, 5 * BLKSIZE),
	      -E_CORRUPT);
	EQUAL(remove_path("/a/c"), 0);
	EQUAL(sync_fs(), 0);
	CHECK(!marked_free(b));		// b has it still
	expect_boot(0, NULL);		// and now alone
	CHECK(has("/a/b", data, 30 * BLKSIZE));
	// A directory that is inside itself.
	sample();
	file_c->f_type = FTYPE_DIR;
	file_c->f_direct[0] = dir_a->f_direct[0];
	file_c->f_direct[1] = 0;
	expect_boot(0, "belongs to another file too");
	EQUAL(try_open("/a/c/c/c/b", O_RDONLY), -E_CORRUPT);
	expect_good();
	free(data);
}

// Directories in each other, one more than there may be.
static void test_too_deep(void)
{
	struct File *dir = &super()->s_root;

	for (int i = 0; i <= 32; i++) {
		uint32_t b = 100 + i;

		dir->f_size = BLKSIZE;
		dir->f_direct[0] = b;
		disk[2 * BLKSIZE + b / 8] &= ~(1 << b % 8);
		dir = dblock(b);
		dir->f_type = FTYPE_DIR;
		strcpy(dir->f_name, "d");
	}
	expect_boot(0, "/d/d/d: directories are nested too deeply\n");
	EQUAL(try_open("/d/d/d", O_RDONLY), 0);
}

static bool on_disk(const char *name)
{
	struct File *f = dblock(super()->s_root.f_direct[0]);

	for (size_t i = 0; i < BLKFILES; i++)
		if (strcmp(f[i].f_name, name) == 0)
			return true;
	return false;
}

// Temporary files that a power cut left: they go, damaged or not, unless
// somebody was promised them.
static void test_left_temporary(void)
{
	char *data = noise(30 * BLKSIZE, 7);
	struct Fd *fd;

	put("/keep", data, 100);
	fd = must_open("/old", O_RDWR | O_CREAT | O_TEMP);
	EQUAL(write_all(fd, data, 30 * BLKSIZE, 0), 0);
	fd = must_open("/kept", O_RDWR | O_CREAT | O_TEMP);
	EQUAL(write_all(fd, data, 100, 0), 0);
	EQUAL(flush(must_open("/kept", O_RDWR)), 0);
	EQUAL(sync_fs(), 0);
	CHECK(on_disk("old") && on_disk("kept"));
	expect_boot(0, "fs: /old: temporary, removed\n");
	CHECK(strchr(console, '\n')[1] == 0);
	CHECK(!on_disk("old"));
	CHECK(has("/kept", data, 100) && has("/keep", data, 100));
	fsck();
	expect_boot(0, NULL);
	CHECK(console[0] == 0);
	// One that a file shares a block with: that one stays.
	sample();
	uint32_t b = file_b->f_direct[5];
	file_c->f_temp = 1;
	file_c->f_direct[1] = b;
	expect_boot(0, "fs: /a/c: temporary, removed\n");
	CHECK(strstr(console, "/a/c: block"));
	EQUAL(try_open("/a/c", O_RDONLY), -E_NOT_FOUND);
	CHECK(!marked_free(b));
	expect_good();
	expect_boot(0, NULL);
	CHECK(has("/a/b", data, 30 * BLKSIZE));
	// More than are told of; a directory is never temporary.
	sample();
	dir_a->f_temp = super()->s_root.f_temp = 1;
	for (int i = 0; i < 26; i++) {
		char path[] = { '/', 'a', '/', 'A' + i, 0 };

		fd = must_open(path, O_RDWR | O_CREAT | O_TEMP);
	}
	EQUAL(sync_fs(), 0);
	expect_boot(0, "fs: and more\n");
	CHECK(strstr(console, "fs: /a/A: temporary, removed\n"));
	EQUAL(try_open("/a/Z", O_RDONLY), -E_NOT_FOUND);
	EQUAL(try_open("/a/b", O_RDONLY), 0);
	expect_good();
	fsck();
	free(data);
}

static void test_bad_bitmap(void)
{
	char *data = noise(30 * BLKSIZE, 7);

	sample();
	memset(disk + 2 * BLKSIZE, 0xff, BLKSIZE);	// all free
	expect_boot(0, "used blocks were marked free");
	put("/new", data, 30 * BLKSIZE);
	CHECK(has("/a/b", data, 30 * BLKSIZE));
	expect_good();
	EQUAL(sync_fs(), 0);
	sample();
	uint32_t n = server_free_blocks();
	memset(disk + 2 * BLKSIZE, 0, BLKSIZE);		// all used
	expect_boot(0, "lost blocks are free again");
	EQUAL(server_free_blocks(), n);
	fsck();				// mended on the disk, too
	memset(dblock(3), 0, BLKSIZE);
	disk[2 * BLKSIZE + 255 / 8] &= 0x7f;
	disk[2 * BLKSIZE] |= 1;
	expect_boot(0, "fs: 1 used blocks were marked free\n"
		    "fs: 1 lost blocks are free again\n");
	fsck();
	expect_boot(0, NULL);
	CHECK(console[0] == 0);
	memset(dblock(3), 0, BLKSIZE);
	bad_read = 2;			// made anew
	expect_boot(0, "fs: reading block 2: ");
	CHECK(strstr(strchr(console, '\n'), "lost blocks are free again\n"));
	EQUAL(server_free_blocks(), n);
	bad_read = 0;
	fsck();
	expect_good();
	free(data);
}

// --------------------------------------------------------------
// At random

enum { NFILES = 12, MAXMODEL = 100000 };
static struct model {
	char path[32];
	bool exists;
	size_t size;
	char data[MAXMODEL];
	struct Fd *fd;
} models[NFILES];

static unsigned rnd(unsigned n)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static void check_model(struct model *m)
{
	if (!m->exists)
		EQUAL(try_open(m->path, O_RDONLY), -E_NOT_FOUND);
	else
		CHECK(has(m->path, m->data, m->size));
}

static void model_open(struct model *m)
{
	if (m->fd)
		return;
	m->fd = must_open(m->path, O_RDWR | O_CREAT);
	if (!m->exists)
		m->size = 0;
	m->exists = true;
}

static void model_close(struct model *m)
{
	if (m->fd)
		fd_close(m->fd);
	m->fd = NULL;
}

static void model_resize(struct model *m, size_t n)
{
	if (n > m->size)
		memset(m->data + m->size, 0, n - m->size);
	m->size = n;
}

static void model_write(struct model *m)
{
	size_t n = rnd(4) ? rnd(5000) : rnd(30000), off = rnd(MAXMODEL - n);
	char *data = noise(n + 1, rnd(1000));

	if (rnd(4) == 0)
		memset(data, 0, n);
	model_open(m);
	EQUAL(write_all(m->fd, data, n, off), 0);
	if (n > 0 && off + n > m->size)
		model_resize(m, off + n);
	memcpy(m->data + off, data, n);
	free(data);
}

static void model_copy(struct model *m, struct model *to)
{
	if (m == to)
		return;
	model_open(m);
	model_open(to);
	EQUAL(copy(m->fd, to->fd), 0);
	to->size = m->size;
	memcpy(to->data, m->data, m->size);
}

static void model_step(void)
{
	struct model *m = &models[rnd(NFILES)];

	switch (rnd(10)) {
	case 0: case 1: case 2: case 3:
		model_write(m);
		break;
	case 4:
		model_open(m);
		model_resize(m, rnd(MAXMODEL));
		EQUAL(set_size(m->fd, m->size), 0);
		break;
	case 5:
		model_close(m);
		EQUAL(remove_path(m->path), m->exists ? 0 : -E_NOT_FOUND);
		m->exists = false;
		break;
	case 6:
		model_copy(m, &models[rnd(NFILES)]);
		break;
	case 7:
		model_close(m);
		break;
	default:
		check_model(m);
	}
}

static void test_random(void)
{
	static const char *dirs[] = { "/", "/d", "/d/e", "/f" };

	disk_new(2048);
	EQUAL(machine_boot(), 0);
	for (int i = 1; i < 4; i++)
		EQUAL(make_dir(dirs[i]), 0);
	for (int i = 0; i < NFILES; i++)
		snprintf(models[i].path, sizeof(models[i].path), "%s/f%d",
			 dirs[i % 4], i);
	for (int step = 1; step <= 3000; step++) {
		model_step();
		if (step % 100)
			continue;
		EQUAL(sync_fs(), 0);
		fsck();
		for (int i = 0; i < NFILES; i++)
			model_close(&models[i]);
		EQUAL(machine_boot(), 0);
		CHECK(console[0] == 0);
		for (int i = 0; i < NFILES; i++)
			check_model(&models[i]);
	}
}

// Disks that are damaged at random: whatever is asked, the server answers.
static void test_fuzz(void)
{
	uint32_t meta[6];
	uint8_t *clean = NULL;
	struct Fd *fd;

	for (int round = 0; round < 400; round++) {
		sample();
		clean = realloc(clean, 256 * BLKSIZE);
		memcpy(clean, disk, 256 * BLKSIZE);
		meta[0] = 1;
		meta[1] = 2;
		meta[2] = super()->s_root.f_direct[0];
		meta[3] = dir_a->f_direct[0];
		meta[4] = file_b->f_indirect;
		meta[5] = meta[3];
		for (unsigned i = rnd(12) + 1; i > 0; i--) {
			uint32_t *word = dblock(meta[rnd(6)]);
			const uint32_t values[] = { 0, 1, 2, 255, 256, rnd(256),
				0xffffffff, 0x80000000, rnd(1u << 31), 4096 };
			word += rnd(3) ? 8 * rnd(3) + 32 + rnd(14) : rnd(1024);
			*word = values[rnd(ARRAY_SIZE(values))];
		}
		bad_read = rnd(4) ? 0 : rnd(256);
		machine_boot();
		static const char *paths[] = { "/", "/a", "/a/b", "/a/c",
			"/good", "/new", "/a/new" };
		for (int i = 0; i < 30; i++) {
			const char *path = paths[rnd(ARRAY_SIZE(paths))];
			int mode = rnd(2) ? O_RDWR | O_CREAT : O_RDONLY;

			if (rnd(8) == 0)
				remove_path(path);
			if (open_as(USER, path, mode, &fd) < 0)
				continue;
			pread_as(USER, fd->fd_file_id, NULL, 4096,
				 rnd(40) * BLKSIZE);
			pwrite_as(USER, fd->fd_file_id, "abc", 3,
				  rnd(40) * BLKSIZE);
			if (rnd(4) == 0)
				set_size(fd, rnd(50 * BLKSIZE));
			flush(fd);
			fd_close(fd);
		}
		bad_read = 0;
		sync_fs();
		// The second boot finds a tree without doubly used blocks,
		// unless they were there before.
		machine_boot();
	}
	free(clean);
}

// Random requests with random pages, from everybody.
static void test_fuzz_requests(void)
{
	static const int who[] = { USER, OTHER, GUEST7, GUEST8 };

	sample();
	EQUAL(machine_boot(), 0);
	for (int i = 0; i < 200000; i++) {
		uint32_t *w = (uint32_t *)&page;

		for (int k = 0; k < 8; k++)
			w[k] = rnd(3) ? rnd(10) : rnd(3) ? rnd(8192) * 100
				: (uint32_t)rnd(1u << 31) * 2 + rnd(2);
		call(who[rnd(4)], rnd(11), rnd(10) ? &page : NULL);
		struct Fd *fd = fd_of_answer();
		if (fd && rnd(2))
			fd_close(fd);
	}
	EQUAL(sync_fs(), 0);
	fsck();
	expect_good();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
#define T(name) { #name, test_##name }
	T(basic), T(holes), T(sizes), T(modes), T(directories), T(copy),
	T(temporary), T(full_disk), T(removed_while_open), T(bad_requests),
	T(changed_request), T(many_open), T(guests), T(eviction),
	T(read_error), T(write_error), T(no_memory), T(scarce_memory),
	T(no_disk), T(full_journal), T(commit_writes), T(bad_journal),
	T(bad_superblock), T(bad_pointers),
	T(bad_indirect), T(bad_files), T(past_end), T(shared_blocks),
	T(too_deep),
	T(left_temporary), T(bad_bitmap),
	T(random), T(fuzz), T(fuzz_requests),
};

// Mounts an image: says what the server says, and lists the files.
static void list_dir(const char *path)
{
	struct Fd *fd = must_open(path, O_RDONLY);
	struct File list[BLKFILES];
	int size = stat_size(fd);

	for (int off = 0; off < size; off += BLKSIZE) {
		EQUAL(read_all(fd, list, BLKSIZE, off), 0);
		for (size_t i = 0; i < BLKFILES; i++) {
			struct File *f = &list[i];
			char child[MAXPATHLEN];

			if (!f->f_name[0])
				continue;
			snprintf(child, sizeof(child), "%s/%.127s", path,
				 f->f_name);
			printf("%s %d\n", child, f->f_size);
			if (f->f_type == FTYPE_DIR)
				list_dir(child);
		}
	}
	fd_close(fd);
}

static void load(const char *image)
{
	FILE *f = fopen(image, "rb");
	long n;

	CHECK(f);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	disk_new(n / BLKSIZE);
	rewind(f);
	CHECK(fread(disk, BLKSIZE, n / BLKSIZE, f) == (size_t)n / BLKSIZE);
	fclose(f);
	EQUAL(machine_boot(), 0);
	printf("%s", console);
}

static void cat(const char *path)
{
	struct Fd *fd = must_open(path, O_RDONLY);
	char buf[4096];
	int64_t n;

	for (off_t off = 0; (n = pread_as(USER, fd->fd_file_id, buf, 4096,
					  off)) > 0; off += n)
		fwrite(buf, 1, n, stdout);
	EQUAL(n, 0);
}

int main(int argc, char **argv)
{
	machine_init();
	if (argc >= 3) {	// IMAGE ls, IMAGE cat PATH
		load(argv[1]);
		if (argc == 4)
			cat(argv[3]);
		else
			list_dir("");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (argc == 1)
			puts(tests[i].name);
		else if (strcmp(argv[1], tests[i].name) == 0) {
			alarm(100);
			disk_new(4096);
			EQUAL(machine_boot(), 0);
			tests[i].run();
			return 0;
		}
	}
	return argc > 1;
}
