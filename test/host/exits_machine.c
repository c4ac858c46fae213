#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sanitizer/asan_interface.h>

#include <inc/assert.h>
#include <kern/console.h>
#include <kern/env.h>
#include <kern/init.h>
#include <kern/trap.h>
#include <vmm/ept.h>
#include <vmm/vmx.h>
#include "exits_machine.h"
#include "host_format.h"

enum { REVISION = 0x2b, RING = 16, TEXT = 1 << 14 };

struct CpuInfo cpus[NCPU];
struct kstack kstacks[NCPU];
int ncpu, here;
volatile uint32_t kernel_lock;
char vmexit_entry[1];
uint64_t now;

static int memory;			// physical memory's file
static struct PageInfo page_infos[NPAGES];
static uint64_t memory_before;		// free pages
static char printed[TEXT];
static size_t nprinted;

// --------------------------------------------------------------
// Console

int vcprintf(const char *fmt, va_list ap)
{
	size_t n = host_format(printed + nprinted, TEXT - nprinted, fmt, ap);

	nprinted = MIN(nprinted + n, (size_t)TEXT - 1);
	return n;
}

int cprintf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vcprintf(fmt, ap);
	va_end(ap);
	return n;
}

const char *console_take(void)
{
	static char taken[TEXT];

	memcpy(taken, printed, sizeof(taken));
	nprinted = 0;
	printed[0] = 0;
	return taken;
}

void machine_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s%s:%d: %s\n", printed, file, line, what);
	abort();
}

void _panic(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcprintf(fmt, ap);
	va_end(ap);
	machine_fail(file, line, "panic");
}

static volatile char cons_last __attribute__((unused));

// Reads all of it, as the real one.
void cons_write(const char *s, size_t n)
{
	while (n > 0)
		cons_last = s[--n];
}

static char ring[RING];
static int ring_first, ring_count;

bool cons_put_ring(int c)
{
	if (ring_count == RING)
		return false;
	ring[(ring_first + ring_count++) % RING] = c;
	return true;
}

int cons_getc(void)
{
	if (ring_count == 0)
		return -1;
	ring_count--;
	return ring[ring_first++ % RING];
}

// --------------------------------------------------------------
// Memory

// What of USER_BASE the kernel has touched: entries of the current page table.
static pte_t touched[NUSER];
static struct sigaction fatal;

