#include <user/devices/pit.h>

enum {
	CHANNELS = 3,
	READ_BACK = 3,		// in place of a channel
	BACK_NO_STATUS = 0x10,
	BACK_NO_COUNT = 0x20,

	GATE_2 = 0x01,		// in port 0x61
	GATE_KEPT = 0x0f,
	GATE_REFRESH = 0x10,	// toggles with each refresh of memory
	GATE_OUTPUT_2 = 0x20,
	REFRESH_NSEC = 15085,
};

static int64_t ticks(const struct pit *p)
{
	return time_to_ticks(p->now, PIT_HZ);
}

// The interrupt line follows counter 0's output.
static void update(struct pit *p)
{
	struct counter *c = &p->channel[0].counter;
	int64_t t = ticks(p), rise = counter_next_rise(c, t);

	irq_set(&p->irq, counter_output(c, t));
	p->due = rise == COUNTER_NEVER ? TIME_NEVER :
		ticks_to_time(rise, PIT_HZ);
}

void pit_init(struct pit *p, struct irq_line irq)
{
	*p = (struct pit){ .irq = irq };
	for (int i = 0; i < CHANNELS; i++)
		pit_channel_init(&p->channel[i], i < 2);
	update(p);
}

void pit_advance(struct pit *p, uint64_t now)
{
	p->now = now;
	if (now < p->due)
		return;
	irq_set(&p->irq, false);
	irq_set(&p->irq, true);
	update(p);
}

// --------------------------------------------------------------
// Control words

static void read_back(struct pit *p, uint8_t word, int64_t t)
{
	for (int i = 0; i < CHANNELS; i++) {
		if (!(word & 2 << i))
			continue;
		if (!(word & BACK_NO_COUNT))
			pit_latch_count(&p->channel[i], t);
		if (!(word & BACK_NO_STATUS))
			pit_latch_status(&p->channel[i], t);
	}
}

static void control(struct pit *p, uint8_t word, int64_t t)
{
	int channel = word >> 6;

	if (channel == READ_BACK)
		read_back(p, word, t);
	else if ((word >> 4 & 3) == ACCESS_LATCH)
		pit_latch_count(&p->channel[channel], t);
	else
		pit_set_mode(&p->channel[channel], word);
}

// --------------------------------------------------------------
// Ports

static uint8_t gate_in(struct pit *p)
{
	bool output = counter_output(&p->channel[2].counter, ticks(p));

	return p->port61 | (output ? GATE_OUTPUT_2 : 0) |
		(p->now / REFRESH_NSEC & 1 ? GATE_REFRESH : 0);
}

static void gate_out(struct pit *p, uint8_t value)
{
	p->port61 = value & GATE_KEPT;
	counter_set_gate(&p->channel[2].counter, value & GATE_2, ticks(p));
}

uint8_t pit_in(void *pit, uint16_t port)
{
	struct pit *p = pit;

	if (port == PIT_GATE)
		return gate_in(p);
	if (port == PIT_CONTROL)
		return 0xff;	// nothing drives the bus
	return pit_channel_in(&p->channel[port - PIT_COUNTER], ticks(p));
}

void pit_out(void *pit, uint16_t port, uint8_t value)
{
	struct pit *p = pit;

	if (port == PIT_GATE)
		gate_out(p, value);
	else if (port == PIT_CONTROL)
		control(p, value, ticks(p));
	else
		pit_channel_out(&p->channel[port - PIT_COUNTER], value,
				ticks(p));
	update(p);
}
