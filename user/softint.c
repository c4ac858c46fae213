// Raises the page-fault vector itself, which only the processor may: a
// general protection fault ends it.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	__asm__ volatile("int %0" : : "i"(T_PGFLT));
	panic("int $14 worked");
}
