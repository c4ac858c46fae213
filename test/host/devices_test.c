// Tests of the VMM's device models: devices_test NAME runs one, devices_test
// lists them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <user/devices/calendar.h>
#include <user/devices/pc.h>
#include <user/devices/rtcregs.h>
#include <user/devices/uartregs.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define CHECK(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);	\
		exit(1);						\
	}								\
} while (0)
#define EQUAL(a, b) do {						\
	long a_ = (a), b_ = (b);					\
	if (a_ != b_) {							\
		fprintf(stderr, "%s:%d: %s is %ld (%#lx), not %ld\n",	\
			__FILE__, __LINE__, #a, a_, a_, b_);		\
		exit(1);						\
	}								\
} while (0)

enum { MSEC = 1000000, COM = 0x3f8, UNIX_TIME = 1700000000 };

// --------------------------------------------------------------
// The machine, and what it did to the world

static struct pc pc;
static uint64_t now;
static char console[4096], debug[64];
static int nconsole, ndebug, nreset, nexit, exit_status;

static void on_console(void *ctx, uint8_t c)
{
	CHECK(ctx == &pc && nconsole < (int)sizeof(console));
	console[nconsole++] = c;
}

static void on_debug(void *ctx, uint8_t c)
{
	CHECK(ctx == &pc && ndebug < (int)sizeof(debug));
	debug[ndebug++] = c;
}

static void on_reset(void *ctx)
{
	CHECK(ctx == &pc);
	nreset++;
}

static void on_exit_port(void *ctx, uint8_t status)
{
	CHECK(ctx == &pc);
	nexit++;
	exit_status = status;
}

static void power_on(void)
{
	struct pc_host host = {
		on_console, on_debug, on_reset, on_exit_port, &pc,
	};

	now = 0;
	nconsole = ndebug = nreset = nexit = 0;
	pc_init(&pc, &host, UNIX_TIME);
}

static int in(uint16_t port)
{
	return pc_in(&pc, port, 1, now);
}

static void out(uint16_t port, uint8_t value)
{
	pc_out(&pc, port, 1, value, now);
}

// As most kernels set the pair up: vectors from 32 on, all but `open` masked.
static void pic_setup(uint16_t open)
{
	static const uint8_t icw[2][4] = {
		{ 0x11, 32, 4, 1 }, { 0x11, 40, 2, 1 },
	};

	for (int i = 0; i < 2; i++) {
		out(i ? PIC2 : PIC1, icw[i][0]);
		for (int word = 1; word < 4; word++)
			out((i ? PIC2 : PIC1) + 1, icw[i][word]);
	}
	out(PIC1 + 1, ~open & ~4);
	out(PIC2 + 1, ~open >> 8);
}

static void irq(int number, bool level)
{
	pic_set_irq(&pc.pic, number, level);
}

static void pulse(int number)
{
	irq(number, false);
	irq(number, true);
	irq(number, false);
}

static int isr(uint16_t port)
{
	out(port, 0x0b);
	return in(port);
}

static int irr(uint16_t port)
{
	out(port, 0x0a);
	return in(port);
}

// --------------------------------------------------------------
// The bus

// At ports 0x10 to 0x12, and at the last one.
static uint8_t test_ports[9];

static uint8_t port_in(void *state, uint16_t port)
{
	CHECK(state == &test_ports[1]);
	CHECK((port >= 0x10 && port <= 0x12) || port == 0x3ff);
	return test_ports[port & 7];
}

static void port_out(void *state, uint16_t port, uint8_t value)
{
	CHECK(state == &test_ports[1]);
	CHECK((port >= 0x10 && port <= 0x12) || port == 0x3ff);
	test_ports[port & 7] = value;
}

static uint8_t never_in(void *state, uint16_t port)
{
	CHECK(!state && port);
	return 0;
}

static void never_out(void *state, uint16_t port, uint8_t value)
{
	CHECK(!state && port && value);
}

static const struct device table[] = {
	{ "test", 0x10, 0x12, 1, port_in, port_out },
	{ "last", 0x3ff, 0x3ff, 1, port_in, port_out },
	{ "wraps", 0, 8, 1, never_in, never_out },
	{ "beyond", 0x20, 0x20, 1, never_in, never_out },
};

static struct bus test_bus;

static uint32_t bus_in(uint16_t port, int size)
{
	return devices_in(&test_bus, test_ports, port, size);
}

static void bus_out(uint16_t port, int size, uint32_t value)
{
	devices_out(&test_bus, test_ports, port, size, value);
}

static void bus(void)
{
	bus_init(&test_bus, table, 3);
	CHECK(!device_at(&test_bus, 0xf) && !device_at(&test_bus, 0x13));
	CHECK(device_at(&test_bus, 0x10) == table);
	CHECK(device_at(&test_bus, 0x12) == table);
	CHECK(!device_at(&test_bus, 0x20) && !device_at(&test_bus, 0x410));
	bus_out(0x0f, 4, 0x33221100);
	EQUAL(bus_in(0x10, 1), 0x11);
	EQUAL(bus_in(0x10, 2), 0x2211);
	EQUAL(bus_in(0x10, 4), 0xff332211);
	EQUAL(bus_in(0x0e, 4), 0x2211ffff);
	EQUAL(bus_in(0x13, 1), 0xff);
	EQUAL(bus_in(0x13, 2), 0xffff);
	EQUAL(bus_in(0x13, 4), 0xffffffff);
	bus_out(0x12, 4, 0x99887766);
	EQUAL(bus_in(0x10, 4), 0xff662211);
	bus_out(0x3fd, 4, 0x44332211);
	EQUAL(bus_in(0x3fe, 4), 0xffff33ff);
	EQUAL(bus_in(0xfffe, 4), 0xffffffff);
	EQUAL(bus_in(0x10, 0), 0);
	bus_out(0x10, 8, 0x44332211);
	EQUAL(bus_in(0x10, 8), 0xff332211);
}

static void clocks(void)
{
	static const uint64_t hz[] = { 1, 32768, PIT_HZ, 1 << 30 };
	uint64_t time = 1;

	for (size_t i = 0; i < ARRAY_SIZE(hz); i++)
		for (time = 1; time < 1ull << 62; time += time / 3 + 1) {
			uint64_t ticks = time_to_ticks(time, hz[i]);
			__uint128_t exact = (__uint128_t)time * hz[i];

			CHECK(ticks == exact / NSEC_PER_SEC);
			CHECK(ticks_to_time(ticks, hz[i]) <= time);
			CHECK(ticks_to_time(ticks + 1, hz[i]) > time);
		}
}

static void board(void)
{
	static const struct { uint16_t port; const char *name; } map[] = {
		{ 0x1f, NULL }, { 0x20, "pic" }, { 0x21, "pic" },
		{ 0x22, NULL }, { 0x3f, NULL }, { 0x40, "pit" },
		{ 0x43, "pit" }, { 0x44, NULL }, { 0x60, "i8042" },
		{ 0x61, "pit" }, { 0x62, NULL }, { 0x64, "i8042" },
		{ 0x65, NULL }, { 0x70, "rtc" }, { 0x71, "rtc" },
		{ 0x72, NULL }, { 0xa0, "pic" }, { 0xa1, "pic" },
		{ 0xa2, NULL }, { 0xe9, "debugport" }, { 0xf4, "exitport" },
		{ 0x3f7, NULL }, { 0x3f8, "uart" }, { 0x3ff, "uart" },
		{ 0x400, NULL }, { 0xffff, NULL },
	};

	CHECK(pc.pit.due == TIME_NEVER && pc.rtc.due == TIME_NEVER);
	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		const char *name = pc_device(&pc, map[i].port);

		CHECK(!name == !map[i].name);
		CHECK(!name || strcmp(name, map[i].name) == 0);
	}
	EQUAL(pc_in(&pc, 0x80, 4, 0), 0xffffffff);
	EQUAL(pc_in(&pc, 0x80, 2, 0), 0xffff);
	EQUAL(pc_in(&pc, 0x80, 1, 0), 0xff);
	EQUAL(pc.now, 0);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	EQUAL(pc_interrupt(&pc), -1);
}

