// Uninitialised data is zero, writable, and as large as asked for.
#include <inc/lib.h>

enum { COUNT = 1 << 20 };

static volatile uint32_t bigarray[COUNT];
static volatile uint32_t beyond = 2 * COUNT;
static volatile uint32_t initialised[3] = { 1, 2, 3 };

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	cprintf("Making sure bss works right...\n");
	if (initialised[0] != 1 || initialised[2] != 3)
		panic("initialised data is wrong");
	for (uint32_t i = 0; i < COUNT; i++)
		if (bigarray[i] != 0)
			panic("bigarray[%u] isn't cleared", i);
	for (uint32_t i = 0; i < COUNT; i++)
		bigarray[i] = i;
	for (uint32_t i = 0; i < COUNT; i++)
		if (bigarray[i] != i)
			panic("bigarray[%u] didn't hold its value", i);
	cprintf("Yes, good.  Now doing a wild write off the end...\n");
	(&bigarray[0])[beyond] = 0;
	panic("SHOULD HAVE TRAPPED");
}
