// The debug port of Bochs: what is written to it appears, and reading it gives
// its own number, which tells a program that it is there (Bochs user manual,
// "port_e9_hack").
#pragma once

#include <user/devices/device.h>

struct debugport {
	void (*output)(void *ctx, uint8_t c);
	void *ctx;
};

void debugport_init(struct debugport *d,
		    void (*output)(void *ctx, uint8_t c), void *ctx);
uint8_t debugport_in(void *debugport, uint16_t port);
void debugport_out(void *debugport, uint16_t port, uint8_t value);