// Time neither goes back nor beyond its bound.
static void odd_times(void)
{
	pc_advance(&pc, 1000);
	pc_advance(&pc, 10);
	EQUAL(pc.now, 1000);
	pc_advance(&pc, UINT64_MAX);
	pc_advance(&pc, 1ull << 63);
	EQUAL(pc.now, 1000);
	pc_advance(&pc, INT64_MAX);
	EQUAL(pc.now, INT64_MAX);
}

// --------------------------------------------------------------
// Debug port, exit port, keyboard controller

static void debug_port(void)
{
	EQUAL(in(0xe9), 0xe9);
	out(0xe9, 'h');
	out(0xe9, 'i');
	CHECK(ndebug == 2 && memcmp(debug, "hi", 2) == 0);
	EQUAL(nconsole, 0);
}

static void exit_port(void)
{
	EQUAL(in(0xf4), 0);
	EQUAL(nexit, 0);
	out(0xf4, 42);
	EQUAL(nexit, 1);
	EQUAL(exit_status, 42);
	pc_out(&pc, 0xf4, 4, 7, now);	// one port: one exit
	EQUAL(nexit, 2);
	EQUAL(exit_status, 7);
}

static int keyboard_command(uint8_t command)
{
	out(0x64, command);
	EQUAL(in(0x64), 0x1d);		// a command was written, data waits
	return in(0x60);
}

static void keyboard(void)
{
	EQUAL(in(0x64), 0x14);
	EQUAL(keyboard_command(0xaa), 0x55);
	EQUAL(in(0x64), 0x1c);
	EQUAL(keyboard_command(0xab), 0x00);
	EQUAL(keyboard_command(0x20), 0x14);
	EQUAL(keyboard_command(0xd0), 0x03);
	out(0x64, 0x60);
	EQUAL(in(0x64), 0x1c);
	out(0x60, 0x65);
	EQUAL(in(0x64), 0x14);
	EQUAL(keyboard_command(0x20), 0x65);
	out(0x64, 0xae);		// of no effect
	EQUAL(in(0x64), 0x1c);
	out(0x60, 0xf4);		// to nobody
	EQUAL(in(0x64), 0x55);
	EQUAL(in(0x60), 0xfe);
	EQUAL(in(0x64), 0x14);
	EQUAL(nreset, 0);
}

static void keyboard_reset(void)
{
	out(0x64, 0xfe);
	EQUAL(nreset, 1);
	out(0x64, 0xff);		// pulses no line
	EQUAL(nreset, 1);
	out(0x64, 0xf0);
	EQUAL(nreset, 2);
	out(0x64, 0xd1);
	out(0x60, 0x03);
	EQUAL(nreset, 2);
	out(0x60, 0x02);		// the command is over
	EQUAL(nreset, 2);
	EQUAL(in(0x60), 0xfe);
	out(0x64, 0xd1);
	out(0x60, 0x02);
	EQUAL(nreset, 3);
	out(0x64, 0xd1);
	out(0x64, 0x20);		// forgets the first command
	out(0x60, 0x00);
	EQUAL(nreset, 3);
}

// --------------------------------------------------------------
// Serial line

static void uart_registers(void)
{
	EQUAL(in(COM + REG_IER), 0);
	EQUAL(in(COM + REG_IIR), IIR_NONE);
	EQUAL(in(COM + REG_LSR), LSR_SENT);
	EQUAL(in(COM + REG_MSR), MSR_CTS | MSR_DSR | MSR_DCD);
	for (int reg = 0; reg < 8; reg++)
		if (reg != REG_DATA && reg != REG_FCR)
			out(COM + reg, 0xff);
	EQUAL(in(COM + REG_IER), 0);	// the divisor's high half now
	out(COM + REG_LCR, 0x7f);
	EQUAL(in(COM + REG_LCR), 0x7f);
	EQUAL(in(COM + REG_MCR), 0x1f);
	out(COM + REG_SCR, 0x5a);
	out(COM + REG_LSR, 0xff);
	out(COM + REG_MSR, 0xff);
	EQUAL(in(COM + REG_SCR), 0x5a);
	EQUAL(in(COM + REG_LSR), LSR_SENT);
	EQUAL(in(COM + REG_IER), 0x0f);
}

static void uart_divisor(void)
{
	out(COM + REG_LCR, LCR_DLAB | 3);
	EQUAL(pc_in(&pc, COM, 2, now), 1);
	pc_out(&pc, COM, 2, 0x1234, now);
	EQUAL(in(COM), 0x34);
	EQUAL(in(COM + 1), 0x12);
	EQUAL(nconsole, 0);
	out(COM + REG_LCR, 3);
	EQUAL(in(COM + REG_IER), 0);
	out(COM, 'x');
	CHECK(nconsole == 1 && console[0] == 'x');
	out(COM + REG_LCR, LCR_DLAB);
	EQUAL(pc_in(&pc, COM, 2, now), 0x1234);
}

static void uart_output(void)
{
	for (int i = 0; i < 256; i++) {
		EQUAL(in(COM + REG_LSR), LSR_SENT);
		out(COM, i);
	}
	EQUAL(nconsole, 256);
	for (int i = 0; i < 256; i++)
		EQUAL((uint8_t)console[i], i);
}

static int push_all(const char *text)
{
	int n = 0;

	while (text[n] && pc_input(&pc, text[n]))
		n++;
	return n;
}

static void uart_input(void)
{
	EQUAL(pc_input_room(&pc), 1);	// the FIFO is off
	EQUAL(push_all("ab"), 1);
	EQUAL(pc_input_room(&pc), 0);
	EQUAL(in(COM + REG_LSR), LSR_SENT | LSR_RECEIVED);
	EQUAL(in(COM), 'a');
	EQUAL(in(COM + REG_LSR), LSR_SENT);
	EQUAL(in(COM), 0);
	EQUAL(in(COM + REG_LSR), LSR_SENT);
	EQUAL(pc_input_room(&pc), 1);
	EQUAL(push_all("c"), 1);
	out(COM + REG_FCR, FCR_ENABLE);	// empties
	EQUAL(in(COM + REG_LSR), LSR_SENT);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_NONE);
	for (int round = 0; round < 3; round++) {
		EQUAL(pc_input_room(&pc), 16);
		EQUAL(push_all("0123456789abcdefg"), 16);
		EQUAL(pc_input_room(&pc), 0);
		for (int i = 0; i < 16; i++) {
			EQUAL(in(COM + REG_LSR), LSR_SENT | LSR_RECEIVED);
			EQUAL(in(COM), "0123456789abcdef"[i]);
		}
		EQUAL(in(COM + REG_LSR), LSR_SENT);
		EQUAL(push_all("xyz"), 3);
		EQUAL(in(COM), 'x');
		out(COM + REG_FCR, FCR_ENABLE | FCR_CLEAR_RECEIVER);
	}
	EQUAL(push_all("xyz"), 3);
	out(COM + REG_FCR, FCR_ENABLE | 0x04);	// clears the transmitter's
	EQUAL(pc_input_room(&pc), 13);
	out(COM + REG_FCR, 0);
	EQUAL(pc_input_room(&pc), 1);
	EQUAL(in(COM + REG_IIR), IIR_NONE);
}

static void uart_trigger_levels(void)
{
	static const int level[] = { 1, 4, 8, 14 };

	out(COM + REG_IER, IER_RECEIVED);
	for (int i = 0; i < 4; i++) {
		out(COM + REG_FCR, i << 6 | FCR_CLEAR_RECEIVER | FCR_ENABLE);
		for (int n = 1; n <= 16; n++) {
			EQUAL(push_all("x"), 1);
			EQUAL(in(COM + REG_IIR), IIR_FIFO |
			      (n < level[i] ? IIR_TIMEOUT : IIR_RECEIVED));
		}
	}
}

