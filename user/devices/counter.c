#include <user/devices/counter.h>

void counter_init(struct counter *c, bool gate)
{
	*c = (struct counter){ .gate = gate };
	counter_set_mode(c, 3, false);
}

static bool periodic(const struct counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

// Started by a rising gate, whose level does not matter.
static bool triggered(const struct counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

// Ticks of a period of mode 3 with the output high.
static int32_t high_part(int32_t count)
{
	return (count + 1) / 2;
}

static int64_t elapsed(const struct counter *c, int64_t t)
{
	int64_t ticks = c->running ? t - c->origin : c->held;

	return ticks > 0 ? ticks : 0;
}

static bool change_pending(const struct counter *c)
{
	return periodic(c) && c->count != c->reload;
}

// Moves the origin of a periodic mode to the period that t is in, and takes a
// new count over when its tick has come. In mode 3 that may be in the middle
// of a period: the low half is then one of the new count's.
static void settle(struct counter *c, int64_t t)
{
	bool middle;

	if (!periodic(c) || !c->running)
		return;
	if (change_pending(c) && t >= c->change) {
		middle = c->change < c->origin + c->count;
		c->count = c->reload;
		c->origin = c->change - (middle ? high_part(c->count) : 0);
	}
	c->origin += elapsed(c, t) / c->count * c->count;
}

void counter_set_mode(struct counter *c, int mode, bool bcd)
{
	c->mode = mode < 6 ? mode : mode - 4;
	c->modulus = bcd ? 10000 : 65536;
	c->count = c->reload = c->modulus;
	counter_disarm(c);
}

void counter_disarm(struct counter *c)
{
	c->armed = c->running = false;
	c->held = 0;
}

// The count written last begins with the next tick.
static void load(struct counter *c, int64_t t)
{
	c->count = c->reload;
	c->origin = t + 1;
	c->held = 0;
	c->running = true;
}

// A running period, or half of one in mode 3, is not cut short; one that the
// gate has stopped begins anew with the gate.
static void change_later(struct counter *c, int64_t t)
{
	int32_t part = c->count;

	if (c->mode == 3 && elapsed(c, t) < high_part(c->count))
		part = high_part(c->count);
	c->change = c->origin + part;
}

void counter_set_count(struct counter *c, int32_t count, int64_t t)
{
	bool again = c->armed;

	settle(c, t);
	if (count == 0)
		count = c->modulus;
	if (periodic(c) && count == 1)
		count = 2;
	c->reload = count;
	c->armed = true;
	if (triggered(c))
		return;
	if (periodic(c) && again) {
		change_later(c, t);
		return;
	}
	load(c, t);
	c->running = c->gate;
}

void counter_set_gate(struct counter *c, bool gate, int64_t t)
{
	bool rises = gate && !c->gate, falls = !gate && c->gate;
	int64_t held;

	settle(c, t);
	c->gate = gate;
	if (falls && !triggered(c)) {
		c->held = elapsed(c, t);
		c->running = false;
	}
	if (!rises || !c->armed)
		return;
	held = c->held;
	load(c, t);
	if (!triggered(c) && !periodic(c))
		c->origin = t - held;
}

// Mode 3 counts by two; the others but mode 2 go on below zero.
int32_t counter_value(struct counter *c, int64_t t)
{
	int32_t ticks, high;

	settle(c, t);
	ticks = elapsed(c, t) % c->modulus;
	high = high_part(c->count);
	if (c->mode != 3)
		return (c->count - ticks + c->modulus) % c->modulus;
	if (ticks >= high)
		ticks -= high;
	return ((c->count & ~1) - 2 * ticks) % c->modulus;
}

bool counter_output(struct counter *c, int64_t t)
{
	int64_t ticks;

	settle(c, t);
	ticks = elapsed(c, t);
	switch (c->mode) {
	case 0:
		return c->armed && ticks >= c->count;
	case 1:
		return !c->running || ticks >= c->count;
	case 2:
		return !c->running || ticks != c->count - 1;
	case 3:
		return !c->running || ticks < high_part(c->count);
	default:
		return !c->armed || ticks != c->count;
	}
}

bool counter_null(struct counter *c, int64_t t)
{
	settle(c, t);
	return !c->armed || c->count != c->reload ||
		(c->running && t < c->origin);
}

int64_t counter_next_rise(struct counter *c, int64_t t)
{
	int64_t rise;

	settle(c, t);
	if (!c->running)
		return COUNTER_NEVER;
	if (change_pending(c) && c->change < c->origin + c->count)
		return c->change + c->reload / 2;
	rise = c->origin + c->count + (c->mode >= 4);
	return rise > t ? rise : COUNTER_NEVER;
}
