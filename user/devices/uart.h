// A serial port: National Semiconductor, PC16550D data sheet, "Registers" and
// "FIFO Interrupt Mode Operation". The line is infinitely fast: a byte written
// has left at once, and when the receive FIFO holds less than its trigger
// level the character time-out is over at once too. So the divisor is only
// kept, and no event ever comes with time.
#pragma once

#include <user/devices/device.h>

enum { UART_FIFO = 16, UART_PORTS = 8 };

struct uart {
	void (*output)(void *ctx, uint8_t c);
	void *ctx;
	struct irq_line irq;
	uint8_t ier, fcr, lcr, mcr, lsr, scr;
	uint8_t delta;		// the modem lines' changes, as in the MSR
	uint8_t divisor[2];	// low, high
	bool thr_emptied;	// the transmitter's interrupt is due
	uint8_t first, count;	// of the FIFO
	uint8_t fifo[UART_FIFO];
};

// output() gets each byte that is sent. The interrupt passes OUT2's gate, as
// on a PC: it comes only when OUT2 is on and loopback off.
void uart_init(struct uart *u, void (*output)(void *ctx, uint8_t c), void *ctx,
	       struct irq_line irq);

// How many bytes uart_push() would take now: at most 16, at most one while the
// FIFO is off, none in loopback, where the line in is cut off.
int uart_room(const struct uart *u);

// A byte arrives. False when there was no room: it is the caller's still, and
// nothing has changed (a real one would overrun and lose a byte).
bool uart_push(struct uart *u, uint8_t c);

// The low three bits of the port choose the register.
uint8_t uart_in(void *uart, uint16_t port);
void uart_out(void *uart, uint16_t port, uint8_t value);
