// The interval timer of a PC and its gate port: Intel 8254 data sheet,
// "Programming the 8254"; IBM PC AT Technical Reference, "System Timers".
// Counter 0's output is an interrupt line; counter 2's gate and output are
// bits of port 0x61.
#pragma once

#include <user/devices/pitchannel.h>

enum {
	PIT_COUNTER = 0x40,	// three ports
	PIT_CONTROL = 0x43,
	PIT_GATE = 0x61,
	PIT_HZ = 1193182,
};

struct pit {
	struct pit_channel channel[3];
	uint8_t port61;		// the bits that are kept
	uint64_t now;		// as told last
	uint64_t due;		// when the line rises next, or TIME_NEVER
	struct irq_line irq;
};

void pit_init(struct pit *p, struct irq_line irq);

// Time has come to `now`, at least what it was. To be called before each
// access, and when `due` has come: then the line has a rising edge
// (one, if several have been missed). Each access may change `due`.
void pit_advance(struct pit *p, uint64_t now);

uint8_t pit_in(void *pit, uint16_t port);
void pit_out(void *pit, uint16_t port, uint8_t value);