static void forget_user_page(size_t i)
{
	if (touched[i])
		mmap((void *)(USER_BASE + i * PGSIZE), PGSIZE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	touched[i] = 0;
}

static void on_segv(int sig, siginfo_t *info, void *ctx)
{
	uintptr_t va = ROUNDDOWN((uintptr_t)info->si_addr, PGSIZE);
	size_t i = (va - USER_BASE) / PGSIZE;
	struct Env *e = curenv;
	pte_t *pte;

	(void)ctx;
	if (va < USER_BASE || i >= NUSER || touched[i] || !e ||
	    !e->env_pml4e || !(pte = pml4e_walk(e->env_pml4e, va, false)) ||
	    !(*pte & PTE_P)) {
		sigaction(sig, &fatal, NULL);	// happens again
		return;
	}
	touched[i] = *pte;
	mmap((void *)va, PGSIZE,
	     *pte & PTE_W ? PROT_READ | PROT_WRITE : PROT_READ,
	     MAP_SHARED | MAP_FIXED, memory, PTE_ADDR(*pte));
}

void invlpg(const void *va)
{
	size_t i = ((uintptr_t)va - USER_BASE) / PGSIZE;

	if (i < NUSER)
		forget_user_page(i);
}

void lcr3(uint64_t cr3)
{
	(void)cr3;
	for (size_t i = 0; i < NUSER; i++)
		forget_user_page(i);
}

static void memory_init(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv,
				.sa_flags = SA_SIGINFO | SA_NODEFER };

	memory = memfd_create("memory", 0);
	if (ftruncate(memory, NPAGES * PGSIZE) < 0 ||
	    mmap((void *)KERNBASE, NPAGES * PGSIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, memory, 0) == MAP_FAILED ||
	    mmap((void *)USER_BASE, NUSER * PGSIZE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	    MAP_FAILED)
		panic("mmap");
	sigaction(SIGSEGV, &sa, &fatal);
	pages = page_infos;
	npages = NPAGES;
	__asan_poison_memory_region((void *)KERNBASE, NPAGES * PGSIZE);
	for (size_t i = NPAGES - 2; i > 0; i -= 2)
		page_free(&pages[i]);
	kern_pml4e = kpage_alloc();
	kern_cr3 = PADDR(kern_pml4e);
	memory_before = sysinfo.si_free_pages;
}

// --------------------------------------------------------------
// The processor

uint64_t rdtsc(void)
{
	return now += 50;
}

static const struct {
	uint32_t msr;
	uint64_t value;
} msrs[] = {
	{ MSR_IA32_FEATURE_CONTROL,
	  FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON },
	{ MSR_IA32_VMX_BASIC, VMX_BASIC_TRUE_CTLS | REVISION },
	{ MSR_IA32_VMX_PROCBASED_CTLS, 0xfffbfffe04006172 },
	{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, 0xff00000016 },
	{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, 0xfffbfffe04006172 },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, 0x37ffff00000000 },
	{ MSR_IA32_VMX_TRUE_EXIT_CTLS, 0x7fffff00036dfb },
	{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, 0xffff000011fb },
	{ MSR_IA32_VMX_MISC, 0x400c0 | 5 },
	{ MSR_IA32_VMX_CR0_FIXED0, CR0_PG | CR0_NE | CR0_PE },
	{ MSR_IA32_VMX_CR0_FIXED1, 0xffffffff },
	{ MSR_IA32_VMX_CR4_FIXED0, CR4_VMXE },
	{ MSR_IA32_VMX_CR4_FIXED1, 0x3767ff },
	{ MSR_IA32_VMX_EPT_VPID_CAP,
	  EPT_CAP_WB | EPT_CAP_WALK4 | EPT_CAP_EXEC_ONLY | EPT_CAP_INVEPT |
	  EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVVPID | EPT_CAP_INVVPID_SINGLE },
	{ MSR_EFER, EFER_LMA | EFER_LME | EFER_NXE | EFER_SCE },
	{ 0x277, 0x0007040600070406 },
};

uint64_t rdmsr(uint32_t msr)
{
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].msr == msr)
			return msrs[i].value;
	return 0;
}

void wrmsr(uint32_t msr, uint64_t v)
{
	(void)v;
	// Those that each guest has of its own.
	CHECK((msr >= 0xc0000081 && msr <= 0xc0000084) || msr == 0xc0000102);
}

void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b,
	   uint32_t *c, uint32_t *d)
{
	// All features; 48-bit addresses.
	uint32_t all = leaf == 0x80000008 ? 0x3030 : ~subleaf;

	if (a)
		*a = all;
	if (b)
		*b = all;
	if (c)
		*c = all;
	if (d)
		*d = all;
}

#define REGISTER(read, write, value)					\
	uint64_t read(void)						\
	{								\
		return value;						\
	}								\
	void write(uint64_t v)						\
	{								\
		(void)v;						\
	}
REGISTER(rcr0, lcr0, CR0_PG | CR0_NE | CR0_PE | CR0_WP | CR0_ET)
REGISTER(rcr2, lcr2, 0x1234)
REGISTER(rcr4, lcr4, CR4_VMXE | CR4_PAE)
REGISTER(rdr0, ldr0, 0)
REGISTER(rdr1, ldr1, 1)
REGISTER(rdr2, ldr2, 2)
REGISTER(rdr3, ldr3, 3)
REGISTER(rdr6, ldr6, 0xffff0ff0)

struct descriptor_ptr sgdt(void)
{
	return (struct descriptor_ptr){ 0xfff, KERNBASE };
}

struct descriptor_ptr sidt(void)
{
	return (struct descriptor_ptr){ 0xfff, KERNBASE };
}

uint16_t str(void)
{
	return GD_TSS0 + 16 * here;
}

uint32_t xchg(volatile uint32_t *p, uint32_t v)
{
	uint32_t old = *p;

	*p = v;
	return old;
}

void cli(void)
{
}

void sti(void)
{
}

