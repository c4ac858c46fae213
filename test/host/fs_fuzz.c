// Fuzzes the file server under libFuzzer: a string of bytes damages a disk,
// and says what clients ask for, which accesses and allocations fail, and when
// the power is cut. The corpus is in test/host/corpus/fs.
//
//	byte 0		low half: enum trouble; high: how many damages
//	each damage	which block, word (2), kind of value, (value (4))
//	the rest	operations with their arguments
#include <string.h>

#include <inc/error.h>

#include "fs_client.h"
#include "fuzz_input.h"

enum { NBLOCKS = 64, NOPEN = 6, NHELD = 40 };
enum trouble { EVIL = 1, NO_ROOM = 2, IN_GUEST = 4 };

static uint8_t clean[NBLOCKS * BLKSIZE];
static uint32_t dir_block, indirect_block;
static struct { struct Fd *fd; int who; } open_files[NOPEN];
static const char good[] = "nobody touches this";
static const int clients[] = { USER, OTHER, GUEST7, GUEST8 };

// --------------------------------------------------------------
// The disk

static void put(const char *path, off_t at, const char *text)
{
	struct Fd *fd = must_open(path, O_RDWR | O_CREAT);
	int n = strlen(text);

	EQUAL(pwrite_as(USER, fd->fd_file_id, text, n, at), n);
	fd_close(fd);
}

static void make_clean(void)
{
	struct File *root, *a, *b;

	machine_init();
	disk_new(NBLOCKS);
	EQUAL(machine_boot(), 0);
	put("/good", 0, good);
	EQUAL(make_dir("/a"), 0);
	put("/a/b", 5, "text");
	put("/a/b", (NDIRECT + 2) * BLKSIZE, "far");
	put("/a/c", 0, "text");
	EQUAL(sync_fs(), 0);
	memcpy(clean, disk, sizeof(clean));
	root = &((struct Super *)(disk + BLKSIZE))->s_root;
	a = (struct File *)(disk + root->f_direct[0] * BLKSIZE) + 1;
	CHECK(strcmp(a->f_name, "a") == 0);
	dir_block = a->f_direct[0];
	b = (struct File *)(disk + dir_block * BLKSIZE);
	CHECK(strcmp(b->f_name, "b") == 0);
	indirect_block = b->f_indirect;
}

static void damage(void)
{
	static const uint32_t values[] = {
		0, 1, 2, 3, NBLOCKS - 1, NBLOCKS, 1u << 31, ~0u,
	};
	const struct Super *s = (const void *)(clean + BLKSIZE);
	const uint32_t blocks[] = {
		1, 2, 3, 4, s->s_root.f_direct[0], dir_block, indirect_block,
	};
	uint8_t which = byte();
	uint32_t b = which % 8 < ARRAY_SIZE(blocks) ? blocks[which % 8] :
		which % NBLOCKS;
	uint32_t at = b * BLKSIZE + word(2) % (BLKSIZE / 4) * 4;
	uint8_t kind = byte();
	uint32_t v = kind < ARRAY_SIZE(values) ? values[kind] : word(4);

	memcpy(disk + at, &v, 4);
}

// --------------------------------------------------------------
// Operations

static const char *path(void)
{
	static const char *const paths[] = {
		"/", "/a", "/a/b", "/a/c", "/new", "/a/new", "/a/b/c",
		"/vmm/fs7.img", "/vmm", "/t",
	};

	return paths[byte() % ARRAY_SIZE(paths)];
}

static void op_open(void)
{
	static const int modes[] = {
		O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_CREAT,
		O_RDWR | O_CREAT | O_TRUNC, O_CREAT | O_EXCL | O_MKDIR,
		O_RDWR | O_CREAT | O_TEMP, O_RDWR | O_APPEND,
	};
	int who = clients[byte() % 4], i = byte() % NOPEN;
	uint8_t m = byte();
	struct Fd *fd;

	if (open_files[i].fd)
		fd_close(open_files[i].fd);
	open_files[i].fd = NULL;
	if (open_as(who, path(), m < 128 ? modes[m % 8] : (int)word(2),
		    &fd) < 0)
		return;
	open_files[i].fd = fd;
	open_files[i].who = who;
}

