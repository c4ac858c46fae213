// lsfd [-1]: the open descriptors; -1: to descriptor 1, not the console.
#include <inc/lib.h>

static int (*put)(const char *fmt, ...) = cprintf;

void umain(int argc, char **argv)
{
	struct Stat st;

	if (argc > 1 && strcmp(argv[1], "-1") == 0)
		put = printf;
	for (int i = 0; i < MAXFD; i++)
		if (fstat(i, &st) >= 0)
			put("fd %d: name %s isdir %d size %ld dev %s\n", i,
			    st.st_name, st.st_isdir, st.st_size,
			    st.st_dev->dev_name);
}
