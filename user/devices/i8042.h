// The keyboard controller of a PC without a keyboard: it tests itself, keeps
// its command byte, and resets the machine (IBM PS/2 Hardware Interface
// Technical Reference, "Keyboard and Auxiliary Device Controller").
// There is no second port, and address line 20 is always on.
#pragma once

#include <user/devices/device.h>

enum { I8042_DATA = 0x60, I8042_STATUS = 0x64 };

struct i8042 {
	void (*reset)(void *ctx);
	void *ctx;
	uint8_t status;
	uint8_t data;		// what the data port reads
	uint8_t command;	// that waits for its byte; 0: none
	uint8_t config;		// the command byte
};

// reset() is called when the guest pulses the reset line (command 0xfe) or
// writes an output port with that line low. Its owner resets the machine.
void i8042_init(struct i8042 *k, void (*reset)(void *ctx), void *ctx);
uint8_t i8042_in(void *i8042, uint16_t port);
// A byte for the absent keyboard is answered at once by 0xfe (resend) with the
// time-out bit in the status; interrupts are never raised.
void i8042_out(void *i8042, uint16_t port, uint8_t value);