// Each reason, in the order of priority.
static void uart_interrupts(void)
{
	pic_setup(1 << 4);
	out(COM + REG_FCR, FCR_ENABLE);
	out(COM + REG_MCR, MCR_LOOP);
	for (int i = 0; i < 17; i++)
		out(COM, i);		// the last one overruns
	out(COM + REG_MCR, MCR_LOOP | MCR_RTS);
	out(COM + REG_MCR, MCR_OUT2);
	CHECK(!pc_has_interrupt(&pc));
	out(COM + REG_IER, IER_ALL);
	EQUAL(pc_interrupt(&pc), 36);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_LINE_STATUS);
	EQUAL(in(COM + REG_LSR), LSR_SENT | LSR_RECEIVED | LSR_OVERRUN);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_RECEIVED);
	for (int i = 0; i < 16; i++)
		EQUAL(in(COM), i);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_THR_EMPTY);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_MODEM_STATUS);
	CHECK(in(COM + REG_MSR) & 0x0f);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_NONE);
	EQUAL(in(COM + REG_MSR), MSR_CTS | MSR_DSR | MSR_DCD);
	out(PIC1, 0x20);
	EQUAL(pc_interrupt(&pc), -1);
	out(COM, 'x');			// sent: empty again
	EQUAL(pc_interrupt(&pc), 36);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_THR_EMPTY);
	out(PIC1, 0x20);
	out(COM + REG_IER, 0);
	out(COM + REG_IER, IER_THR_EMPTY);	// enabled while empty
	EQUAL(pc_interrupt(&pc), 36);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_THR_EMPTY);
	out(COM + REG_IER, IER_THR_EMPTY | IER_RECEIVED);
	EQUAL(in(COM + REG_IIR), IIR_FIFO | IIR_NONE);
}

static void uart_gate(void)
{
	pic_setup(1 << 4);
	out(COM + REG_IER, IER_RECEIVED);
	EQUAL(push_all("x"), 1);
	EQUAL(pc_interrupt(&pc), -1);	// OUT2 is off
	out(COM + REG_MCR, MCR_OUT2 | MCR_LOOP);
	EQUAL(pc_interrupt(&pc), -1);
	out(COM + REG_MCR, MCR_OUT2);
	EQUAL(pc_interrupt(&pc), 36);
	EQUAL(pc_interrupt(&pc), -1);
	EQUAL(in(COM), 'x');
	out(PIC1, 0x20);
	EQUAL(push_all("y"), 1);
	EQUAL(pc_interrupt(&pc), 36);
}

static void uart_loopback(void)
{
	static const struct { int mcr, msr; } lines[] = {
		{ MCR_DTR, MSR_DSR | 0x02 }, { MCR_RTS, MSR_CTS | 0x01 },
		{ MCR_OUT1, MSR_RING }, { MCR_OUT2, MSR_DCD | 0x08 },
	};

	out(COM + REG_MCR, MCR_LOOP);
	in(COM + REG_MSR);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		out(COM + REG_MCR, MCR_LOOP | lines[i].mcr);
		EQUAL(in(COM + REG_MSR), lines[i].msr);
		EQUAL(in(COM + REG_MSR), lines[i].msr & 0xf0);
		out(COM + REG_MCR, MCR_LOOP);
		EQUAL(in(COM + REG_MSR), lines[i].mcr == MCR_OUT1 ?
		      MSR_RING_ENDED : lines[i].msr & 0x0f);
	}
	EQUAL(pc_input_room(&pc), 0);
	EQUAL(push_all("a"), 0);
	out(COM, 'x');
	EQUAL(in(COM + REG_LSR), LSR_SENT | LSR_RECEIVED);
	out(COM, 'y');			// without the FIFO the old one goes
	EQUAL(in(COM + REG_LSR), LSR_SENT | LSR_RECEIVED | LSR_OVERRUN);
	EQUAL(in(COM + REG_LSR), LSR_SENT | LSR_RECEIVED);
	EQUAL(in(COM), 'y');
	EQUAL(nconsole, 0);
	out(COM + REG_MCR, 0);
	EQUAL(push_all("a"), 1);
}

// --------------------------------------------------------------
// Interrupt controllers

static void pic_vectors(void)
{
	EQUAL(in(PIC1 + 1), 0xff);	// nothing before the guest asks
	EQUAL(in(PIC2 + 1), 0xff);
	for (int i = 0; i < 16; i++)
		irq(i, true);
	EQUAL(pc_interrupt(&pc), -1);
	for (int i = 0; i < 16; i++)
		irq(i, false);
	pic_setup(0xffff);
	EQUAL(in(PIC1 + 1), 0);
	EQUAL(irr(PIC1), 0);
	for (int i = 0; i < 16; i++) {
		if (i == 2)
			continue;
		irq(i, true);
		CHECK(pc_has_interrupt(&pc));
		EQUAL(irr(i < 8 ? PIC1 : PIC2), 1 << i % 8);
		EQUAL(pc_interrupt(&pc), 32 + i);
		EQUAL(irr(i < 8 ? PIC1 : PIC2), 0);
		EQUAL(isr(PIC1), i < 8 ? 1 << i : 4);
		EQUAL(isr(PIC2), i < 8 ? 0 : 1 << i % 8);
		EQUAL(pc_interrupt(&pc), -1);
		if (i >= 8)
			out(PIC2, 0x20);
		out(PIC1, 0x20);
		EQUAL(isr(PIC1) | isr(PIC2), 0);
		EQUAL(pc_interrupt(&pc), -1);	// an edge, once
		irq(i, false);
	}
	irq(2, true);			// nobody's
	irq(16, true);
	irq(-1, true);
	EQUAL(pc_interrupt(&pc), -1);
}

static void pic_priorities(void)
{
	pic_setup(0xffff);
	for (int i = 15; i >= 0; i--)
		pulse(i);
	EQUAL(pc_interrupt(&pc), 32);
	EQUAL(pc_interrupt(&pc), -1);	// less urgent ones wait
	out(PIC1, 0x20);
	EQUAL(pc_interrupt(&pc), 33);
	pulse(0);
	EQUAL(pc_interrupt(&pc), 32);	// a more urgent one does not
	out(PIC1, 0x20);
	EQUAL(isr(PIC1), 2);
	out(PIC1, 0x20);
	for (int i = 8; i < 16; i++) {
		EQUAL(pc_interrupt(&pc), 32 + i);
		EQUAL(pc_interrupt(&pc), -1);
		out(PIC2, 0x20);
		out(PIC1, 0x20);
	}
	EQUAL(pc_interrupt(&pc), 35);
}

// The second chip serves one at a time, and a more urgent one only in special
// fully nested mode of the first.
static void pic_cascade(void)
{
	for (int nested = 0; nested < 2; nested++) {
		power_on();
		pic_setup(0xffff);
		if (nested) {
			out(PIC1, 0x11);
			out(PIC1 + 1, 32);
			out(PIC1 + 1, 4);
			out(PIC1 + 1, 0x11);
		}
		pulse(12);
		EQUAL(pc_interrupt(&pc), 44);
		pulse(14);
		EQUAL(pc_interrupt(&pc), -1);
		pulse(9);
		EQUAL(pc_interrupt(&pc), nested ? 41 : -1);
		pulse(3);
		EQUAL(pc_interrupt(&pc), -1);
		pulse(1);
		EQUAL(pc_interrupt(&pc), 33);
		out(PIC1, 0x20);
		out(PIC2, 0x20);	// 9's when nested, else 12's
		out(PIC1, 0x20);
		EQUAL(pc_interrupt(&pc), nested ? 35 : 41);
	}
}

