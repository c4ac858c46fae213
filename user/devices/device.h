// What the devices of a guest's PC have in common. They are pure: no kernel,
// no library, no clock and no memory but the state that their owner keeps, so
// they are tested on any machine. None of them trusts what a guest writes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Time is in nanoseconds since the machine was made, and only goes forward.
#define NSEC_PER_SEC 1000000000ull
#define TIME_NEVER UINT64_MAX

// Ports that one device answers: a row of its board's table. All are 8-bit
// devices; a device that has ports in two places has two rows.
struct device {
	const char *name;
	uint16_t first, last;	// ports below BUS_PORTS, last included
	size_t state;		// where in the board the device's state is
	// The port is as the guest named it, within first and last.
	uint8_t (*in)(void *state, uint16_t port);
	void (*out)(void *state, uint16_t port, uint8_t value);
};

// A board's devices, found by port: 10 bits of it, as on the first PC's boards.
enum { BUS_PORTS = 0x400 };
struct bus {
	const struct device *table;
	uint8_t row[BUS_PORTS];	// of the table, from 1; 0: nothing is there
};

// An interrupt output: set_irq(ctx, irq, level) tells the level, as often as
// the device likes; only a change matters.
struct irq_line {
	void (*set_irq)(void *ctx, int irq, bool level);
	void *ctx;
	int irq;
};

// Puts a table of n rows (at most 255) on the bus; the table stays the
// caller's. No two rows share a port.
void bus_init(struct bus *bus, const struct device *table, size_t n);

// The row for a port; NULL when nothing is there.
const struct device *device_at(const struct bus *bus, uint32_t port);

// Answers an access of `size` bytes (1, 2 or 4) to the devices in `board`. As
// on a PC's bus, wide accesses to 8-bit devices become single ones, the lowest
// port first. Where nothing is (from BUS_PORTS on, too: nothing wraps), a read
// gives ones and a write goes nowhere.
uint32_t devices_in(const struct bus *bus, void *board, uint16_t port,
		    int size);
void devices_out(const struct bus *bus, void *board, uint16_t port, int size,
		 uint32_t value);

static inline void irq_set(const struct irq_line *line, bool level)
{
	line->set_irq(line->ctx, line->irq, level);
}

// How often a clock of hz (at most 2^30) has ticked by a time, and the first
// time by which it has ticked so often. Exact: seconds and the rest apart.
static inline uint64_t time_to_ticks(uint64_t time, uint64_t hz)
{
	return time / NSEC_PER_SEC * hz +
		time % NSEC_PER_SEC * hz / NSEC_PER_SEC;
}

static inline uint64_t ticks_to_time(uint64_t ticks, uint64_t hz)
{
	return ticks / hz * NSEC_PER_SEC +
		(ticks % hz * NSEC_PER_SEC + hz - 1) / hz;
}
