// Fuzzes the VMM's whole PC under libFuzzer: a string of bytes says what a
// guest, its console and time do to it, and what must always hold is checked.
// The corpus is in test/host/corpus/devices.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <user/devices/pc.h>
#include "fuzz_input.h"

#define CHECK(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);	\
		abort();						\
	}								\
} while (0)

static struct pc pc;
static uint64_t now;
static uint32_t world;		// a hash of what the machine did to it

static void mix(uint32_t value)
{
	world = (world ^ value) * 0x01000193;
}

static void on_byte(void *ctx, uint8_t c)
{
	CHECK(ctx == &now);
	mix(c);
}

static void on_reset(void *ctx)
{
	CHECK(ctx == &now);
	mix(0x100);
}

// --------------------------------------------------------------
// What shows of the machine

struct view {
	uint32_t world;
	bool interrupt;
	uint64_t next;
	uint32_t ports[3][24];
	uint8_t cmos[16];
	uint8_t requests[2][2];
};

static void see_pic(struct view *v)
{
	for (int i = 0; i < 2; i++)
		for (int isr = 0; isr < 2; isr++) {
			pc_out(&pc, i ? PIC2 : PIC1, 1, 0x0a | isr, now);
			v->requests[i][isr] =
				pc_in(&pc, i ? PIC2 : PIC1, 1, now);
		}
}

static void see_ports(struct view *v)
{
	static const uint16_t port[] = {
		0x60, 0x64, 0x40, 0x41, 0x42, 0x61, 0x20, 0x21, 0xa0, 0xa1,
		0xe9, 0xf4, 0x70, 0x71, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc,
		0x3fd, 0x3fe, 0x3ff, 0x80, 0xffff,
	};

	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 24; i++)
			v->ports[round][i] = pc_in(&pc, port[i], 1, now);
}

// Looks at all there is, and leaves it as it was.
static void look(struct view *v)
{
	struct pc saved = pc;
	uint32_t saved_world = world;

	memset(v, 0, sizeof(*v));
	v->world = world;
	v->interrupt = pc_has_interrupt(&pc);
	v->next = pc_next_event(&pc);
	see_ports(v);
	for (int i = 0; i < 16; i++) {
		pc_out(&pc, 0x70, 1, i == 15 ? 0x32 : i, now);
		v->cmos[i] = pc_in(&pc, 0x71, 1, now);
	}
	pc_out(&pc, 0x43, 1, 0xce, now);
	see_pic(v);
	see_ports(v);
	pc = saved;
	world = saved_world;
}

static void same(const struct view *a, const struct view *b)
{
	CHECK(a->world == b->world);
	CHECK(a->interrupt == b->interrupt);
	CHECK(a->next == b->next);
	CHECK(memcmp(a->ports, b->ports, sizeof(a->ports)) == 0);
	CHECK(memcmp(a->cmos, b->cmos, sizeof(a->cmos)) == 0);
	CHECK(memcmp(a->requests, b->requests, sizeof(a->requests)) == 0);
}

// --------------------------------------------------------------
// What is done to it

static uint16_t some_port(void)
{
	static const uint16_t first[] = {
		0x20, 0x40, 0x60, 0x70, 0xa0, 0xe8, 0xf4, 0x3f8,
	};
	uint8_t choice = byte();

	if (choice == 0xff)
		return word(2);
	return first[choice % 8] + choice / 8 % 8;
}

// A wide access is what its bytes are, one by one.
static void access_port(bool write)
{
	uint16_t port = some_port();
	int size = 1 << byte() % 3;
	uint32_t value = write ? word(size) : 0, bytes = 0, got = 0;
	struct pc saved = pc;
	uint32_t saved_world = world;
	struct view wide, narrow;

	if (write)
		pc_out(&pc, port, size, value, now);
	else
		got = pc_in(&pc, port, size, now);
	CHECK(size == 4 || got >> 8 * size == 0);
	if (size == 1) {
		CHECK(write || pc_device(&pc, port) || got == 0xff);
		return;
	}
	look(&wide);
	pc = saved;
	world = saved_world;
	for (int i = 0; i < size && port + i <= UINT16_MAX; i++)
		if (write)
			pc_out(&pc, port + i, 1, value >> 8 * i, now);
		else
			bytes |= pc_in(&pc, port + i, 1, now) << 8 * i;
	for (int i = UINT16_MAX - port + 1; !write && i < size; i++)
		bytes |= 0xffu << 8 * i;
	CHECK(got == bytes);
	look(&narrow);
	same(&wide, &narrow);
}

