#include <user/devices/calendar.h>

// Days before the first of each month of a year without a 29 February.
static const int days_before[] = {
	0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365,
};

static int is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

// The days of all years before this one; the year 0 is a leap year.
static int64_t days_before_year(int64_t year)
{
	int64_t past = year - 1;

	if (year == 0)
		return 0;
	return 365 * year + past / 4 - past / 100 + past / 400 + 1;
}

// Month 0 is January.
static int days_before_month(int year, int month)
{
	return days_before[month] + (month >= 2 && is_leap(year));
}

struct calendar calendar_of(int64_t seconds)
{
	int64_t days = seconds / 86400;
	struct calendar c = {
		.year = days / 366,
		.hour = seconds / 3600 % 24,
		.minute = seconds / 60 % 60,
		.second = seconds % 60,
		.weekday = (days + 6) % 7 + 1,
	};

	while (days_before_year(c.year + 1) <= days)
		c.year++;
	days -= days_before_year(c.year);
	while (days_before_month(c.year, c.month + 1) <= days)
		c.month++;
	c.day = days - days_before_month(c.year, c.month) + 1;
	c.month++;
	return c;
}

int64_t calendar_seconds(const struct calendar *c)
{
	int month = c->month > 0 ? c->month - 1 : 0;
	int year = c->year + month / 12;
	int64_t days = days_before_year(year) +
		days_before_month(year, month % 12) +
		(c->day > 0 ? c->day - 1 : 0);

	return ((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second;
}
