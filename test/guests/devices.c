// A guest that uses a PC's devices: the serial line, the timer by interrupt,
// the clock, the exit port. Also times a port access.
#include "tiny.h"

enum { COM1 = 0x3f8, PIC1 = 0x20, PIT = 0x40, RTC = 0x70, N = 200 };

static volatile int ticks;

static void serial(const char *s)
{
	for (; *s; s++) {
		while (!(inb(COM1 + 5) & 0x20))
			;
		outb(COM1, *s);
	}
}

__attribute__((interrupt)) static void timer(void *frame)
{
	(void)frame;
	ticks++;
	outb(PIC1, 0x20);
}

// Vector 32 behind the gates that start.S has made.
static void set_gate(void)
{
	struct { uint16_t lo, sel, type, mid; uint32_t hi, zero; } *gate =
		(void *)(0x13000 + 32 * 16);
	uintptr_t pc = (uintptr_t)timer;

	gate->lo = pc;
	gate->mid = pc >> 16;
	gate->sel = 0x10;
	gate->type = 0x8e00;
	gate->hi = gate->zero = 0;
	lidt((void *)0x13000, 33 * 16 - 1);
}

// Two digits of the clock's, BCD after a reset.
static int digits(int index)
{
	int v;

	outb(RTC, index);
	v = inb(RTC + 1);
	return (v >> 4) * 10 + (v & 15);
}

int main(void)
{
	uint64_t start;

	serial("serial line works\n");
	set_gate();
	outb(PIC1, 0x11);
	outb(PIC1 + 1, 32);
	outb(PIC1 + 1, 4);
	outb(PIC1 + 1, 1);
	outb(PIC1 + 1, 0xfe);
	outb(PIT + 3, 0x34);		// counter 0, mode 2
	outb(PIT, 0x9c);
	outb(PIT, 0x2e);		// 11932: 10 ms
	while (ticks < 5)
		sti_hlt();
	cli();
	say("timer ticks: ", ticks);
	say("date: ", ((digits(0x32) * 100 + digits(9)) * 100 + digits(8)) *
	    100 + digits(7));
	start = rdtsc();
	for (int i = 0; i < N; i++)
		outb(0xe9, '.');
	say("\nio_debug=", (rdtsc() - start) / N);
	start = rdtsc();
	for (int i = 0; i < N; i++)
		inb(0x64);
	say("io_user=", (rdtsc() - start) / N);
	outb(0xf4, 21);
	return 1;
}
