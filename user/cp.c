// cp FROM TO: the file server copies where it can.
#include <inc/lib.h>

static int copy_bytes(int from, int to)
{
	static char buf[PGSIZE];
	ssize_t n, w;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		w = write(to, buf, n);
		if (w < 0)
			return w;
		if (w < n)
			return -E_NO_DISK;
	}
	return n;
}

static int copy(int from, int to)
{
	int r = copy_file(from, to);

	return r == -E_NOT_SUPP ? copy_bytes(from, to) : r;
}

// Where a copy of `from` goes: into `to` when that is a directory.
static const char *target(const char *from, const char *to)
{
	static char path[MAXPATHLEN];
	const char *base = from;
	struct Stat st;

	if (stat(to, &st) < 0 || !st.st_isdir)
		return to;
	for (const char *p = from; *p; p++)
		if (*p == '/' && p[1])
			base = p + 1;
	snprintf(path, sizeof(path), "%s/%s", to, base);
	return path;
}

void umain(int argc, char **argv)
{
	int from, to, r;
	const char *name;

	if (argc != 3) {
		fprintf(2, "usage: cp from to\n");
		exit(1);
	}
	if ((from = open(argv[1], O_RDONLY)) < 0) {
		fprintf(2, "cp: %s: %e\n", argv[1], from);
		exit(1);
	}
	name = target(argv[1], argv[2]);
	if ((to = open(name, O_WRONLY | O_CREAT | O_TRUNC)) < 0) {
		fprintf(2, "cp: %s: %e\n", name, to);
		exit(1);
	}
	if ((r = copy(from, to)) < 0)
		fprintf(2, "cp: %s to %s: %e\n", argv[1], name, r);
	exit(r < 0);
}
