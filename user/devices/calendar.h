// Dates of the Gregorian calendar.
#pragma once

#include <stdint.h>

#define CALENDAR_1970 (719528ll * 86400)	// seconds from year 0 to 1970

struct calendar {
	int year;		// 0 and up
	int month, day;		// from 1
	int hour, minute, second;
	int weekday;		// 1 is Sunday; not needed to tell a time
};

// The date, so many seconds (0 to 2^41) after the year 0 began.
struct calendar calendar_of(int64_t seconds);

// The other way; fields beyond their range (each 0 to 30000) carry over into
// the next.
int64_t calendar_seconds(const struct calendar *c);
