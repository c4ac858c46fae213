// A guest's PC: which devices there are, at which ports, and how their
// interrupt lines are wired.
//
//   ports          device                    interrupt line
//   0x20, 0xa0 +2  pic.h, a pair of 8259A
//   0x40 +4, 0x61  pit.h, 8254               0: counter 0
//   0x60, 0x64     i8042.h, no keyboard
//   0x70 +2        rtc.h, MC146818           8
//   0xe9           debugport.h
//   0xf4           exitport.h
//   0x3f8 +8       uart.h, PC16550D          4
//
// One thread at a time. All times are nanoseconds since the machine was made;
// one that is before what was told last, or from 2^63 on, is taken for that.
#pragma once

#include <user/devices/debugport.h>
#include <user/devices/exitport.h>
#include <user/devices/i8042.h>
#include <user/devices/pic.h>
#include <user/devices/pit.h>
#include <user/devices/rtc.h>
#include <user/devices/uart.h>

enum { PC_IRQ_PIT = 0, PC_IRQ_UART = 4, PC_IRQ_RTC = 8 };

// What the machine does to the world. All are called from within pc_out(), get
// ctx, and must not call the machine back.
struct pc_host {
	void (*console)(void *ctx, uint8_t c);	// a byte on the serial line
	void (*debug)(void *ctx, uint8_t c);	// a byte to port 0xe9
	void (*reset)(void *ctx);		// the guest asks for a reset
	void (*exit)(void *ctx, uint8_t status);	// ... to be ended
	void *ctx;
};

// Has pointers into itself: it stays where pc_init() was called for it.
struct pc {
	struct bus bus;
	uint64_t now;
	struct pic pic;
	struct uart uart;
	struct pit pit;
	struct rtc rtc;
	struct i8042 i8042;
	struct debugport debugport;
	struct exitport exitport;
};

// Power on, or reset: time is 0, the clock shows unix_time (0 to 2^40 s).
void pc_init(struct pc *pc, const struct pc_host *host, int64_t unix_time);

// The guest accesses a port at time `now`; size is 1, 2 or 4, the upper bytes
// of what is read are zero. Any port is fine (see devices_in() in device.h).
uint32_t pc_in(struct pc *pc, uint16_t port, int size, uint64_t now);
void pc_out(struct pc *pc, uint16_t port, int size, uint32_t value,
	    uint64_t now);

// Where a port leads, for messages: a device's name, or NULL.
const char *pc_device(const struct pc *pc, uint16_t port);

// Input for the console: see uart_push(), uart_room().
bool pc_input(struct pc *pc, uint8_t c);
int pc_input_room(const struct pc *pc);

// Time has come to `now`: interrupts that are due by then are requested.
void pc_advance(struct pc *pc, uint64_t now);

// The time when pc_advance() is to be called, if the guest does nothing until
// then; TIME_NEVER when nothing would come of it. Any other call may change
// it. It is in the past when that time has been told to nobody yet.
uint64_t pc_next_event(const struct pc *pc);

// Whether an interrupt waits for the guest's processor; and the vector (0 to
// 255), acknowledged, so that it must be delivered now; -1 when none waits.
bool pc_has_interrupt(const struct pc *pc);
int pc_interrupt(struct pc *pc);
