// Prints a string far beyond its end: refused.
#include <inc/lib.h>

static const char *hello = "hello, world\n";

void umain(int argc, char **argv)
{
	int r = sys_cputs(hello, 1 << 20);

	USED(argc);
	USED(argv);
	if (r != -E_FAULT)
		panic("sys_cputs of a megabyte: %d", r);
	cprintf("buggyhello2: bad length refused\n");
}
