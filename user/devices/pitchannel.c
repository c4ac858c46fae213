#include <user/devices/pitchannel.h>

enum {
	CONTROL_BCD = 0x01,
	STATUS_NULL = 0x40,
	STATUS_OUTPUT = 0x80,
};

void pit_channel_init(struct pit_channel *ch, bool gate)
{
	*ch = (struct pit_channel){ .access = ACCESS_BOTH };
	counter_init(&ch->counter, gate);
}

void pit_set_mode(struct pit_channel *ch, uint8_t word)
{
	struct counter counter = ch->counter;

	*ch = (struct pit_channel){
		.counter = counter,
		.access = word >> 4 & 3,
		.bcd = word & CONTROL_BCD,
	};
	counter_set_mode(&ch->counter, word >> 1 & 7, ch->bcd);
}

static uint16_t to_bcd(int32_t n)
{
	return n / 1000 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10;
}

// Digits above 9 count for what they are.
static int32_t from_bcd(uint16_t n)
{
	return ((n >> 12) * 1000 + (n >> 8 & 15) * 100 + (n >> 4 & 15) * 10 +
		(n & 15)) % 10000;
}

static uint16_t present(struct pit_channel *ch, int64_t t)
{
	int32_t value = counter_value(&ch->counter, t);

	return ch->bcd ? to_bcd(value) : value;
}

uint8_t pit_channel_in(struct pit_channel *ch, int64_t t)
{
	uint16_t value = ch->latched ? ch->latch : present(ch, t);
	bool high = ch->access == ACCESS_HIGH || ch->second_read;

	if (ch->status_latched) {
		ch->status_latched = false;
		return ch->status;
	}
	if (ch->access == ACCESS_BOTH)
		ch->second_read = !ch->second_read;
	ch->latched &= high ? ~ACCESS_HIGH : ~ACCESS_LOW;
	return high ? value >> 8 : value;
}

void pit_channel_out(struct pit_channel *ch, uint8_t value, int64_t t)
{
	uint16_t count = ch->access == ACCESS_HIGH ? value << 8 : value;

	if (ch->access == ACCESS_BOTH) {
		ch->second_write = !ch->second_write;
		if (ch->second_write) {
			ch->low = value;
			if (ch->counter.mode == 0)
				counter_disarm(&ch->counter);
			return;
		}
		count = value << 8 | ch->low;
	}
	counter_set_count(&ch->counter, ch->bcd ? from_bcd(count) : count, t);
}

void pit_latch_count(struct pit_channel *ch, int64_t t)
{
	if (ch->latched)
		return;
	ch->latch = present(ch, t);
	ch->latched = ch->access;
}

void pit_latch_status(struct pit_channel *ch, int64_t t)
{
	struct counter *c = &ch->counter;

	if (ch->status_latched)
		return;
	ch->status = (counter_output(c, t) ? STATUS_OUTPUT : 0) |
		(counter_null(c, t) ? STATUS_NULL : 0) |
		ch->access << 4 | c->mode << 1 | ch->bcd;
	ch->status_latched = true;
}
