// The real-time clock with its 128 bytes of memory: Motorola MC146818 data
// sheet, "Registers", "Update Cycle", "Interrupts". Byte 0x32 is the century,
// as PC firmware has it. The clock is UTC.
//
// The time is not kept but follows from `base`; an update takes no time. A
// time that makes no sense (the 60th of a 14th month) becomes another that
// does. The day of the week follows from the date.
#pragma once

#include <user/devices/device.h>

enum { RTC_INDEX = 0x70, RTC_DATA = 0x71, RTC_BYTES = 128 };

struct rtc {
	uint8_t cmos[RTC_BYTES];	// the VMM may fill 0x0e and up
	uint8_t index;
	int64_t base;		// seconds since the year 0, at time 0
	uint64_t now;		// as told last
	uint64_t seen;		// flags of register C are right up to here
	uint64_t due;		// of the next interrupt, or TIME_NEVER
	struct irq_line irq;
};

// The clock shows unix_time (seconds since 1970, at most 2^40) at time 0.
void rtc_init(struct rtc *r, int64_t unix_time, struct irq_line irq);

// Time has come to `now`, at least what it was, below 2^63. To be called
// before each access, and when `due` has come: then the line rises, until the
// guest reads register C. Each access may change `due`.
void rtc_advance(struct rtc *r, uint64_t now);

uint8_t rtc_in(void *rtc, uint16_t port);
void rtc_out(void *rtc, uint16_t port, uint8_t value);