static void pic_masks(void)
{
	pic_setup(0xffff);
	out(PIC1 + 1, 0x02);
	out(PIC2 + 1, 0x10);
	EQUAL(in(PIC1 + 1), 0x02);
	EQUAL(in(PIC2 + 1), 0x10);
	pulse(1);
	pulse(12);
	EQUAL(pc_interrupt(&pc), -1);
	EQUAL(irr(PIC1), 2);		// kept
	out(PIC1 + 1, 0);
	EQUAL(pc_interrupt(&pc), 33);
	out(PIC1, 0x20);
	out(PIC2 + 1, 0);
	EQUAL(pc_interrupt(&pc), 44);
	out(PIC2, 0x20);
	out(PIC1, 0x20);
	out(PIC1 + 1, 4);		// masks the whole second chip
	pulse(9);
	EQUAL(pc_interrupt(&pc), -1);
	CHECK(pic_deaf(&pc.pic, 9) && pic_deaf(&pc.pic, 2));
	CHECK(!pic_deaf(&pc.pic, 8) && !pic_deaf(&pc.pic, 0));
}

static void pic_eoi(void)
{
	pic_setup(0xffff);
	pulse(5);
	EQUAL(pc_interrupt(&pc), 37);
	pulse(3);
	EQUAL(pc_interrupt(&pc), 35);
	EQUAL(isr(PIC1), 0x28);
	out(PIC1, 0x65);		// specific
	EQUAL(isr(PIC1), 0x08);
	out(PIC1, 0x20);
	out(PIC1, 0x20);		// of nothing
	EQUAL(isr(PIC1), 0);
	out(PIC1, 0xa0);		// nothing to rotate after
	out(PIC1, 0x47);		// no operation
	pulse(7);
	pulse(0);
	EQUAL(pc_interrupt(&pc), 32);
	out(PIC1, 0x20);
	out(PIC1, 0x44);
	pulse(4);
	EQUAL(pc_interrupt(&pc), 36);
}

static void pic_auto_eoi(void)
{
	pic_setup(0xffff);
	out(PIC1, 0x11);
	out(PIC1 + 1, 32);
	out(PIC1 + 1, 4);
	out(PIC1 + 1, 3);
	pulse(3);
	pulse(6);
	EQUAL(pc_interrupt(&pc), 35);
	EQUAL(isr(PIC1), 0);
	EQUAL(pc_interrupt(&pc), 38);
	out(PIC1, 0x80);		// rotate at each automatic EOI
	pulse(3);
	EQUAL(pc_interrupt(&pc), 35);
	pulse(3);
	pulse(4);
	EQUAL(pc_interrupt(&pc), 36);
	EQUAL(pc_interrupt(&pc), 35);
	out(PIC1, 0x00);		// no longer
	pulse(4);
	EQUAL(pc_interrupt(&pc), 36);
	pulse(4);
	pulse(5);
	EQUAL(pc_interrupt(&pc), 36);
}

static void pic_rotation(void)
{
	pic_setup(0xffff);
	out(PIC1, 0xc4);		// 4 is the least urgent: 5 the most
	pulse(4);
	pulse(0);
	pulse(5);
	EQUAL(pc_interrupt(&pc), 37);
	out(PIC1, 0xa0);		// EOI, and 5 becomes the least
	EQUAL(isr(PIC1), 0);
	EQUAL(pc_interrupt(&pc), 32);
	out(PIC1, 0xe0);		// specific EOI: 0 is the least now
	EQUAL(isr(PIC1), 0);
	pulse(0);
	EQUAL(pc_interrupt(&pc), 36);
	out(PIC1, 0x20);
	pulse(1);
	EQUAL(pc_interrupt(&pc), 33);
}

static void pic_special_mask(void)
{
	pic_setup(0xffff);
	pulse(1);
	EQUAL(pc_interrupt(&pc), 33);
	pulse(6);
	out(PIC1 + 1, 0x02);
	EQUAL(pc_interrupt(&pc), -1);
	out(PIC1, 0x68);		// a masked one in service counts not
	EQUAL(irr(PIC1), 0x40);
	EQUAL(pc_interrupt(&pc), 38);
	out(PIC1, 0x20);		// ends 6, as 1 is masked
	EQUAL(isr(PIC1), 0x02);
	pulse(6);
	out(PIC1, 0x48);		// off
	EQUAL(pc_interrupt(&pc), -1);
	out(PIC1, 0x08);		// changes nothing
	EQUAL(pc_interrupt(&pc), -1);
	EQUAL(in(PIC1), 0x02);		// still what was read last
	EQUAL(irr(PIC1), 0x40);
	out(PIC1, 0x08);
	EQUAL(in(PIC1), 0x40);
}

static void pic_level(void)
{
	pic_setup(0xffff);
	irq(PC_IRQ_PIT, false);
	irq(3, true);
	out(PIC1, 0x19);
	out(PIC1 + 1, 0x47);		// the low bits are not the vector's
	out(PIC1 + 1, 4);
	EQUAL(pc_interrupt(&pc), -1);	// not yet: a word is due
	out(PIC1 + 1, 1);
	EQUAL(pc_interrupt(&pc), 0x43);
	EQUAL(pc_interrupt(&pc), -1);
	out(PIC1, 0x20);
	EQUAL(pc_interrupt(&pc), 0x43);	// as long as the line is high
	irq(3, false);
	out(PIC1, 0x20);
	EQUAL(pc_interrupt(&pc), -1);
	irq(3, true);
	irq(3, false);
	EQUAL(irr(PIC1), 0);
	EQUAL(pc_interrupt(&pc), -1);
	EQUAL(pic_ack(&pc.pic), 0x47);
	out(PIC1, 0x1b);		// single, and with automatic EOI
	out(PIC1 + 1, 0x40);
	out(PIC1 + 1, 3);
	irq(3, true);
	EQUAL(pc_interrupt(&pc), 0x43);
	EQUAL(pc_interrupt(&pc), 0x43);
}

// A request that goes between the output and its acknowledge.
static void pic_spurious(void)
{
	pic_setup(0xffff);
	EQUAL(pic_ack(&pc.pic), 39);
	EQUAL(isr(PIC1), 0);
	pulse(3);
	CHECK(pc_has_interrupt(&pc));
	out(PIC1 + 1, 0x08);
	EQUAL(pic_ack(&pc.pic), 39);
	out(PIC1 + 1, 0x00);
	EQUAL(pc_interrupt(&pc), 35);
	out(PIC1, 0x20);
	pulse(11);
	out(PIC2 + 1, 0x08);		// the first chip's request stays
	EQUAL(pc_interrupt(&pc), 47);
	EQUAL(isr(PIC1), 4);
	EQUAL(isr(PIC2), 0);
	out(PIC1, 0x20);
	out(PIC2 + 1, 0);
	EQUAL(pc_interrupt(&pc), 43);
}

static void pic_poll(void)
{
	pic_setup(0xffff);
	out(PIC1, 0x0c);
	EQUAL(in(PIC1), 0);
	EQUAL(in(PIC1), 0);		// the IRR again
	pulse(5);
	out(PIC1, 0x0c);
	EQUAL(in(PIC1), 0x85);
	pulse(0);
	EQUAL(in(PIC1), 0x01);
	EQUAL(pc_interrupt(&pc), 32);
	out(PIC1, 0x20);
	EQUAL(isr(PIC1), 0x20);
	out(PIC1, 0x20);
	pulse(9);
	pulse(10);
	out(PIC2, 0x0c);
	EQUAL(in(PIC2), 0x81);
	EQUAL(isr(PIC2), 0x02);
	out(PIC2, 0x20);
	EQUAL(pc_interrupt(&pc), 42);
	out(PIC2, 0x0c);
	EQUAL(in(PIC2 + 1), 0);		// at either address
	EQUAL(in(PIC2 + 1), 0);
}