static off_t offset(void)
{
	static const off_t edge[] = {
		0, BLKSIZE, NDIRECT * BLKSIZE, (NDIRECT + 1) * BLKSIZE,
		MAXFILESIZE, INT64_MAX, INT64_MIN, -1,
	};
	uint8_t kind = byte();

	return kind < 128 ? (off_t)word(2) * 8 :
		(off_t)((uint64_t)edge[kind % 8] + byte() - 128);
}

static void op_file(uint8_t what)
{
	static char buf[4096];
	uint32_t i = byte() % NOPEN, n = word(2) % 4200;
	int who = open_files[i].who, id;

	if (!open_files[i].fd)
		return;
	id = open_files[i].fd->fd_file_id;
	memset(&page, 0, sizeof(page));
	memset(buf, byte(), sizeof(buf));
	switch (what) {
	case 0:
		pread_as(who, id, NULL, n, offset());
		break;
	case 1:
		pwrite_as(who, id, buf, n, offset());
		break;
	case 2:
		page.set_size.req_fileid = id;
		page.set_size.req_size = offset();
		call(who, FSREQ_SET_SIZE, &page);
		break;
	case 3:
		flush_as(who, id);
		break;
	case 4:
		page.copy.req_src = id;
		page.copy.req_dst = word(2);
		i = byte() % NOPEN;
		if (open_files[i].fd)
			page.copy.req_dst = open_files[i].fd->fd_file_id;
		call(who, FSREQ_COPY, &page);
		break;
	case 5:
		fd_close(open_files[i].fd);
		open_files[i].fd = NULL;
	}
}

// Any request with any page.
static void op_raw(void)
{
	struct Fd *fd;
	uint8_t nr = byte();

	for (int i = 0; i < 8; i++)
		((uint32_t *)&page)[i] = word(byte() % 5);
	call(clients[nr >> 6], nr & 15, nr & 32 ? NULL : &page);
	fd = fd_of_answer();
	if (fd)
		fd_close(fd);
}

// Nobody has anything open after that.
static int power_cut(void)
{
	memset(open_files, 0, sizeof(open_files));
	return machine_boot();
}

static void operation(void)
{
	uint8_t what = byte() % 16;

	switch (what) {
	case 6:
	case 7:
		op_raw();
		break;
	case 8:
		memset(&page, 0, sizeof(page));
		strcpy(page.remove.req_path, path());
		call(clients[byte() % 4], FSREQ_REMOVE, &page);
		break;
	case 9:
		sync_fs();
		break;
	case 10:
		fail_alloc = byte() % 8;
		break;
	case 11:
		bad_read = byte() % NBLOCKS;
		break;
	case 12:
		bad_write = byte() % NBLOCKS;
		break;
	case 13:
		power_cut();
		break;
	case 14:
	case 15:
		op_open();
		break;
	default:
		op_file(what);
	}
}

// --------------------------------------------------------------

static void has_good(void)
{
	struct Fd *fd = must_open("/good", O_RDONLY);
	char buf[64];

	EQUAL(pread_as(USER, fd->fd_file_id, buf, sizeof(buf), 0),
	      (long)strlen(good));
	CHECK(memcmp(buf, good, strlen(good)) == 0);
	fd_close(fd);
}

// One start has mended what can be mended. A disk that was never damaged is
// in order, whatever failed, and what nobody touched is there.
static void at_last(bool damaged)
{
	evil = no_room = false;
	fail_alloc = bad_read = bad_write = 0;
	EQUAL(power_cut(), 0);
	EQUAL(sync_fs(), 0);
	EQUAL(power_cut(), 0);
	CHECK(!strstr(console, "marked free"));
	CHECK(!strstr(console, "free again"));
	CHECK(!strstr(console, "temporary"));
	if (damaged)
		return;
	CHECK(console[0] == 0);
	has_good();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first;

	input = data;
	end_of_input = data + size;
	if (!disk)
		make_clean();
	memcpy(disk, clean, sizeof(clean));
	first = byte();
	for (int i = first >> 4; i > 0; i--)
		damage();
	machine_in_guest(first & IN_GUEST);
	if (power_cut() < 0)
		return 0;
	evil = first & EVIL;
	no_room = first & NO_ROOM;
	while (input < end_of_input)
		operation();
	at_last(first >> 4 > 0);
	machine_in_guest(false);
	return 0;
}