// Whoever waits here would wait for ever: no other processor runs.
void pause(void)
{
	CHECK(!kernel_lock);
}

void fxsave(void *area)
{
	memset(area, 0, 512);
}

void fxrstor(const void *area)
{
	(void)area;
}

// --------------------------------------------------------------
// VMX

// A VMCS is its page: revision first, then 8 bytes for each field. Which is
// launched, and which processor (+ 1) has it, is the processors' own business.
static bool launched[NPAGES];
static int active[NPAGES];
static physaddr_t current[NCPU];

// Translations of guests' memory that a processor has cached.
static struct translation {
	uint64_t eptp, gpa;
	epte_t epte;
} tlb[NCPU][16];

static size_t vmcs_page(physaddr_t vmcs)
{
	CHECK(PGOFF(vmcs) == 0 && PGNUM(vmcs) < NPAGES);
	CHECK(pages[PGNUM(vmcs)].pp_ref > 0);
	CHECK(active[PGNUM(vmcs)] == 0 || active[PGNUM(vmcs)] == here + 1);
	return PGNUM(vmcs);
}

bool vmxon(physaddr_t region)
{
	CHECK(PGOFF(region) == 0);
	return true;
}

void vmclear(physaddr_t vmcs)
{
	size_t i = vmcs_page(vmcs);

	CHECK(thiscpu->cpu_vmxon);
	launched[i] = false;
	active[i] = 0;
	if (current[here] == vmcs)
		current[here] = 0;
}

void vmptrld(physaddr_t vmcs)
{
	size_t i = vmcs_page(vmcs);

	CHECK(thiscpu->cpu_vmxon && *(uint32_t *)KADDR(vmcs) == REVISION);
	active[i] = here + 1;
	current[here] = vmcs;
}

// Encodings, "Field Encoding in VMCS": width, type and index make the slot.
static uint64_t *field_slot(uint32_t field)
{
	uint32_t width = field >> 13, type = field >> 10 & 3;
	uint32_t index = field >> 1 & 0x1ff, i = width * 128 + type * 32;

	CHECK(current[here] && width < 4 && index < 32 && !(field & 1));
	return (uint64_t *)KADDR(current[here]) + (i + index + 1) % 512;
}

uint64_t vmread(uint32_t field)
{
	return *field_slot(field);
}

void exit_field(uint32_t field, uint64_t value)
{
	static const uint64_t mask[] = { 0xffff, ~0ul, 0xffffffff, ~0ul };

	*field_slot(field) = value & mask[field >> 13];
}

void vmwrite(uint32_t field, uint64_t value)
{
	CHECK((field >> 10 & 3) != 1);		// read-only
	exit_field(field, value);
}

void invept(uint64_t eptp)
{
	for (size_t i = 0; i < ARRAY_SIZE(tlb[here]); i++)
		if (tlb[here][i].eptp == eptp)
			tlb[here][i].eptp = 0;
}

void invvpid(uint16_t vpid)
{
	CHECK(vpid == vmread(VMCS_VPID) && vpid != 0);
}

static epte_t *ept_entry(struct Env *e, uint64_t gpa)
{
	epte_t *epte;

	if (gpa >> 48 || ept_lookup_gpa(e->env_vm->vm_eptrt, (void *)gpa, 0,
					&epte) < 0)
		return NULL;
	return epte;
}

epte_t machine_translate(struct Env *e, uint64_t gpa)
{
	epte_t *epte = ept_entry(e, gpa);
	struct translation *t = &tlb[here][PGNUM(gpa) % 16];
	uint64_t eptp = vmread(VMCS_EPT_POINTER);

	gpa = ROUNDDOWN(gpa, (uint64_t)PGSIZE);
	if (t->eptp == eptp && t->gpa == gpa)
		return t->epte;
	if (!epte || !epte_present(*epte))
		return 0;
	*t = (struct translation){ eptp, gpa, *epte };
	return *epte;
}

// No translation is left that is not the EPT's any more.
static void check_translations(struct Env *e, uint64_t eptp)
{
	for (size_t i = 0; i < ARRAY_SIZE(tlb[here]); i++) {
		struct translation *t = &tlb[here][i];

		if (t->eptp != eptp)
			continue;
		CHECK(ept_entry(e, t->gpa));
		CHECK(*ept_entry(e, t->gpa) == t->epte);
	}
}