static uint64_t some_time(void)
{
	uint64_t time = word(2);

	return now + (time << byte() % 56);
}

static void advance(uint64_t time)
{
	now = time;
	pc_advance(&pc, now);
	CHECK(pc.now == now);
}

// However often it is told, the machine is the same when a time has come. (But
// where the timer's line is looked at as a level, it matters when.)
static void pass_time(void)
{
	uint64_t to = some_time(), between;
	struct pc saved = pc;
	struct view once, twice;

	if (to < now || to > INT64_MAX) {
		pc_advance(&pc, to);
		CHECK(pc.now == now);
		return;
	}
	between = now + (to - now) / 256 * byte();
	advance(to);
	if (pc.pic.chip[0].level)
		return;
	look(&once);
	pc = saved;
	advance(between);
	advance(to);
	look(&twice);
	same(&once, &twice);
}

// What was foretold comes.
static void next_event(void)
{
	uint64_t due = pc_next_event(&pc);

	if (due > INT64_MAX)
		return;
	advance(due);
	if (!pc.pic.chip[0].level)
		CHECK((pc.pic.chip[0].irr & 1) || (pc.pic.chip[1].lines & 1));
}

// Whether a chip may give this input's vector.
static bool asks(const struct i8259 *c, int irq)
{
	return c->icw == 0 && (c->irr & ~c->imr) >> irq & 1;
}

static void interrupt(void)
{
	struct pic before = pc.pic;
	const struct i8259 *first = &before.chip[0], *second = first + 1;
	bool waits = pc_has_interrupt(&pc);
	int vector = pc_interrupt(&pc);

	CHECK((vector >= 0) == waits);
	if (vector < 0)
		return;
	CHECK((asks(first, vector & 7) && vector >> 3 == first->base >> 3) ||
	      (asks(first, PIC_CASCADE) && vector >> 3 == second->base >> 3 &&
	       (asks(second, vector & 7) || (vector & 7) == 7)));
	mix(vector);
}

static void type(void)
{
	int room = pc_input_room(&pc);

	CHECK(room >= 0 && room <= UART_FIFO);
	CHECK(pc_input(&pc, byte()) == (room > 0));
	CHECK(pc_input_room(&pc) == (room > 0 ? room - 1 : 0));
}

// A byte of the clock's memory, which takes two accesses.
static void set_cmos(void)
{
	pc_out(&pc, RTC_INDEX, 1, byte() % 16, now);
	pc_out(&pc, RTC_DATA, 1, byte(), now);
}

// The same byte to the same port, or from it, until something is full.
static void burst(void)
{
	uint16_t port = some_port();
	uint8_t value = byte();
	int n = byte() % 64;

	for (int i = 0; i < n; i++) {
		if (value & 1)
			pc_out(&pc, port, 1, value, now);
		else
			mix(pc_in(&pc, port, 1, now));
	}
}

static void step(void)
{
	switch (byte() % 12) {
	case 0:
	case 1:
		access_port(false);
		break;
	case 2:
	case 3:
	case 4:
		access_port(true);
		break;
	case 5:
		pass_time();
		break;
	case 6:
		next_event();
		break;
	case 7:
		set_cmos();
		break;
	case 8:
		burst();
		break;
	case 9:
		for (int n = byte() % 32; n > 0; n--)
			type();
		break;
	case 10:
		type();
		break;
	default:
		interrupt();
	}
	CHECK(pc_next_event(&pc) > now);
	CHECK(pc.uart.count <= UART_FIFO && pc.uart.first < UART_FIFO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pc_host host = { on_byte, on_byte, on_reset, on_byte, &now };

	input = data;
	end_of_input = data + size;
	now = 0;
	pc_init(&pc, &host, word(4));
	while (input < end_of_input)
		step();
	return 0;
}