// A kernel that takes no interrupts: it polls the first chip, then the second.
static void pic_poll_both(void)
{
	for (int address = 0; address < 2; address++) {
		power_on();
		pic_setup(0xffff);
		pulse(9);
		pulse(10);
		out(PIC1, 0x0c);
		EQUAL(in(PIC1 + address), 0x82);
		EQUAL(in(PIC1 + 1), 0);
		EQUAL(in(PIC2 + 1), 0);
		EQUAL(irr(PIC1), 0);
		out(PIC2, 0x0c);
		EQUAL(in(PIC2 + address), 0x81);
		EQUAL(pc_interrupt(&pc), -1);
		out(PIC2, 0x20);
		out(PIC1, 0x20);
		EQUAL(pc_interrupt(&pc), 42);
	}
}

// The second chip asks again at once when its service ends at once.
static void pic_second_auto_eoi(void)
{
	pic_setup(0xffff);
	out(PIC2, 0x11);
	out(PIC2 + 1, 40);
	out(PIC2 + 1, 2);
	out(PIC2 + 1, 3);
	pulse(9);
	pulse(10);
	EQUAL(pc_interrupt(&pc), 41);
	EQUAL(isr(PIC2), 0);
	EQUAL(pc_interrupt(&pc), -1);
	out(PIC1, 0x20);
	EQUAL(pc_interrupt(&pc), 42);
	out(PIC1, 0x11);		// and the first chip does too
	out(PIC1 + 1, 32);
	out(PIC1 + 1, 4);
	out(PIC1 + 1, 3);
	pulse(9);
	pulse(10);
	EQUAL(pc_interrupt(&pc), 41);
	EQUAL(pc_interrupt(&pc), 42);
	EQUAL(pc_interrupt(&pc), -1);
}

static void pic_words(void)
{
	pic_setup(0xffff);
	pulse(3);
	EQUAL(pc_interrupt(&pc), 35);
	irq(4, true);
	out(PIC1, 0x12);		// single, no ICW4
	out(PIC1 + 1, 0x50);
	EQUAL(in(PIC1 + 1), 0);
	out(PIC1 + 1, 0x01);		// a mask already
	EQUAL(in(PIC1 + 1), 0x01);
	EQUAL(isr(PIC1) | irr(PIC1), 0);	// 4 needs a new edge
	irq(4, false);
	irq(4, true);
	EQUAL(pc_interrupt(&pc), 0x54);
	out(PIC1, 0x10);		// cascaded, no ICW4
	out(PIC1 + 1, 0x58);
	out(PIC1 + 1, 0x02);		// ICW3
	out(PIC1 + 1, 0x03);
	EQUAL(in(PIC1 + 1), 0x03);
	pulse(6);
	EQUAL(pc_interrupt(&pc), 0x5e);
	EQUAL(isr(PIC1), 0x40);		// no automatic EOI
	out(PIC1, 0x13);		// single, with ICW4
	out(PIC1 + 1, 0x60);
	out(PIC1 + 1, 0x03);		// automatic EOI
	out(PIC1 + 1, 0x00);
	pulse(6);
	EQUAL(pc_interrupt(&pc), 0x66);
	EQUAL(isr(PIC1), 0);
}

// --------------------------------------------------------------
// Interval timer

// A counter that really counts, as the data sheet draws it.
struct drawn {
	int mode, modulus, reload, count;
	bool gate, armed, load, counting, odd, output;
};

static void drawn_mode(struct drawn *d, int mode, int modulus)
{
	bool gate = d->gate;

	*d = (struct drawn){ .mode = mode, .modulus = modulus, .gate = gate,
		.output = mode != 0 };
}

static void drawn_write(struct drawn *d, int count)
{
	d->reload = count ? count : d->modulus;
	if (d->mode == 0)
		d->output = false;
	if (d->mode == 1 || d->mode == 5 ||
	    (d->armed && (d->mode == 2 || d->mode == 3))) {
		d->armed = true;
		return;
	}
	d->armed = d->load = true;
	d->counting = false;
}

static void drawn_gate(struct drawn *d, bool gate)
{
	if (!gate && (d->mode == 2 || d->mode == 3))
		d->output = true;
	if (gate && !d->gate && d->armed && d->mode != 0 && d->mode != 4) {
		d->load = true;
		if (d->mode == 1)
			d->output = false;
		if (d->mode == 5)
			d->output = true;
	}
	d->gate = gate;
}

static void drawn_load(struct drawn *d)
{
	d->count = d->mode == 3 ? d->reload & ~1 : d->reload;
	d->odd = d->reload & 1;
}

static void drawn_square(struct drawn *d)
{
	if (d->count == 0 || (d->count == 2 && !(d->odd && d->output))) {
		d->output = !d->output;
		drawn_load(d);
	} else {
		d->count -= 2;
	}
}

static void drawn_rate(struct drawn *d)
{
	if (d->count == 1)
		drawn_load(d);
	else
		d->count--;
	d->output = d->count != 1;
}

static void drawn_once(struct drawn *d)
{
	if (d->mode >= 4)
		d->output = true;
	if (d->count-- == 1 && d->counting) {
		d->counting = false;
		d->output = d->mode < 4;
	}
	d->count = (d->count + d->modulus) % d->modulus;
}

static void drawn_clock(struct drawn *d)
{
	if (d->load) {
		d->load = false;
		d->counting = true;
		if (d->mode != 0)
			d->output = d->mode != 1;
		drawn_load(d);
	} else if (d->counting || d->armed) {
		bool stopped = !d->gate && d->mode != 1 && d->mode != 5;

		if (stopped)
			return;
		if (d->mode == 3)
			drawn_square(d);
		else if (d->mode == 2)
			drawn_rate(d);
		else
			drawn_once(d);
	}
}

// Whether the drawn counter has begun, so that its value means something.
static bool begun(const struct drawn *d)
{
	return d->armed && !d->load && d->count >= 0 && d->reload &&
		(d->counting || (d->mode != 1 && d->mode != 5));
}

static void compare(struct counter *c, struct drawn *d, int64_t t)
{
	if (!d->load)
		EQUAL(counter_output(c, t), d->output);
	if (begun(d))
		EQUAL(counter_value(c, t), d->count % d->modulus);
}

// A rise that is foretold comes, and no other. Sometimes nobody looks.
static void run(struct counter *c, struct drawn *d, int64_t *t, int ticks)
{
	int64_t rise = counter_next_rise(c, *t);

	if (rand() % 2) {
		for (; ticks > 0; ticks--, ++*t)
			drawn_clock(d);
		return;
	}
	while (ticks-- > 0) {
		bool before = counter_output(c, *t);

		if (*t >= rise)
			rise = counter_next_rise(c, *t);
		EQUAL(counter_next_rise(c, *t), rise);
		CHECK(rise > *t);
		++*t;
		drawn_clock(d);
		compare(c, d, *t);
		EQUAL(!before && counter_output(c, *t), rise == *t);
	}
}

static void counter_as_drawn(int mode, int modulus)
{
	struct counter c;
	struct drawn d = { .gate = true };
	int64_t t = 5;

	counter_init(&c, true);
	counter_set_mode(&c, mode, modulus == 10000);
	drawn_mode(&d, mode, modulus);
	compare(&c, &d, t);
	for (int i = 0; i < 3000; i++) {
		int what = rand() % 8, count = rand() % 12;

		if (rand() % 50 == 0)
			count = rand() % modulus;
		if ((mode == 2 || mode == 3) && count == 1)
			count = 2;
		if (what == 0) {
			counter_set_count(&c, count, t);
			drawn_write(&d, count);
		} else if (what == 1) {
			bool gate = rand() & 1;

			counter_set_gate(&c, gate, t);
			drawn_gate(&d, gate);
		}
		run(&c, &d, &t, rand() % (i % 100 ? 20 : 2000) + 1);
		if (rand() % 2)
			compare(&c, &d, t);
		else if (rand() % 2 && begun(&d))
			EQUAL(counter_value(&c, t), d.count % d.modulus);
	}
}

