// Programs may not use I/O ports, and can't allow it themselves.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	uint64_t rflags;

	USED(argc);
	USED(argv);
	__asm__ volatile("pushf\n\torq %1, (%%rsp)\n\tpopf\n\t"
			 "pushf\n\tpop %0"
			 : "=r"(rflags) : "i"(FL_IOPL_3) : "cc");
	if (rflags & FL_IOPL_3)
		panic("IOPL is %lu", (rflags & FL_IOPL_3) / 0x1000);
	cprintf("faultio: writing to a port of the disk\n");
	__asm__ volatile("outb %b0, %w1"
			 : : "a"(0xf0), "d"(0x1f6));
	panic("the port was written");
}
