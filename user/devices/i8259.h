// One interrupt controller: Intel 8259A data sheet. Always in 8086 mode, and
// ICW3 is only counted: how chips are wired is the board's affair (pic.h).
//
// A request made by an edge is held until it is acknowledged, even when its
// input falls (the data sheet takes it back): a guest's processor may not run
// for long, and no tick shall get lost by that.
#pragma once

#include <user/devices/device.h>

enum { I8259_NONE = 8 };	// an input that there is not

struct i8259 {
	uint8_t lines;		// levels of the inputs
	uint8_t irr, isr, imr;	// requested, in service, masked
	uint8_t base;		// vector of input 0
	uint8_t top;		// the input of highest priority
	uint8_t icw;		// initialisation word due: 2 to 4; 0: none
	uint8_t slaves;		// inputs that another chip's output drives
	bool single;		// no ICW3 comes
	bool want_icw4;
	bool level;		// inputs are level triggered
	bool auto_eoi, rotate;	// rotate: at each automatic EOI
	bool nested;		// special fully nested mode
	bool special_mask;
	bool read_isr, poll;	// what reading gives
	uint8_t next;		// see i8259_next()
};

// All inputs low, and masked until the guest has written the ICWs. `slaves`
// has a bit for each input that another chip drives.
void i8259_init(struct i8259 *c, uint8_t slaves);

// Input 0 to 7 goes high or low.
void i8259_set(struct i8259 *c, int input, bool level);

// The input that the output to the processor is on for, or I8259_NONE: it is
// requested, not masked, and more urgent than what is in service ("Fully
// Nested Mode"). None while initialisation words are due.
static inline int i8259_next(const struct i8259 *c)
{
	return c->next;
}

// "Interrupt Sequence": the input acknowledged, in service from now on (but in
// automatic EOI mode), or I8259_NONE when nothing is requested.
int i8259_ack(struct i8259 *c);

// The vector of an input; a request that has gone has that of input 7.
int i8259_vector(const struct i8259 *c, int input);

// The guest's accesses; address is the pin A0. Reading after a poll command
// acknowledges ("Poll Command").
uint8_t i8259_in(struct i8259 *c, int address);
void i8259_out(struct i8259 *c, int address, uint8_t value);