static void counters(void)
{
	for (int mode = 0; mode < 6; mode++) {
		counter_as_drawn(mode, 65536);
		counter_as_drawn(mode, 10000);
	}
}

// The data sheet forbids a count of 1 where it would not divide anything.
static void count_of_one(void)
{
	struct counter c;

	for (int mode = 2; mode < 4; mode++) {
		counter_init(&c, true);
		counter_set_mode(&c, mode + 4, false);	// the same mode
		EQUAL(c.mode, mode);
		counter_set_count(&c, 1, 0);
		for (int t = 1; t < 10; t++) {
			EQUAL(counter_output(&c, t), t % 2);
			EQUAL(counter_next_rise(&c, t), (t | 1) + 2 * (t % 2));
		}
	}
}

// Nothing stays of what was counted in another mode.
static void mode_forgets(void)
{
	struct counter c;

	counter_init(&c, true);
	EQUAL(counter_value(&c, 0), 0);
	EQUAL(c.modulus, 65536);
	counter_set_mode(&c, 4, false);
	counter_set_count(&c, 10, 0);
	counter_set_gate(&c, false, 6);
	EQUAL(counter_value(&c, 7), 5);
	counter_set_mode(&c, 5, false);
	counter_set_count(&c, 5, 8);
	CHECK(counter_output(&c, 9));
	EQUAL(counter_value(&c, 9), 0);
}

// The time when the counter has ticked n times.
static void tick_to(uint64_t n)
{
	now = ticks_to_time(n, PIT_HZ);
	pc_advance(&pc, now);
}

static int read_count(int channel)
{
	int low = in(PIT_COUNTER + channel);

	return low | in(PIT_COUNTER + channel) << 8;
}

static void write_count(int channel, int count)
{
	out(PIT_COUNTER + channel, count);
	out(PIT_COUNTER + channel, count >> 8);
}

static void pit_bytes(void)
{
	EQUAL(in(PIT_CONTROL), 0xff);
	out(PIT_CONTROL, 0x34);		// 0: both bytes, mode 2
	write_count(0, 0x1234);
	tick_to(1);
	EQUAL(read_count(0), 0x1234);
	tick_to(2);
	EQUAL(in(0x40), 0x33);
	tick_to(0x36);
	EQUAL(in(0x40), 0x11);		// the other byte, of a later count
	out(PIT_CONTROL, 0x00);		// latches
	tick_to(0x40);
	out(PIT_CONTROL, 0x00);		// of no effect
	EQUAL(read_count(0), 0x11ff);
	EQUAL(read_count(0), 0x11f5);
	out(0x40, 0x99);		// half of a count: nothing yet
	EQUAL(read_count(0), 0x11f5);
	tick_to(0x41);
	EQUAL(read_count(0), 0x11f4);
	out(PIT_CONTROL, 0x54);		// 1: low byte alone
	out(0x41, 0x80);
	tick_to(0x42);
	EQUAL(in(0x41), 0x80);
	EQUAL(in(0x41), 0x80);
	out(PIT_CONTROL, 0x64);		// 1: high byte alone
	out(0x41, 0x80);
	tick_to(0x43);
	EQUAL(in(0x41), 0x80);
	tick_to(0x44);
	EQUAL(in(0x41), 0x7f);
	out(PIT_CONTROL, 0x40);
	EQUAL(in(0x41), 0x7f);
}

static void pit_bcd(void)
{
	out(PIT_CONTROL, 0x35);
	write_count(0, 0x1000);
	tick_to(1);
	EQUAL(read_count(0), 0x1000);
	tick_to(2);
	EQUAL(read_count(0), 0x0999);
	tick_to(1001);
	EQUAL(read_count(0), 0x1000);
	out(PIT_CONTROL, 0x35);
	write_count(0, 0);
	tick_to(1003);
	EQUAL(read_count(0), 0x9999);
	out(PIT_CONTROL, 0x35);
	write_count(0, 0xffff);		// 16665
	tick_to(1004);
	EQUAL(read_count(0), 0x6665);
}

static void pit_read_back(void)
{
	out(PIT_CONTROL, 0xe2);		// status of 0
	EQUAL(in(0x40), 0xf6);		// output high, no count, both bytes
	CHECK(!pc.pit.channel[1].status_latched);
	CHECK(!pc.pit.channel[2].status_latched);
	out(PIT_CONTROL, 0xb0);		// 2: mode 0
	out(PIT_CONTROL, 0xe8);
	EQUAL(in(0x42), 0x70);
	out(PIT_GATE, 1);
	write_count(2, 5);
	tick_to(1);
	out(PIT_CONTROL, 0xe8);
	tick_to(20);
	out(PIT_CONTROL, 0xe8);		// the first one stays
	EQUAL(in(0x42), 0x30);
	out(PIT_CONTROL, 0xc8);		// status and count
	tick_to(30);
	EQUAL(in(0x42), 0xb0);
	EQUAL(read_count(2), 0xfff2);
	out(PIT_CONTROL, 0x36);
	write_count(0, 100);
	out(PIT_CONTROL, 0x7e);		// mode 7 is 3
	write_count(1, 100);
	tick_to(40);
	out(PIT_CONTROL, 0xde);		// count of all three
	tick_to(50);
	EQUAL(read_count(0), 82);
	EQUAL(read_count(1), 82);
	EQUAL(read_count(2), 0xffde);
	out(PIT_CONTROL, 0xe4);
	EQUAL(in(0x41), 0xb6);
	write_count(1, 200);		// not before this half is over
	out(PIT_CONTROL, 0xe4);
	EQUAL(in(0x41), 0xf6);
}

// How a kernel measures its clock: the end of a count shows in port 0x61.
static void pit_gate_port(void)
{
	EQUAL(in(PIT_GATE) & 0xef, 0x20);
	out(PIT_CONTROL, 0xb6);
	write_count(2, 2);		// the gate is closed
	tick_to(2);
	EQUAL(in(PIT_GATE) & 0x20, 0x20);
	out(PIT_GATE, 0xfd);
	EQUAL(in(PIT_GATE) & 0xef, 0x2d);	// the upper ones are not kept
	out(PIT_CONTROL, 0xb0);
	EQUAL(in(PIT_GATE) & 0x20, 0);
	write_count(2, 11931);
	tick_to(11933);
	EQUAL(in(PIT_GATE) & 0x20, 0);
	tick_to(11934);
	EQUAL(in(PIT_GATE) & 0x20, 0x20);
	out(0x42, 100);			// between the bytes it stands
	EQUAL(in(PIT_GATE) & 0x20, 0);
	tick_to(20000);
	EQUAL(in(PIT_GATE) & 0x20, 0);
	out(0x42, 0);
	tick_to(20050);
	out(PIT_GATE, 0);
	tick_to(30000);
	EQUAL(in(PIT_GATE) & 0x20, 0);
	out(PIT_GATE, 1);
	tick_to(30050);
	EQUAL(in(PIT_GATE) & 0x20, 0);
	tick_to(30051);
	EQUAL(in(PIT_GATE) & 0x20, 0x20);
	now = 0;
	power_on();
	EQUAL(in(PIT_GATE) & 0x10, 0);
	now = 15085;
	EQUAL(in(PIT_GATE) & 0x10, 0x10);
	now = 30170;
	EQUAL(in(PIT_GATE) & 0x10, 0);
}

static void pit_one_shot(void)
{
	pic_setup(1);
	out(PIT_CONTROL, 0x30);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	write_count(0, 1193);
	EQUAL(pc_next_event(&pc), 1000686);	// 1 + 1193 ticks
	pc_advance(&pc, 1000685);
	EQUAL(pc_interrupt(&pc), -1);
	pc_advance(&pc, 1000686);
	EQUAL(pc_interrupt(&pc), 32);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	out(PIC1, 0x20);
	pc_advance(&pc, 3600 * NSEC_PER_SEC);
	EQUAL(pc_interrupt(&pc), -1);
	now = pc.now;
	write_count(0, 1193);		// again
	pc_advance(&pc, pc_next_event(&pc));
	EQUAL(pc_interrupt(&pc), 32);
}

