// The local APIC (SDM volume 3, "Advanced Programmable Interrupt Controller").

#include <inc/trap.h>
#include <kern/cpu.h>
#include <kern/pmap.h>

enum {	// registers, in bytes from the base
	ID = 0x20, EOI = 0xb0, SVR = 0xf0, ESR = 0x280,
	ICR_LO = 0x300, ICR_HI = 0x310, LVT_TIMER = 0x320, LVT_PERF = 0x340,
	LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370,
	TIMER_INIT = 0x380, TIMER_NOW = 0x390, TIMER_DIVIDE = 0x3e0,
};
enum {
	SVR_ENABLE = 0x100, MASKED = 0x10000, EXTINT = 0x700, NMI = 0x400,
	ICR_INIT = 0x500, ICR_STARTUP = 0x600, ICR_ASSERT = 0x4000,
	ICR_LEVEL = 0x8000, ICR_BUSY = 0x1000, DIVIDE_BY_16 = 0x3,
};
enum { MSR_APIC_BASE = 0x1b };

static volatile uint32_t *lapic;

static void write(int reg, uint32_t v)
{
	lapic[reg / 4] = v;
}

uint8_t lapic_id(void)
{
	return lapic[ID / 4] >> 24;
}

void lapic_init(void)
{
	bool bsp = cpunum() == 0;

	lapic = KADDR(PTE_ADDR(rdmsr(MSR_APIC_BASE)));
	write(SVR, SVR_ENABLE | (IRQ_OFFSET + IRQ_LAPIC_SPURIOUS));
	write(TIMER_DIVIDE, DIVIDE_BY_16);
	write(LVT_TIMER, IRQ_OFFSET + IRQ_TIMER);
	// The 8259A's interrupts reach the boot processor alone.
	write(LVT_LINT0, bsp ? EXTINT : MASKED);
	write(LVT_LINT1, bsp ? NMI : MASKED);
	write(LVT_ERROR, IRQ_OFFSET + IRQ_ERROR);
	write(ESR, 0);
	write(EOI, 0);
}

void lapic_eoi(void)
{
	write(EOI, 0);
}

void lapic_timer(uint32_t ticks)
{
	write(TIMER_INIT, ticks);
}

uint32_t lapic_timer_left(void)
{
	return lapic[TIMER_NOW / 4];
}

static void icr(uint8_t apicid, uint32_t command)
{
	write(ICR_HI, (uint32_t)apicid << 24);
	write(ICR_LO, command);
	while (lapic[ICR_LO / 4] & ICR_BUSY)
		pause();
}

void lapic_ipi(uint8_t apicid, int vector)
{
	icr(apicid, vector);
}

static void delay_us(uint64_t us)
{
	uint64_t until = rdtsc() + us * sysinfo.si_tsc_khz / 1000;

	while (rdtsc() < until)
		pause();
}

// SDM volume 3, "Typical BSP Initialization Sequence".
void lapic_startap(uint8_t apicid, uint32_t addr)
{
	icr(apicid, ICR_INIT | ICR_LEVEL | ICR_ASSERT);
	icr(apicid, ICR_INIT | ICR_LEVEL);
	delay_us(10000);
	for (int i = 0; i < 2; i++) {
		icr(apicid, ICR_STARTUP | addr >> PGSHIFT);
		delay_us(200);
	}
}
