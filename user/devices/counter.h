// One of an interval timer's counters: Intel 8254 data sheet, "Mode
// Definitions". Nothing counts: what it would hold, and its output, follow
// from when it began.
//
// t is the present tick of its clock; it never goes back.
#pragma once

#include <user/devices/device.h>

#define COUNTER_NEVER INT64_MAX

struct counter {
	int mode;		// 0 to 5
	int32_t modulus;	// 65536, or 10000 when it counts in BCD
	bool gate;		// level of the input
	bool armed;		// a count was written since the mode
	bool running;		// since `origin`; else it stands at `held`
	int32_t count, reload;	// in use, and written last: 1 to modulus
	int64_t origin;		// tick when the count was loaded
	int64_t held;		// ticks counted when the gate stopped it
	int64_t change;		// tick when a periodic mode takes reload over
};

// As after power-on, but defined: mode 3, no count yet, the output high.
void counter_init(struct counter *c, bool gate);

// Mode 0 to 7 (6 and 7 are 2 and 3); waits for a count.
void counter_set_mode(struct counter *c, int mode, bool bcd);
// A count, 0 to modulus - 1; 0 is the modulus. 1, which the data sheet forbids
// in modes 2 and 3, is 2 there.
void counter_set_count(struct counter *c, int32_t count, int64_t t);
// The first of two bytes of a count was written: stops mode 0.
void counter_disarm(struct counter *c);
void counter_set_gate(struct counter *c, bool gate, int64_t t);

// What it holds, 0 to modulus - 1.
int32_t counter_value(struct counter *c, int64_t t);
bool counter_output(struct counter *c, int64_t t);
// Whether the count written last is not in use yet ("null count").
bool counter_null(struct counter *c, int64_t t);

// The first tick after t at which the output rises, if nobody touches the
// counter; COUNTER_NEVER when it does not.
int64_t counter_next_rise(struct counter *c, int64_t t);
