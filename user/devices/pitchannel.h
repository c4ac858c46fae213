// How the bytes of a counter are written and read: Intel 8254 data sheet,
// "Write Operations", "Read Operations".
#pragma once

#include <user/devices/counter.h>

enum {
	ACCESS_LATCH = 0,	// in a control word: no mode, but a command
	ACCESS_LOW = 1,
	ACCESS_HIGH = 2,
	ACCESS_BOTH = 3,	// the low byte first
};

struct pit_channel {
	struct counter counter;
	uint8_t access;
	bool bcd;
	bool second_write;	// ACCESS_BOTH: the high byte is next
	bool second_read;
	uint8_t low;		// the byte written first
	uint8_t latched;	// bytes of `latch` that wait, as in `access`
	uint16_t latch;
	bool status_latched;
	uint8_t status;
};

void pit_channel_init(struct pit_channel *ch, bool gate);

// A control word that sets the mode; its bits 7 and 6 are ignored.
void pit_set_mode(struct pit_channel *ch, uint8_t word);
// Keep the count, or status, until it has been read; the first latch counts.
void pit_latch_count(struct pit_channel *ch, int64_t t);
void pit_latch_status(struct pit_channel *ch, int64_t t);

// A byte of the count, or a latched status, which goes first.
uint8_t pit_channel_in(struct pit_channel *ch, int64_t t);
void pit_channel_out(struct pit_channel *ch, uint8_t value, int64_t t);