// The line follows the output, whatever moves it.
static void pit_mode_edge(void)
{
	pic_setup(1);
	out(PIT_CONTROL, 0x34);
	EQUAL(pc_interrupt(&pc), -1);	// it is high already
	out(PIT_CONTROL, 0x30);		// mode 0: low
	EQUAL(pc_interrupt(&pc), -1);
	out(PIT_CONTROL, 0x34);
	EQUAL(pc_interrupt(&pc), 32);
}

static void periodic_interrupts(int control)
{
	power_on();
	pic_setup(1);
	out(PIT_CONTROL, control);
	write_count(0, 11932);
	EQUAL(pc_interrupt(&pc), -1);
	for (int i = 1; i <= 100; i++) {
		now = pc_next_event(&pc);
		EQUAL(now, ticks_to_time(1 + i * 11932, PIT_HZ));
		pc_advance(&pc, now - 1);
		EQUAL(pc_interrupt(&pc), -1);
		pc_advance(&pc, now);
		CHECK(pc_next_event(&pc) == TIME_NEVER);	// requested
		EQUAL(pc_interrupt(&pc), 32);
		out(PIC1, 0x20);
	}
	out(PIC1 + 1, 0xff);
	CHECK(pc_next_event(&pc) == TIME_NEVER);	// nobody listens
	now += 10 * NSEC_PER_SEC;
	out(PIC1 + 1, 0xfe);
	EQUAL(pc_interrupt(&pc), 32);	// one for all
	EQUAL(pc_interrupt(&pc), -1);
	CHECK(pc_next_event(&pc) > now);
	CHECK(pc_next_event(&pc) <= now + 10 * MSEC + 1000);
}

static void pit_periodic(void)
{
	periodic_interrupts(0x34);
	periodic_interrupts(0x36);
}

// --------------------------------------------------------------
// Real-time clock

static int cmos(uint8_t index)
{
	out(RTC_INDEX, index);
	return in(RTC_DATA);
}

static void set_cmos(uint8_t index, uint8_t value)
{
	out(RTC_INDEX, index);
	out(RTC_DATA, value);
}

static void date(void)
{
	for (int64_t t = -CALENDAR_1970; t < 1ll << 38; t += 12345678) {
		struct calendar c = calendar_of(t + CALENDAR_1970);
		time_t unix_time = t;
		struct tm *tm = gmtime(&unix_time);

		EQUAL(c.year, tm->tm_year + 1900);
		EQUAL(c.month, tm->tm_mon + 1);
		EQUAL(c.day, tm->tm_mday);
		EQUAL(c.hour, tm->tm_hour);
		EQUAL(c.minute, tm->tm_min);
		EQUAL(c.second, tm->tm_sec);
		EQUAL(c.weekday, tm->tm_wday + 1);
		EQUAL(calendar_seconds(&c), t + CALENDAR_1970);
	}
}

// Each day of 400 years; and what is no date becomes another.
static void days(void)
{
	struct calendar c, odd = { .year = 2000, .month = 14, .day = 31 };
	struct calendar none = { 0 };
	int64_t t = CALENDAR_1970;

	for (int i = 0; i < 146097; i++, t += 86400) {
		c = calendar_of(t);
		EQUAL(calendar_seconds(&c), t);
		CHECK(c.day >= 1 && c.day <= 31);
		EQUAL(c.weekday, (i + 4) % 7 + 1);
	}
	CHECK(c.year == 2369 && c.month == 12 && c.day == 31);
	c = calendar_of(calendar_seconds(&odd));
	CHECK(c.year == 2001 && c.month == 3 && c.day == 3);
	EQUAL(calendar_seconds(&none), 0);
}

static void rtc_time(void)
{
	static const uint8_t bcd[][2] = {
		{ SECOND, 0x20 }, { MINUTE, 0x13 }, { HOUR, 0x22 },
		{ WEEKDAY, 3 }, { DAY, 0x14 }, { MONTH, 0x11 },
		{ YEAR, 0x23 }, { CENTURY, 0x20 },
	};

	EQUAL(in(RTC_INDEX), 0xff);
	for (size_t i = 0; i < ARRAY_SIZE(bcd); i++)
		EQUAL(cmos(bcd[i][0]), bcd[i][1]);
	EQUAL(cmos(HOUR | 0x80), 0x22);	// bit 7 is another thing
	set_cmos(REG_B, 0);		// 12 hours
	EQUAL(cmos(HOUR), 0x90);
	set_cmos(REG_B, B_BINARY);
	EQUAL(cmos(HOUR), 0x80 | 10);
	set_cmos(REG_B, B_BINARY | B_24H);
	EQUAL(cmos(HOUR), 22);
	EQUAL(cmos(SECOND), 20);
	now = 2 * 3600 * NSEC_PER_SEC;
	EQUAL(cmos(HOUR), 0);
	EQUAL(cmos(DAY), 15);
	set_cmos(REG_B, 0);
	EQUAL(cmos(HOUR), 0x12);	// midnight is 12 AM
	now += 12 * 3600 * NSEC_PER_SEC;
	EQUAL(cmos(HOUR), 0x92);
}

static void rtc_set_time(void)
{
	static const uint8_t time[][2] = {
		{ SECOND, 0x59 }, { MINUTE, 0x59 }, { HOUR, 0x23 },
		{ DAY, 0x28 }, { MONTH, 0x02 }, { YEAR, 0x00 },
		{ CENTURY, 0x20 },
	};

	now = 12345678901;
	set_cmos(REG_B, B_SET | B_24H);
	for (size_t i = 0; i < ARRAY_SIZE(time); i++)
		set_cmos(time[i][0], time[i][1]);
	now += 5 * NSEC_PER_SEC;	// the clock stands
	EQUAL(cmos(SECOND), 0x59);
	EQUAL(cmos(REG_A) & A_UPDATING, 0);
	set_cmos(REG_B, B_24H);
	EQUAL(cmos(SECOND), 0x59);
	now += NSEC_PER_SEC;
	EQUAL(cmos(SECOND), 0);
	EQUAL(cmos(HOUR), 0);
	EQUAL(cmos(DAY), 0x29);		// a leap year
	EQUAL(cmos(WEEKDAY), 3);
	set_cmos(HOUR, 0x07);		// while it runs
	EQUAL(cmos(HOUR), 0x07);
	EQUAL(cmos(DAY), 0x29);
	set_cmos(REG_B, 0);
	set_cmos(HOUR, 0x92);		// noon
	EQUAL(cmos(HOUR), 0x92);
	set_cmos(HOUR, 0x12);
	set_cmos(REG_B, B_24H);
	EQUAL(cmos(HOUR), 0);
	now += 61 * NSEC_PER_SEC;
	set_cmos(YEAR, 0x99);
	EQUAL(cmos(MINUTE), 0x01);
	EQUAL(cmos(YEAR), 0x99);
	now += 61 * NSEC_PER_SEC;
	set_cmos(REG_B, B_SET | B_24H);	// stops here
	now += 61 * NSEC_PER_SEC;
	EQUAL(cmos(MINUTE), 0x02);
	set_cmos(REG_B, B_24H);
	EQUAL(cmos(MINUTE), 0x02);
	set_cmos(MONTH, 0xff);		// is a month all the same
	CHECK(cmos(MONTH) <= 0x12 && cmos(DAY) <= 0x31);
}

