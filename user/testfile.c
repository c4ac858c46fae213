// Files: open, read, write, seek, truncate, append, directories, large files
// and the errors.
#include <inc/lib.h>

static char buf[3 * PGSIZE], got[3 * PGSIZE];

static void check(const char *what, int64_t r, int64_t want)
{
	if (r != want)
		panic("%s: %ld instead of %ld", what, r, want);
}

static int must_open(const char *path, int mode)
{
	int fd = open(path, mode);

	if (fd < 0)
		panic("open %s: %e", path, fd);
	return fd;
}

static void test_errors(void)
{
	char path[MAXPATHLEN + 10];

	check("open a missing file", open("/not-found", O_RDONLY),
	      -E_NOT_FOUND);
	check("open in a missing directory",
	      open("/not-found/x", O_RDWR | O_CREAT), -E_NOT_FOUND);
	check("remove a missing file", remove("/not-found"), -E_NOT_FOUND);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	check("open a long path", open(path, O_RDONLY), -E_BAD_PATH);
	check("create what exists", open("/motd", O_RDWR | O_CREAT | O_EXCL),
	      -E_FILE_EXISTS);
	check("read a closed descriptor", read(20, buf, 1), -E_INVAL);
	check("read descriptor -1", read(-1, buf, 1), -E_INVAL);
	check("seek descriptor 1000", seek(1000, 0), -E_INVAL);
	cprintf("errors are good\n");
}

static void test_motd(void)
{
	struct Stat st;
	int fd = must_open("/motd", O_RDONLY);

	check("fstat", fstat(fd, &st), 0);
	if (strcmp(st.st_name, "motd") != 0 || st.st_isdir)
		panic("stat: name %s isdir %d", st.st_name, st.st_isdir);
	check("read", readn(fd, buf, sizeof(buf)), st.st_size);
	if (strncmp(buf, "What is the tortoise", 20) != 0)
		panic("motd starts with %.20s", buf);
	check("read at the end", read(fd, buf, 1), 0);
	check("write to a read-only descriptor", write(fd, buf, 1), -E_INVAL);
	check("seek", seek(fd, 8), 0);
	check("read after seek", read(fd, got, 12), 12);
	check("what seek found", memcmp(got, "the tortoise", 12), 0);
	check("close", close(fd), 0);
	cprintf("open, stat, read and seek are good\n");
}

static void test_write(void)
{
	int fd = must_open("/testfile", O_RDWR | O_CREAT | O_TRUNC);
	struct Stat st;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = i * 7 + i / 4096;
	check("write", write(fd, buf, sizeof(buf)), sizeof(buf));
	seek(fd, 0);
	check("read back", readn(fd, got, sizeof(got)), sizeof(got));
	check("contents", memcmp(buf, got, sizeof(buf)), 0);
	check("truncate", ftruncate(fd, 5000), 0);
	check("fstat", fstat(fd, &st), 0);
	check("size", st.st_size, 5000);
	check("grow", ftruncate(fd, 6000), 0);
	seek(fd, 5000);
	check("read what grew", readn(fd, got, 2000), 1000);
	for (int i = 0; i < 1000; i++)
		check("a byte that grew", got[i], 0);
	close(fd);
	fd = must_open("/testfile", O_WRONLY | O_APPEND);
	check("append", write(fd, "end", 3), 3);
	close(fd);
	check("stat", stat("/testfile", &st), 0);
	check("size after append", st.st_size, 6003);
	check("remove", remove("/testfile"), 0);
	check("open what is gone", open("/testfile", O_RDONLY), -E_NOT_FOUND);
	cprintf("create, write, truncate, append and remove are good\n");
}

// Beyond the direct blocks, with a hole.
static void test_large(void)
{
	int fd = must_open("/large", O_RDWR | O_CREAT | O_TRUNC), n;
	off_t far = (NDIRECT + 30) * BLKSIZE;

	for (int i = 0; i < 20; i++) {
		memset(buf, i, BLKSIZE);
		check("write a block", write(fd, buf, BLKSIZE), BLKSIZE);
	}
	seek(fd, far);
	check("write behind a hole", write(fd, "far", 3), 3);
	close(fd);
	fd = must_open("/large", O_RDONLY);
	for (n = 0; n < (int)(far / BLKSIZE); n++) {
		check("read a block", readn(fd, got, BLKSIZE), BLKSIZE);
		check("its first byte", got[0], n < 20 ? n : 0);
		check("its last byte", got[BLKSIZE - 1], n < 20 ? n : 0);
	}
	check("read behind the hole", readn(fd, got, BLKSIZE), 3);
	check("what is there", memcmp(got, "far", 3), 0);
	close(fd);
	check("remove", remove("/large"), 0);
	cprintf("large file is good\n");
}

static void test_copy(void)
{
	int from = must_open("/lorem", O_RDONLY), n;
	int to = must_open("/copy", O_RDWR | O_CREAT | O_TRUNC);

	check("copy_file", copy_file(from, to), 0);
	n = readn(from, buf, sizeof(buf));
	check("read the copy", readn(to, got, sizeof(got)), n);
	check("the copy", memcmp(buf, got, n), 0);
	close(from);
	close(to);
	check("remove", remove("/copy"), 0);
	cprintf("copy is good\n");
}

static void test_dir(void)
{
	struct Stat st;
	int fd;

	check("mkdir", mkdir("/dir"), 0);
	check("mkdir again", mkdir("/dir"), -E_FILE_EXISTS);
	check("stat", stat("/dir", &st), 0);
	check("isdir", st.st_isdir, 1);
	fd = must_open("/dir/file", O_RDWR | O_CREAT);
	check("write", write(fd, "x", 1), 1);
	close(fd);
	if (remove("/dir") >= 0)
		panic("a directory that is not empty was removed");
	check("remove the file", remove("/dir/file"), 0);
	check("remove the directory", remove("/dir"), 0);
	check("open what is gone", open("/dir", O_RDONLY), -E_NOT_FOUND);
	cprintf("directories are good\n");
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	test_errors();
	test_motd();
	test_write();
	test_large();
	test_copy();
	test_dir();
	check("sync", sync(), 0);
	cprintf("testfile: all is good\n");
}
