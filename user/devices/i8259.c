#include <user/devices/i8259.h>

enum {
	ICW1 = 0x10,		// these are told apart by bits 4 and 3
	ICW1_ICW4 = 0x01,
	ICW1_SINGLE = 0x02,
	ICW1_LEVEL = 0x08,
	ICW4_AUTO_EOI = 0x02,
	ICW4_NESTED = 0x10,

	OCW2_LEVEL = 0x07,
	OCW2_EOI = 0x20,
	OCW2_SPECIFIC = 0x40,
	OCW2_ROTATE = 0x80,

	OCW3 = 0x08,
	OCW3_READ_ISR = 0x01,
	OCW3_READ = 0x02,
	OCW3_POLL = 0x04,
	OCW3_MASK_ON = 0x20,
	OCW3_MASK = 0x40,
};

void i8259_init(struct i8259 *c, uint8_t slaves)
{
	*c = (struct i8259){
		.imr = 0xff, .slaves = slaves, .next = I8259_NONE,
	};
}

// How far from the top the most urgent of some inputs is.
static int distance(const struct i8259 *c, unsigned inputs)
{
	inputs = (inputs | inputs << 8) >> c->top & 0xff;
	return inputs ? __builtin_ctz(inputs) : I8259_NONE;
}

// What holds back requests, and what a plain EOI is meant for: in special
// mask mode, masked inputs in service do not count.
static uint8_t serving(const struct i8259 *c)
{
	return c->special_mask ? c->isr & ~c->imr : c->isr;
}

static int next(const struct i8259 *c)
{
	int request = distance(c, c->irr & ~c->imr);
	int served = distance(c, serving(c));
	int input = (request + c->top) % 8;

	if (c->icw || request == I8259_NONE || request > served)
		return I8259_NONE;
	if (request == served && !(c->nested && (c->slaves >> input & 1)))
		return I8259_NONE;
	return input;
}

void i8259_set(struct i8259 *c, int input, bool level)
{
	uint8_t bit = 1 << input, before = c->lines;

	c->lines = level ? before | bit : before & ~bit;
	if (c->level)
		c->irr = c->lines;
	else
		c->irr |= c->lines & ~before;
	c->next = next(c);
}

// Ends the service of an input; rotating, it is the least urgent then.
static void end(struct i8259 *c, int input, bool rotate)
{
	if (input == I8259_NONE)
		return;
	c->isr &= ~(1 << input);
	if (rotate)
		c->top = (input + 1) % 8;
}

int i8259_ack(struct i8259 *c)
{
	int input = c->next;

	if (input == I8259_NONE)
		return I8259_NONE;
	if (!c->level)
		c->irr &= ~(1 << input);
	c->isr |= 1 << input;
	if (c->auto_eoi)
		end(c, input, c->rotate);
	c->next = next(c);
	return input;
}

int i8259_vector(const struct i8259 *c, int input)
{
	return c->base + (input == I8259_NONE ? 7 : input);
}

uint8_t i8259_in(struct i8259 *c, int address)
{
	int input;

	if (c->poll) {
		c->poll = false;
		input = i8259_ack(c);
		return input == I8259_NONE ? 0 : 0x80 | input;
	}
	if (address)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

// Forgets all but the levels of its inputs; each needs a new edge.
static void icw1(struct i8259 *c, uint8_t value)
{
	*c = (struct i8259){
		.lines = c->lines,
		.slaves = c->slaves,
		.irr = value & ICW1_LEVEL ? c->lines : 0,
		.level = value & ICW1_LEVEL,
		.single = value & ICW1_SINGLE,
		.want_icw4 = value & ICW1_ICW4,
		.icw = 2,
	};
}

static void later_icw(struct i8259 *c, uint8_t value)
{
	if (c->icw == 2) {
		c->base = value & 0xf8;
	} else if (c->icw == 4) {
		c->auto_eoi = value & ICW4_AUTO_EOI;
		c->nested = value & ICW4_NESTED;
	}
	if (c->icw == 2 && !c->single)
		c->icw = 3;
	else
		c->icw = c->icw < 4 && c->want_icw4 ? 4 : 0;
}

static void ocw2(struct i8259 *c, uint8_t value)
{
	bool rotate = value & OCW2_ROTATE;
	int input = value & OCW2_LEVEL, served = distance(c, serving(c));

	if (value & OCW2_EOI) {
		if (!(value & OCW2_SPECIFIC))
			input = served == I8259_NONE ?
				I8259_NONE : (served + c->top) % 8;
		end(c, input, rotate);
	} else if (!(value & OCW2_SPECIFIC)) {
		c->rotate = rotate;
	} else if (rotate) {
		c->top = (input + 1) % 8;
	}
}

static void ocw3(struct i8259 *c, uint8_t value)
{
	if (value & OCW3_MASK)
		c->special_mask = value & OCW3_MASK_ON;
	if (value & OCW3_READ)
		c->read_isr = value & OCW3_READ_ISR;
	c->poll = value & OCW3_POLL;
}

void i8259_out(struct i8259 *c, int address, uint8_t value)
{
	if (address && c->icw)
		later_icw(c, value);
	else if (address)
		c->imr = value;
	else if (value & ICW1)
		icw1(c, value);
	else if (value & OCW3)
		ocw3(c, value);
	else
		ocw2(c, value);
	c->next = next(c);
}
