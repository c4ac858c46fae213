// A port that ends the machine: the byte written is its exit status. QEMU's
// isa-debug-exit does the same, but ends with 2 * status + 1.
#pragma once

#include <user/devices/device.h>

struct exitport {
	void (*exit)(void *ctx, uint8_t status);
	void *ctx;
};

// The model goes on after exit() returns: its owner stops the guest.
void exitport_init(struct exitport *e,
		   void (*exit)(void *ctx, uint8_t status), void *ctx);
// Reads zero, as QEMU's does.
uint8_t exitport_in(void *exitport, uint16_t port);
void exitport_out(void *exitport, uint16_t port, uint8_t value);
