// ls [-lF] [path...]
#include <inc/lib.h>

static bool longform, classify;

static void show(const char *dir, const char *name, off_t size, bool isdir)
{
	if (longform)
		printf("%11ld %c ", size, isdir ? 'd' : '-');
	if (dir[0])
		printf("%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/");
	printf("%s%s\n", name, classify && isdir ? "/" : "");
}

static int list_dir(const char *path, const char *prefix)
{
	static struct File files[BLKFILES];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		fprintf(2, "ls: %s: %e\n", path, fd);
		return 1;
	}
	while ((n = readn(fd, files, sizeof(files))) > 0)
		for (size_t i = 0; i < n / sizeof(files[0]); i++) {
			struct File *f = &files[i];

			f->f_name[MAXNAMELEN - 1] = '\0';
			if (f->f_name[0])
				show(prefix, f->f_name, f->f_size,
				     f->f_type == FTYPE_DIR);
		}
	close(fd);
	if (n < 0)
		fprintf(2, "ls: %s: %e\n", path, n);
	return n < 0;
}

static int list(const char *path)
{
	struct Stat st;
	int r = stat(path, &st);

	if (r < 0) {
		fprintf(2, "ls: %s: %e\n", path, r);
		return 1;
	}
	if (st.st_isdir)
		return list_dir(path, path);
	show("", path, st.st_size, false);
	return 0;
}

void umain(int argc, char **argv)
{
	int i, failed = 0;

	for (i = 1; i < argc && argv[i][0] == '-'; i++)
		for (char *p = argv[i] + 1; *p; p++) {
			longform |= *p == 'l';
			classify |= *p == 'F';
			if (!strchr("lF", *p)) {
				fprintf(2, "usage: ls [-lF] [path...]\n");
				exit(1);
			}
		}
	if (i == argc)
		exit(list_dir("/", ""));
	for (; i < argc; i++)
		failed |= list(argv[i]);
	exit(failed);
}