void machine_enter(struct Env *e, uint64_t runs)
{
	physaddr_t vmcs = PADDR(e->env_vcpu->vc_vmcs);
	uint64_t eptp = PADDR(e->env_vm->vm_eptrt) | EPTP_WALK4 | EPTP_WB;

	CHECK(kernel_lock == 0 && curenv == e);
	CHECK(current[here] == vmcs && runs > 0);
	CHECK(launched[vmcs_page(vmcs)] == (runs > 1));
	CHECK(vmread(VMCS_EPT_POINTER) == eptp);
	CHECK(vmread(VMCS_VPID) == e->env_vcpu->vc_vpid);
	CHECK(vmread(VMCS_HOST_RIP) == (uintptr_t)vmexit_entry);
	CHECK(vmread(VMCS_HOST_CR3) == kern_cr3);
	CHECK(vmread(VMCS_HOST_TR_SELECTOR) == str());
	CHECK(vmread(VMCS_HOST_TR_BASE) == (uintptr_t)&thiscpu->cpu_ts);
	CHECK(vmread(VMCS_CR0_GUEST_HOST_MASK) == GUEST_CR0_OWNED);
	CHECK(vmread(VMCS_CR4_GUEST_HOST_MASK) == ~(uint64_t)GUEST_CR4_FREE);
	CHECK(vmread(VMCS_TSC_OFFSET) == e->env_vcpu->vc_tsc_offset);
	check_translations(e, eptp);
}

void machine_entered(struct Env *e)
{
	launched[vmcs_page(PADDR(e->env_vcpu->vc_vmcs))] = true;
}

// --------------------------------------------------------------
// The rest of the kernel

// Not every C library has it.
size_t strlcpy(char *dst, const char *src, size_t size)
{
	snprintf(dst, size, "%s", src);
	return strlen(dst);
}

void irq_dispatch(int vector)
{
	if (vector == IRQ_OFFSET + IRQ_TIMER)
		clock_interrupt();
}

int64_t irq_wait(struct Env *e, int irq, uint32_t ms)
{
	return -E_ACCESS;
}

const char *trapname(int trapno)
{
	return "trap";
}

void cpu_wake_idle(void)
{
}

void lapic_timer(uint32_t ticks)
{
}

void lapic_ipi(uint8_t apicid, int vector)
{
}

// What it does not need here: nothing runs beside, and nobody boots it.
#define NEVER(...)	__VA_ARGS__ { panic("%s", __func__); }
NEVER(void cpu_kick(struct CpuInfo *c))
NEVER(void poweroff(int status))
NEVER(uint32_t lapic_timer_left(void))
NEVER(void sti_hlt(void))
NEVER(int64_t hypercall(uint64_t nr, uint64_t rbx, uint64_t rcx))
NEVER(uint8_t inb(uint16_t port))
NEVER(void outb(uint16_t port, uint8_t v))

// --------------------------------------------------------------

// The kernel allocates nothing that a leak detector knows of.
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

void machine_init(void)
{
	memory_init();
	env_init();
	sched_init();
	sysinfo.si_tsc_khz = 1000000;
}

void machine_reset(int processors)
{
	CHECK(!kernel_lock);
	if (sysinfo.si_free_pages != memory_before)
		cprintf("%lu pages are free, %lu were\n",
			sysinfo.si_free_pages, memory_before);
	CHECK(sysinfo.si_free_pages == memory_before);
	CHECK(sysinfo.si_nenv == 0 && sysinfo.si_nguest == 0);
	CHECK(clock_next == ~0ul);
	for (size_t i = 0; i < NPAGES; i++)
		CHECK(!active[i]);
	memset(launched, 0, sizeof(launched));
	memset(current, 0, sizeof(current));
	memset(tlb, 0, sizeof(tlb));
	memset(cpus, 0, sizeof(cpus));
	page_fail_at = 0;
	ring_count = 0;
	nprinted = 0;
	printed[0] = 0;
	now = 1 << 20;
	here = 0;
	ncpu = processors;
}
