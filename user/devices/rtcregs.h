// Registers of the MC146818 and their bits, and what the parts of its model
// are to each other.
#pragma once

#include <user/devices/rtc.h>

enum {
	SECOND, SECOND_ALARM, MINUTE, MINUTE_ALARM, HOUR, HOUR_ALARM,
	WEEKDAY, DAY, MONTH, YEAR, REG_A, REG_B, REG_C, REG_D,
	CENTURY = 0x32,

	A_RATE = 0x0f,
	A_32KHZ_1024HZ = 0x26,
	A_UPDATING = 0x80,
	B_24H = 0x02,
	B_BINARY = 0x04,
	B_SET = 0x80,		// the guest sets the time: the clock stands
	FLAG_UPDATED = 0x10,	// in B: interrupt wanted; in C: it happened
	FLAG_ALARM = 0x20,
	FLAG_PERIODIC = 0x40,
	FLAGS = 0x70,
	C_INTERRUPT = 0x80,
	D_VALID = 0x80,

	PM = 0x80,		// in a 12-hour clock's hour
	UPDATE_NSEC = 244000,	// UPDATING is shown so long before it
};

// rtc.c: seconds since the year 0; numbers as bytes in the form that register
// B asks for.
int64_t rtc_clock(const struct rtc *r);
uint8_t rtc_encode(const struct rtc *r, int n);
uint8_t rtc_encode_hour(const struct rtc *r, int hour);

// rtcirq.c: sets the flags of what has happened since that was done last: to
// be called before anything changes.
void rtc_look(struct rtc *r);
// Sets the interrupt line and when it is due next: after a change.
void rtc_update(struct rtc *r);
