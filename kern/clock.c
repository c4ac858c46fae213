// Time: timers that fire once, and this processor's next interrupt. Nothing
// ticks: the interrupt is set for what is due next, and not at all when
// nothing is.

#include <inc/vmx.h>
#include <inc/x86.h>
#include <kern/env.h>

// A binary heap, earliest first, from slot 1 on.
enum { NTIMER = NENV + 8 };
static struct timer *heap[NTIMER + 1];
static int ntimer;
uint64_t clock_next = ~0ul;

static uint32_t lapic_khz;		// ticks of the APIC's timer a ms

// --------------------------------------------------------------
// How fast the clocks run

enum {
	PIT_HZ = 1193182, PIT_CH2 = 0x42, PIT_MODE = 0x43, PIT_GATE = 0x61,
	CALIBRATE_MS = 10,
};

// Lets channel 2 of the interval timer count down CALIBRATE_MS, once; the
// gate port's bit 5 shows its end.
static void pit_wait(void)
{
	uint16_t count = PIT_HZ * CALIBRATE_MS / 1000;

	outb(PIT_GATE, (inb(PIT_GATE) & ~2) | 1);
	outb(PIT_MODE, 0xb0);		// channel 2, both bytes, mode 0
	outb(PIT_CH2, count);
	outb(PIT_CH2, count >> 8);
	while (!(inb(PIT_GATE) & 0x20))
		pause();
}

// --------------------------------------------------------------
// The date: Motorola MC146818 data sheet; byte 0x32 is the century, as PC
// firmware has it, in UTC.

enum {
	CMOS_INDEX = 0x70, CMOS_DATA = 0x71,
	RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7,
	RTC_MONTH = 8, RTC_YEAR = 9, RTC_A = 10, RTC_B = 11,
	RTC_CENTURY = 0x32,
	RTC_A_UPDATING = 0x80, RTC_B_BINARY = 0x04, RTC_B_24H = 0x02,
	RTC_HOUR_PM = 0x80,
};

static uint8_t cmos(int index)
{
	outb(CMOS_INDEX, index);
	return inb(CMOS_DATA);
}

static int rtc_number(int index)
{
	int v = cmos(index), mode = cmos(RTC_B), pm = 0;

	if (index == RTC_HOUR && !(mode & RTC_B_24H)) {
		pm = v & RTC_HOUR_PM;
		v &= ~RTC_HOUR_PM;
	}
	if (!(mode & RTC_B_BINARY))
		v = (v >> 4) * 10 + (v & 15);
	if (index == RTC_HOUR && !(mode & RTC_B_24H))
		v = v % 12 + (pm ? 12 : 0);
	return v;
}

// Days since 1970-01-01. The year begins in March, so that the leap day is
// its last; months from there have 31 30 31 30 31 days, and again.
static int64_t days(int64_t year, int month, int day)
{
	int m = (month + 9) % 12;

	year -= m >= 10;
	return 365 * year + year / 4 - year / 100 + year / 400 +
		(153 * m + 2) / 5 + day - 1 - 719468;
}

// Seconds since 1970, read between two updates, which take 2 ms at most; 0
// when there is no clock.
static int64_t read_rtc(void)
{
	uint64_t until = rdtsc() + ms2tsc(4);
	int second;
	int64_t t;

	if (cmos(RTC_A) == 0xff)
		return 0;
	do {
		while ((cmos(RTC_A) & RTC_A_UPDATING) && rdtsc() < until)
			pause();
		second = rtc_number(RTC_SECOND);
		t = days(rtc_number(RTC_CENTURY) * 100 +
			 rtc_number(RTC_YEAR), rtc_number(RTC_MONTH),
			 rtc_number(RTC_DAY));
		t = (t * 24 + rtc_number(RTC_HOUR)) * 60 +
			rtc_number(RTC_MINUTE);
	} while (second != rtc_number(RTC_SECOND) && rdtsc() < until);
	return t * 60 + second;
}

void clock_init(void)
{
	uint64_t tsc;

	if (sysinfo.si_role == ROLE_GUEST) {
		sysinfo.si_tsc_khz = hypercall(VMX_VMCALL_TSC_KHZ, 0, 0);
		return;
	}
	lapic_timer(~0u);
	tsc = rdtsc();
	pit_wait();
	sysinfo.si_tsc_khz = (rdtsc() - tsc) / CALIBRATE_MS;
	lapic_khz = (~0u - lapic_timer_left()) / CALIBRATE_MS;
	lapic_timer(0);
	sysinfo.si_boot_time = read_rtc() -
		(rdtsc() - sysinfo.si_boot_tsc) / sysinfo.si_tsc_khz / 1000;
}

// --------------------------------------------------------------
// Timers

static void put(struct timer *t, int slot)
{
	heap[slot] = t;
	t->tm_slot = slot;
	if (slot == 1)
		clock_next = t->tm_when;
}

static void sift_up(struct timer *t, int slot)
{
	for (; slot > 1 && heap[slot / 2]->tm_when > t->tm_when; slot /= 2)
		put(heap[slot / 2], slot);
	put(t, slot);
}

static void sift_down(struct timer *t, int slot)
{
	for (int child; (child = 2 * slot) <= ntimer; slot = child) {
		if (child < ntimer &&
		    heap[child + 1]->tm_when < heap[child]->tm_when)
			child++;
		if (heap[child]->tm_when >= t->tm_when)
			break;
		put(heap[child], slot);
	}
	put(t, slot);
}

void timer_cancel(struct timer *t)
{
	int slot = t->tm_slot;
	struct timer *last;

	if (slot == 0)
		return;
	t->tm_slot = 0;
	last = heap[ntimer--];
	if (ntimer == 0)
		clock_next = ~0ul;
	if (last == t)
		return;
	if (slot > 1 && heap[slot / 2]->tm_when > last->tm_when)
		sift_up(last, slot);
	else
		sift_down(last, slot);
}

void timer_arm(struct timer *t, uint64_t when)
{
	timer_cancel(t);
	assert(ntimer < NTIMER);
	t->tm_when = when;
	sift_up(t, ++ntimer);
	if (t->tm_slot == 1 && cpunum() != 0)
		lapic_ipi(cpus[0].cpu_apicid, IRQ_OFFSET + IRQ_KICK);
}

// --------------------------------------------------------------
// The interrupt

void clock_set(struct CpuInfo *c, uint64_t when)
{
	uint64_t now = rdtsc(), left = when > now ? when - now : 0;
	uint64_t ticks;

	c->cpu_timer = when;
	if (sysinfo.si_role == ROLE_GUEST) {
		hypercall(VMX_VMCALL_TIMER, when ? when : 1, 0);
		return;
	}
	left = MIN(left, 1ul << 40);
	ticks = left * lapic_khz / sysinfo.si_tsc_khz + 1;
	lapic_timer(MIN(ticks, 0xfffffffful));
}

void clock_interrupt(void)
{
	thiscpu->cpu_timer = ~0ul;
	while (ntimer > 0 && heap[1]->tm_when <= rdtsc()) {
		struct timer *t = heap[1];

		timer_cancel(t);
		t->tm_fired(t);
	}
}
