// The clock's three interrupts: periodic, alarm, and each update's end.

#include <user/devices/rtcregs.h>

enum {
	ALARM_ANY = 0xc0,	// and above: each hour, minute or second
	SECONDS_A_DAY = 86400,
	RTC_HZ = 32768,
};

#define NEVER INT64_MAX

static bool matches(const struct rtc *r, int alarm, uint8_t value)
{
	return r->cmos[alarm] >= ALARM_ANY || r->cmos[alarm] == value;
}

// The first second from `second` on at which the alarm goes off, or NEVER.
static int64_t next_alarm(const struct rtc *r, int64_t second)
{
	int64_t end = second + SECONDS_A_DAY;

	while (second < end) {
		if (!matches(r, HOUR_ALARM,
			     rtc_encode_hour(r, second / 3600 % 24)))
			second += 3600 - second % 3600;
		else if (!matches(r, MINUTE_ALARM,
				  rtc_encode(r, second / 60 % 60)))
			second += 60 - second % 60;
		else if (!matches(r, SECOND_ALARM, rtc_encode(r, second % 60)))
			second++;
		else
			return second;
	}
	return NEVER;
}

// How many periods of the periodic interrupt fit into a time, and the time
// when the next one is over ("Divider Stages": rates 1 and 2 are 8 and 9).
static int period_shift(const struct rtc *r)
{
	int rate = r->cmos[REG_A] & A_RATE;

	return rate <= 2 ? rate + 6 : rate - 1;
}

static uint64_t periods(const struct rtc *r, uint64_t time)
{
	return time_to_ticks(time, RTC_HZ) >> period_shift(r);
}

static uint64_t period_end(const struct rtc *r)
{
	uint64_t next = periods(r, r->now) + 1;

	return ticks_to_time(next << period_shift(r), RTC_HZ);
}

// Sets the flags of what has happened since that was done last.
void rtc_look(struct rtc *r)
{
	int64_t before = r->base + r->seen / NSEC_PER_SEC;
	uint8_t *flags = &r->cmos[REG_C];

	if ((r->cmos[REG_A] & A_RATE) &&
	    periods(r, r->seen) != periods(r, r->now))
		*flags |= FLAG_PERIODIC;
	r->seen = r->now;
	if ((r->cmos[REG_B] & B_SET) || before == rtc_clock(r))
		return;
	*flags |= FLAG_UPDATED;
	if (next_alarm(r, before + 1) <= rtc_clock(r))
		*flags |= FLAG_ALARM;
}

// The slowest period ends with each half of a second, so no other interrupt
// comes before the periodic one.
static uint64_t next_interrupt(const struct rtc *r)
{
	uint8_t b = r->cmos[REG_B];
	int64_t second = NEVER;

	if ((b & FLAG_PERIODIC) && (r->cmos[REG_A] & A_RATE))
		return period_end(r);
	if (b & B_SET)
		return TIME_NEVER;
	if (b & FLAG_ALARM)
		second = next_alarm(r, rtc_clock(r) + 1);
	if (b & FLAG_UPDATED)
		second = rtc_clock(r) + 1;
	if (second == NEVER)
		return TIME_NEVER;
	return (second - r->base) * NSEC_PER_SEC;
}

void rtc_update(struct rtc *r)
{
	bool on = r->cmos[REG_B] & r->cmos[REG_C] & FLAGS;

	irq_set(&r->irq, on);
	r->due = on ? TIME_NEVER : next_interrupt(r);
}
