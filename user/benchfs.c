// What files cost, in ticks: writing 1 MiB in pieces of 4 KiB until close()
// says that it is on the disk; sync() after one file has changed.
#include <inc/lib.h>
#include <inc/x86.h>

static char buf[4096];

static void must(const char *what, int64_t r, int64_t want)
{
	if (r != want)
		panic("%s: %ld instead of %ld", what, r, want);
}

static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC);

	if (fd < 0)
		panic("%s: %e", path, fd);
	return fd;
}

void umain(int argc, char **argv)
{
	int fd = create("/benchfs");
	uint64_t start;

	USED(argc);
	USED(argv);
	memset(buf, 'x', sizeof(buf));
	must("sync", sync(), 0);
	start = rdtsc();
	for (int i = 0; i < 256; i++)
		must("write", write(fd, buf, sizeof(buf)), sizeof(buf));
	must("close", close(fd), 0);
	printf("fs_write_1m=%lu\n", rdtsc() - start);

	fd = create("/benchfs");
	must("write", write(fd, buf, sizeof(buf)), sizeof(buf));
	start = rdtsc();
	must("sync", sync(), 0);
	printf("fs_sync=%lu\n", rdtsc() - start);
	must("close", close(fd), 0);
	must("remove", remove("/benchfs"), 0);
}
