// Processors: found in ACPI's tables, set up and started.

#include <inc/stdio.h>
#include <inc/string.h>
#include <kern/cpu.h>
#include <kern/env.h>
#include <kern/trap.h>

struct CpuInfo cpus[NCPU];
int ncpu = 1;
volatile uint32_t kernel_lock;

struct kstack kstacks[NCPU] __attribute__((aligned(PGSIZE)));
static char ist_stacks[NCPU][NIST][PGSIZE] __attribute__((aligned(16)));

// --------------------------------------------------------------
// GDT, TSS, control registers

static uint64_t gdt[GD_TSS0 / 8 + 2 * NCPU] = {
	[GD_KT / 8] = 0x00af9a000000ffff,	// code, 64 bit, ring 0
	[GD_KD / 8] = 0x00cf92000000ffff,	// data, ring 0
	[GD_UT / 8] = 0x00affa000000ffff,	// code, 64 bit, ring 3
	[GD_UD / 8] = 0x00cff2000000ffff,	// data, ring 3
};

const struct descriptor_ptr gdt_ptr = { sizeof(gdt) - 1, (uintptr_t)gdt };

// SDM volume 3, "TSS Descriptor in 64-bit mode".
static void set_tss_descriptor(int cpu)
{
	uint64_t base = (uintptr_t)&cpus[cpu].cpu_ts;
	uint64_t *d = &gdt[GD_TSS0 / 8 + 2 * cpu];

	d[0] = (sizeof(struct Taskstate) - 1) | (base & 0xffffff) << 16 |
		0x89ul << 40 | (base >> 24 & 0xff) << 56;
	d[1] = base >> 32;
}

static uint64_t cpu_features(void)
{
	uint32_t max, ebx = 0;

	cpuid(0, 0, &max, NULL, NULL, NULL);
	if (max >= 7)
		cpuid(7, 0, NULL, &ebx, NULL, NULL);
	return ebx & 1 << 7 ? CR4_SMEP : 0;
}

static void load_segments(void)
{
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmovl %1, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss"
			 : : "i"(GD_KT), "i"(GD_KD) : "rax", "memory");
}

void cpu_init(int cpu)
{
	struct Taskstate *ts = &cpus[cpu].cpu_ts;

	for (int i = 0; i < NIST; i++)
		ts->ts_ist[i] = (uintptr_t)ist_stacks[cpu][i] + PGSIZE;
	ts->ts_iomb = sizeof(*ts);
	set_tss_descriptor(cpu);
	cpu_load_tables();
	load_segments();
	lldt(0);
	ltr(GD_TSS0 + 16 * cpu);
	lcr4(rcr4() | cpu_features());
	cpus[cpu].cpu_timer = ~0ul;
	cpus[cpu].cpu_started = true;
}

// --------------------------------------------------------------
// ACPI (6.4, "System Description Tables"): the MADT lists the local APICs.

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
} __attribute__((packed));

struct sdt {
	char signature[4];
	uint32_t length;
	char rest[28];
} __attribute__((packed));

struct madt {
	struct sdt header;
	uint32_t lapic_addr, flags;
	uint8_t entries[];
} __attribute__((packed));

enum { MADT_LAPIC = 0, LAPIC_ENABLED = 1 };

static bool sums_to_zero(const void *p, size_t n)
{
	uint8_t sum = 0;

	for (const uint8_t *b = p; n > 0; n--)
		sum += *b++;
	return sum == 0;
}

static const struct rsdp *find_rsdp_in(physaddr_t pa, size_t n)
{
	for (physaddr_t lim = pa + n; pa < lim; pa += 16) {
		const struct rsdp *r = KADDR(pa);

		if (memcmp(r->signature, "RSD PTR ", 8) == 0 &&
		    sums_to_zero(r, sizeof(*r)))
			return r;
	}
	return NULL;
}