static void rtc_registers(void)
{
	EQUAL(cmos(REG_A), 0x26);
	EQUAL(cmos(REG_B), B_24H);
	EQUAL(cmos(REG_D), 0x80);
	set_cmos(REG_A, 0xff);
	EQUAL(cmos(REG_A), 0x7f);
	set_cmos(REG_C, 0xff);
	set_cmos(REG_D, 0xff);
	EQUAL(cmos(REG_C), 0);
	EQUAL(cmos(REG_D), 0x80);
	for (int i = REG_D + 1; i < RTC_BYTES; i++)
		if (i != CENTURY)
			set_cmos(i, i ^ 0x5a);
	for (int i = REG_D + 1; i < RTC_BYTES; i++)
		if (i != CENTURY)
			EQUAL(cmos(i), i ^ 0x5a);
	now = 999755999;
	EQUAL(cmos(REG_A), 0x7f);
	now = 999756000;
	EQUAL(cmos(REG_A), 0xff);
	now = NSEC_PER_SEC;
	EQUAL(cmos(REG_A), 0x7f);
}

// The next interrupt is of these flags and comes at this time.
static void next_is(uint8_t flags, uint64_t time)
{
	EQUAL(pc_next_event(&pc), time);
	pc_advance(&pc, time - 1);
	EQUAL(pc_interrupt(&pc), -1);
	now = time;
	pc_advance(&pc, now);
	EQUAL(pc_interrupt(&pc), 40);
	CHECK(pc_next_event(&pc) == TIME_NEVER);	// before C is read
	out(PIC2, 0x20);
	out(PIC1, 0x20);
	EQUAL(cmos(REG_C) & (flags | C_INTERRUPT), flags | C_INTERRUPT);
	EQUAL(cmos(REG_C), 0);
}

static void rtc_updates(void)
{
	pic_setup(1 << 8);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	now = 1500 * MSEC;
	EQUAL(cmos(REG_C), FLAG_UPDATED | FLAG_PERIODIC);	// flags alone
	EQUAL(pc_interrupt(&pc), -1);
	set_cmos(REG_B, B_24H | FLAG_UPDATED);
	for (int i = 2; i < 10; i++)
		next_is(FLAG_UPDATED, i * NSEC_PER_SEC);
	set_cmos(REG_B, B_24H | B_SET | FLAG_UPDATED);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	EQUAL(cmos(REG_B), B_24H | B_SET);
	now += 5 * NSEC_PER_SEC;
	EQUAL(cmos(REG_C), FLAG_PERIODIC);
	set_cmos(REG_B, B_24H);
	now += NSEC_PER_SEC;
	set_cmos(REG_B, B_24H | FLAG_UPDATED);	// it has happened already
	EQUAL(pc_interrupt(&pc), 40);
}

static void rtc_periodic(void)
{
	pic_setup(1 << 8);
	set_cmos(REG_B, B_24H | FLAG_PERIODIC);
	for (uint64_t i = 1; i < 2000; i++)	// 1024 Hz
		next_is(FLAG_PERIODIC, ticks_to_time(32 * i, 32768));
	set_cmos(REG_A, 0x2f);
	set_cmos(REG_B, B_24H);
	now = NSEC_PER_SEC * 10;
	cmos(REG_C);
	set_cmos(REG_B, B_24H | FLAG_PERIODIC);
	next_is(FLAG_PERIODIC, NSEC_PER_SEC * 10 + 500 * MSEC);
	set_cmos(REG_A, 0x21);		// 256 Hz
	next_is(FLAG_PERIODIC, NSEC_PER_SEC * 10 + 503906250);
	set_cmos(REG_A, 0x22);		// 128 Hz
	next_is(FLAG_PERIODIC, NSEC_PER_SEC * 10 + 507812500);
	set_cmos(REG_A, 0x23);		// 8192 Hz
	next_is(FLAG_PERIODIC, NSEC_PER_SEC * 10 + 507934571);
	set_cmos(REG_A, 0x20);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	now += NSEC_PER_SEC / 2 - 10 * MSEC;
	EQUAL(cmos(REG_C), 0);
}

static void rtc_alarm(void)
{
	pic_setup(1 << 8);		// it is 22:13:20
	set_cmos(HOUR_ALARM, 0x22);
	set_cmos(MINUTE_ALARM, 0x14);
	set_cmos(SECOND_ALARM, 0x05);
	set_cmos(REG_B, B_24H | FLAG_ALARM);
	next_is(FLAG_ALARM, 45 * NSEC_PER_SEC);
	now += 2 * NSEC_PER_SEC;
	EQUAL(cmos(REG_C) & FLAG_ALARM, 0);	// once
	set_cmos(SECOND_ALARM, 0);
	set_cmos(MINUTE_ALARM, 0x15);
	next_is(FLAG_ALARM, 100 * NSEC_PER_SEC);
	set_cmos(SECOND_ALARM, 5);
	set_cmos(MINUTE_ALARM, 0x14);
	next_is(FLAG_ALARM, (45 + 86400) * NSEC_PER_SEC);
	set_cmos(HOUR_ALARM, 0xff);	// each hour
	next_is(FLAG_ALARM, (45 + 86400 + 3600) * NSEC_PER_SEC);
	set_cmos(MINUTE_ALARM, 0xc0);
	next_is(FLAG_ALARM, (45 + 86400 + 3660) * NSEC_PER_SEC);
	set_cmos(SECOND_ALARM, 0xd0);
	next_is(FLAG_ALARM, (46 + 86400 + 3660) * NSEC_PER_SEC);
	set_cmos(REG_B, B_SET | B_24H | FLAG_ALARM);
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	set_cmos(REG_B, B_24H | FLAG_ALARM | FLAG_UPDATED | FLAG_PERIODIC);
	set_cmos(REG_A, 0x2f);
	next_is(FLAG_PERIODIC, (46 + 86400 + 3660) * NSEC_PER_SEC +
		500 * MSEC);
	next_is(FLAGS, (47 + 86400 + 3660) * NSEC_PER_SEC);
	set_cmos(REG_B, FLAG_ALARM);	// 12 hours: it is 11:14:07 PM
	set_cmos(HOUR_ALARM, 0x12);
	set_cmos(MINUTE_ALARM, 0x00);
	set_cmos(SECOND_ALARM, 0x00);
	next_is(FLAG_ALARM, (86400 + 6400) * NSEC_PER_SEC);
	set_cmos(SECOND_ALARM, 0x61);	// never
	CHECK(pc_next_event(&pc) == TIME_NEVER);
	now += 3 * 86400 * NSEC_PER_SEC;
	EQUAL(cmos(REG_C) & FLAG_ALARM, 0);
}

// --------------------------------------------------------------

static const struct { const char *name; void (*run)(void); } tests[] = {
#define T(name) { #name, name }
	T(bus), T(clocks), T(board), T(odd_times), T(debug_port),
	T(exit_port), T(keyboard), T(keyboard_reset), T(uart_registers),
	T(uart_divisor), T(uart_output), T(uart_input),
	T(uart_trigger_levels), T(uart_interrupts), T(uart_gate),
	T(uart_loopback), T(pic_vectors), T(pic_priorities), T(pic_cascade),
	T(pic_masks), T(pic_eoi), T(pic_auto_eoi), T(pic_rotation),
	T(pic_special_mask), T(pic_level), T(pic_spurious), T(pic_poll),
	T(pic_poll_both), T(pic_second_auto_eoi), T(pit_mode_edge),
	T(pic_words), T(counters), T(count_of_one),
	T(mode_forgets), T(pit_bytes), T(pit_bcd),
	T(pit_read_back), T(pit_gate_port), T(pit_one_shot),
	T(pit_periodic), T(date), T(days), T(rtc_time), T(rtc_set_time),
	T(rtc_registers), T(rtc_updates), T(rtc_periodic), T(rtc_alarm),
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (argc == 1)
			puts(tests[i].name);
		else if (strcmp(argv[1], tests[i].name) == 0) {
			alarm(100);
			srand(1);
			power_on();
			tests[i].run();
			return 0;
		}
	}
	return argc > 1;
}
