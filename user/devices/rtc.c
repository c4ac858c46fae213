#include <user/devices/calendar.h>
#include <user/devices/rtcregs.h>

int64_t rtc_clock(const struct rtc *r)
{
	return r->base + r->now / NSEC_PER_SEC;
}

// --------------------------------------------------------------
// The time as bytes, in the form that register B asks for

uint8_t rtc_encode(const struct rtc *r, int n)
{
	return r->cmos[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10;
}

static int decode(const struct rtc *r, uint8_t n)
{
	return r->cmos[REG_B] & B_BINARY ? n : (n >> 4) * 10 + (n & 15);
}

uint8_t rtc_encode_hour(const struct rtc *r, int hour)
{
	int hour12 = hour % 12 ? hour % 12 : 12;

	if (r->cmos[REG_B] & B_24H)
		return rtc_encode(r, hour);
	return rtc_encode(r, hour12) | (hour >= 12 ? PM : 0);
}

static int decode_hour(const struct rtc *r, uint8_t hour)
{
	if (r->cmos[REG_B] & B_24H)
		return decode(r, hour);
	return decode(r, hour & ~PM) % 12 + (hour & PM ? 12 : 0);
}

static bool is_time(int index)
{
	return index == CENTURY || (index <= YEAR && index != SECOND_ALARM &&
		index != MINUTE_ALARM && index != HOUR_ALARM);
}

static void show_time(struct rtc *r)
{
	struct calendar c = calendar_of(rtc_clock(r));

	r->cmos[SECOND] = rtc_encode(r, c.second);
	r->cmos[MINUTE] = rtc_encode(r, c.minute);
	r->cmos[HOUR] = rtc_encode_hour(r, c.hour);
	r->cmos[WEEKDAY] = rtc_encode(r, c.weekday);
	r->cmos[DAY] = rtc_encode(r, c.day);
	r->cmos[MONTH] = rtc_encode(r, c.month);
	r->cmos[YEAR] = rtc_encode(r, c.year % 100);
	r->cmos[CENTURY] = rtc_encode(r, c.year / 100 % 100);
}

static void take_time(struct rtc *r)
{
	struct calendar c = {
		.second = decode(r, r->cmos[SECOND]),
		.minute = decode(r, r->cmos[MINUTE]),
		.hour = decode_hour(r, r->cmos[HOUR]),
		.day = decode(r, r->cmos[DAY]),
		.month = decode(r, r->cmos[MONTH]),
		.year = decode(r, r->cmos[CENTURY]) * 100 +
			decode(r, r->cmos[YEAR]),
	};

	r->base += calendar_seconds(&c) - rtc_clock(r);
}

void rtc_init(struct rtc *r, int64_t unix_time, struct irq_line irq)
{
	*r = (struct rtc){
		.base = CALENDAR_1970 + unix_time,
		.irq = irq,
		.due = TIME_NEVER,
	};
	r->cmos[REG_A] = A_32KHZ_1024HZ;
	r->cmos[REG_B] = B_24H;
	r->cmos[REG_D] = D_VALID;
}

void rtc_advance(struct rtc *r, uint64_t now)
{
	r->now = now;
	if (now < r->due)
		return;
	rtc_look(r);
	rtc_update(r);
}

// --------------------------------------------------------------
// Ports

// While the guest sets the time, the bytes are as it wrote them.
static bool shows_clock(const struct rtc *r, int index)
{
	return is_time(index) && !(r->cmos[REG_B] & B_SET);
}

static uint8_t read_flags(struct rtc *r)
{
	uint8_t flags = r->cmos[REG_C];

	r->cmos[REG_C] = 0;
	return flags & r->cmos[REG_B] ? flags | C_INTERRUPT : flags;
}

static bool updating(const struct rtc *r)
{
	return !(r->cmos[REG_B] & B_SET) &&
		r->now % NSEC_PER_SEC >= NSEC_PER_SEC - UPDATE_NSEC;
}

static uint8_t read(struct rtc *r, int index)
{
	if (shows_clock(r, index))
		show_time(r);
	if (index == REG_C)
		return read_flags(r);
	if (index == REG_A && updating(r))
		return r->cmos[REG_A] | A_UPDATING;
	return r->cmos[index];
}

static void set_b(struct rtc *r, uint8_t value)
{
	uint8_t before = r->cmos[REG_B];

	if (value & ~before & B_SET)
		show_time(r);
	if (value & B_SET)
		value &= ~FLAG_UPDATED;
	r->cmos[REG_B] = value;
	if (before & ~value & B_SET)
		take_time(r);
}

static void write(struct rtc *r, int index, uint8_t value)
{
	if (shows_clock(r, index)) {
		show_time(r);
		r->cmos[index] = value;
		take_time(r);
	} else if (index == REG_A) {
		r->cmos[REG_A] = value & ~A_UPDATING;
	} else if (index == REG_B) {
		set_b(r, value);
	} else if (index != REG_C && index != REG_D) {
		r->cmos[index] = value;
	}
}

uint8_t rtc_in(void *rtc, uint16_t port)
{
	struct rtc *r = rtc;
	uint8_t value;

	if (port == RTC_INDEX)
		return 0xff;	// only written
	rtc_look(r);
	value = read(r, r->index);
	rtc_update(r);
	return value;
}

void rtc_out(void *rtc, uint16_t port, uint8_t value)
{
	struct rtc *r = rtc;

	if (port == RTC_INDEX) {
		r->index = value % RTC_BYTES;
		return;
	}
	rtc_look(r);
	write(r, r->index, value);
	rtc_update(r);
}