// ACPI specification, "Finding the RSDP on IA-PC Systems": in the extended
// BIOS data area, whose segment stands at 0x40e, or in the BIOS.
static const struct rsdp *find_rsdp(void)
{
	physaddr_t ebda = *(const uint16_t *)KADDR(0x40e) << 4;
	const struct rsdp *r = find_rsdp_in(ebda, 1024);

	return r ? r : find_rsdp_in(0xe0000, 0x20000);
}

// Tables lie below 4 GiB, all of which is mapped on the host.
static const struct madt *find_madt(void)
{
	const struct rsdp *rsdp = find_rsdp();
	const struct sdt *rsdt, *t;
	const uint32_t *entry;

	if (!rsdp)
		return NULL;
	rsdt = KADDR(rsdp->rsdt);
	// Newer tables may have an XSDT alone, and null here.
	if (memcmp(rsdt->signature, "RSDT", 4) != 0 ||
	    !sums_to_zero(rsdt, rsdt->length))
		return NULL;
	entry = (const void *)(rsdt + 1);
	for (; (void *)entry < (void *)rsdt + rsdt->length; entry++) {
		t = KADDR(*entry);
		if (memcmp(t->signature, "APIC", 4) == 0 &&
		    sums_to_zero(t, t->length))
			return (const void *)t;
	}
	return NULL;
}

// Ids of the application processors, which boot_aps() starts.
static uint8_t ap_ids[NCPU];
static int nap;

void mp_init(void)
{
	const struct madt *madt = find_madt();
	uint32_t ebx;

	cpuid(1, 0, NULL, &ebx, NULL, NULL);
	cpus[0].cpu_apicid = ebx >> 24;
	if (!madt)
		return;
	for (const uint8_t *e = madt->entries;
	     (void *)e < (void *)madt + madt->header.length && e[1] >= 2;
	     e += e[1]) {
		if (e[0] != MADT_LAPIC || !(e[4] & LAPIC_ENABLED) ||
		    e[3] == cpus[0].cpu_apicid)
			continue;
		if (nap == NCPU - 1) {
			cprintf("SMP: only %d CPUs are used\n", NCPU);
			break;
		}
		ap_ids[nap++] = e[3];
	}
}

// --------------------------------------------------------------
// Starting the others

void boot_aps(void)
{
	extern char mpentry_start[], mpentry_end[];
	extern uintptr_t ap_stack_kva;		// in entry.S

	memcpy(KADDR(MPENTRY_PADDR), mpentry_start,
	       mpentry_end - mpentry_start);
	for (int i = 0; i < nap; i++) {
		struct CpuInfo *c = &cpus[ncpu];
		uint64_t until;

		c->cpu_apicid = ap_ids[i];
		ap_stack_kva = (uintptr_t)&kstacks[ncpu + 1];
		lapic_startap(c->cpu_apicid, MPENTRY_PADDR);
		until = rdtsc() + ms2tsc(100);
		while (!c->cpu_started && rdtsc() < until)
			pause();
		if (c->cpu_started)
			ncpu++;
		else
			cprintf("SMP: CPU with APIC %d does not start\n",
				ap_ids[i]);
	}
	sysinfo.si_ncpu = ncpu;
	if (ncpu > 1)
		cprintf("SMP: %d CPUs\n", ncpu);
}

// One processor at a time comes here: boot_aps() waits for cpu_started.
void mp_main(void)
{
	lcr3(kern_cr3);
	cpu_init(ncpu);
	lapic_init();
	lock_kernel(thiscpu);
	sched_yield();
}

// --------------------------------------------------------------
// Messages between them

void cpu_kick(struct CpuInfo *c)
{
	if (c->cpu_in_kernel)
		return;
	lapic_ipi(c->cpu_apicid, IRQ_OFFSET + IRQ_KICK);
	while (!c->cpu_in_kernel)
		pause();
}

void cpu_wake_idle(void)
{
	for (int i = 0; i < ncpu; i++) {
		if (cpus[i].cpu_idle && i != cpunum()) {
			cpus[i].cpu_idle = false;	// next time another
			lapic_ipi(cpus[i].cpu_apicid, IRQ_OFFSET + IRQ_KICK);
			return;
		}
	}
}
