// Attacks from inside a guest: "KIND SEED COUNT", the text that vmm -a gives.
// Says how much it did and how often it faulted, and ends with status 0; some
// kinds may end before, in whatever way.
#include <inc/error.h>
#include <inc/memlayout.h>
#include <inc/mmu.h>
#include <inc/string.h>
#include "tiny.h"

enum {
	TABLES = 0x10000, PDPT = 0x11000, PD = 0x12000,	// start.S's
	PT = 0x14000, GDT = 0x15000, TSS = 0x15800, GATES = 0x16000,
	HIGH_PD = 0x18000,
	RING0_STACK = 0x20000, STACK = 0x40000, CODE = 0x50000,
	RING3_CODE = 0x23, RING3_DATA = 0x2b,
	TIMER_TICKS = 20000,		// that a piece of code gets
};

static uint64_t state;
static uint64_t done, faults;
static uint64_t broken;			// times that a rule was

void *memcpy(void *dst, const void *src, size_t n)
{
	void *to = dst;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(n)
			 : : "memory");
	return dst;
}

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

// Numbers at which something may change.
static uint64_t odd(void)
{
	static const uint64_t base[] = {
		0, 1, PGSIZE, 0xa0000, 0xfffff, 0x100000, GUEST_MEM_SZ,
		0x80000000, 1ul << 32, UTOP, 1ul << 47, KERNBASE, -1ul,
	};

	switch (rnd() % 4) {
	case 0:
		return rnd();
	case 1:
		return rnd() % GUEST_MEM_SZ;
	case 2:
		return 1ul << rnd() % 64;
	}
	return base[rnd() % ARRAY_SIZE(base)] + rnd() % 5 - 2;
}

static void count(int vector)
{
	done++;
	faults += vector >= 0;
}

// --------------------------------------------------------------
// Running what may do anything: a frame for IRET, and general registers in the
// order of instruction encodings without RSP.

struct frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

// The vector of the exception or interrupt that ended it.
int attempt(const uint64_t *gprs, const struct frame *f);
__asm__(".globl attempt\n"
	"attempt:\n\t"
	"pushq %rbx; pushq %rbp; pushq %r12; pushq %r13\n\t"
	"pushq %r14; pushq %r15\n\t"
	"movq %rsp, fault_rsp\n\t"
	"leaq 1f(%rip), %rax\n\t"
	"movq %rax, fault_resume\n\t"
	"pushq 32(%rsi); pushq 24(%rsi); pushq 16(%rsi)\n\t"
	"pushq 8(%rsi); pushq (%rsi)\n\t"
	"movq (%rdi), %rax; movq 8(%rdi), %rcx\n\t"
	"movq 16(%rdi), %rdx; movq 24(%rdi), %rbx\n\t"
	"movq 32(%rdi), %rbp; movq 40(%rdi), %rsi\n\t"
	"movq 56(%rdi), %r8; movq 64(%rdi), %r9\n\t"
	"movq 72(%rdi), %r10; movq 80(%rdi), %r11\n\t"
	"movq 88(%rdi), %r12; movq 96(%rdi), %r13\n\t"
	"movq 104(%rdi), %r14; movq 112(%rdi), %r15\n\t"
	"movq 48(%rdi), %rdi\n\t"
	"movb $1, trying\n\t"
	"iretq\n"
	"1:\tdecb trying\n\t"		// else we have gone astray
	"js 2f\n\t"
	"movq %rax, last_rax\n\t"
	"movl $0x18, %eax\n\t"
	"movl %eax, %ds; movl %eax, %es; movl %eax, %ss\n\t"
	"pushq $2; popfq\n\t"
	"popq %r15; popq %r14; popq %r13; popq %r12\n\t"
	"popq %rbp; popq %rbx\n\t"
	"movl fault_vector, %eax\n\t"
	"ret\n"
	"2:\tmovl $20, %eax\n\t"	// VMX_VMCALL_POWEROFF
	"movl $9, %ebx\n\t"
	"vmcall\n"
	".p2align 4\n"
	"gates:\n"
	".set vector, 0\n"
	".rept 256\n\t"
	".p2align 4\n\t"
	"pushq $vector\n\t"
	"jmp fault\n\t"
	".set vector, vector + 1\n"
	".endr");
extern char gates[];
int64_t last_rax;			// as it was then
int8_t trying;				// no such end so far

static const uint64_t descriptors[] = {
	0, 0x00cf9a000000ffff, 0x00af9a000000ffff, 0x00cf92000000ffff,
	0x00affa000000ffff, 0x00cff2000000ffff,
	(uint64_t)TSS << 16 | 0x890000000067, 0,
};

static void load_tables(void)
{
	lgdt((void *)GDT, sizeof(descriptors) - 1);
	lidt((void *)GATES, PGSIZE - 1);
}

// Memory and nothing else is mapped, so that what goes astray faults and the
// guest goes on; ring 3 may use it all.
static void map_memory(void)
{
	uint64_t *pt = (void *)PT, *pd = (void *)PD;

	*(uint64_t *)TABLES |= PTE_U;
	*(uint64_t *)PDPT |= PTE_U;
	for (uint64_t i = 0; i < 512; i++) {
		bool hole = i < PGNUM(BOOT_CMDLINE) ||
			(i >= PGNUM(IOPHYSMEM) && i < PGNUM(EXTPHYSMEM));

		pt[i] = hole ? 0 : i << PGSHIFT | PTE_P | PTE_W | PTE_U;
		pd[i] = i < GUEST_MEM_SZ / PTSIZE ? pd[i] | PTE_U : 0;
	}
	pd[0] = PT | PTE_P | PTE_W | PTE_U;
	lcr3(TABLES);
}

// Where exceptions and interrupts go (IST 1), but for the double fault.
static void set_stack(uintptr_t top)
{
	memcpy((void *)(TSS + 36), &top, sizeof(top));
}

// Gates for all 256 vectors, a stack for them.
static void set_up(void)
{
	const uint64_t double_fault_stack = RING0_STACK;
	uint64_t *gate = (void *)GATES;

	memcpy((void *)GDT, descriptors, sizeof(descriptors));
	set_stack(RING0_STACK);
	memcpy((void *)(TSS + 44), &double_fault_stack, 8);
	for (int i = 0; i < 256; i++) {
		uintptr_t pc = (uintptr_t)gates + 16 * i;
		uint64_t ist = i == T_DBLFLT ? 2 : 1;

		gate[2 * i] = pc | 0x10 << 16 | (0x8e00 | ist) << 32;
		gate[2 * i + 1] = 0;
	}
	*(uint16_t *)(TSS + 102) = 0x68;	// no map: no ports for ring 3
	load_tables();
	ltr(0x30);
	// After a reset the LDT is the first 64 KiB: loading a segment from
	// there marks it as accessed, wherever a byte looks like a descriptor.
	lldt(0);
	map_memory();
}

static void random_gprs(uint64_t *gprs)
{
	for (int i = 0; i < 15; i++)
		gprs[i] = odd();
}

// Code at pc in ring 0 or 3 with these registers; a timer ends it if it has
// interrupts on and nothing else does.
static int run(const uint64_t *gprs, uintptr_t pc, bool user, uint64_t flags)
{
	struct frame f = {
		pc, user ? RING3_CODE : 0x10, flags, STACK,
		user ? RING3_DATA : 0x18,
	};
	int vector;

	hypercall(VMX_VMCALL_TIMER, rdtsc() + TIMER_TICKS, 0);
	vector = attempt(gprs, &f);
	hypercall(VMX_VMCALL_TIMER, 0, 0);
	count(vector);
	return vector;
}

// Bytes of code that end in UD2.
static uintptr_t place(uintptr_t at, const char *code, size_t n)
{
	memcpy((void *)at, code, n);
	memcpy((char *)at + n, "\x0f\x0b", 2);
	return at;
}

// --------------------------------------------------------------
// Ports: 0xf4 ends the guest, and so do some values for 0x60 and 0x64.

static void port(uint16_t p, int width, bool write)
{
	uint32_t v = p - 0x3f8u < 8 || p == 0xe9 ? 0x2e2e2e2e : rnd();

	if (write && ((p >= 0xf1 && p <= 0xf4) || (p >= 0x5d && p <= 0x64)))
		return;
	if (width == 0)
		write ? outb(p, v) : (void)inb(p);
	else if (width == 1)
		write ? outw(p, v) : (void)inw(p);
	else
		write ? outl(p, v) : (void)inl(p);
	done++;
}

static void ports(uint64_t n)
{
	for (uint32_t i = 0; n == 0 && i < 65536 * 6; i++)
		port(i / 6, i % 3, i / 3 % 2);
	for (uint64_t i = 0; i < n; i++)
		port(rnd() % 4 ? rnd() % 0x400 : rnd(), rnd() % 3, rnd() % 2);
}

// --------------------------------------------------------------

static void msr(uint32_t index, uint64_t value)
{
	count(FAULT_OF("movl %0, %%ecx; rdmsr", "r"(index)));
	if (index == MSR_EFER)
		value |= EFER_LME;
	count(FAULT_OF("movl %0, %%ecx; movl %1, %%eax; movl %2, %%edx; wrmsr",
		       "r"(index), "r"((uint32_t)value),
		       "r"((uint32_t)(value >> 32))));
}

static void msrs(uint64_t n)
{
	static const uint32_t ranges[][2] = {
		{ 0, 0x3ff }, { 0x400, 0x600 }, { 0x6e0, 0x6e0 },
		{ 0x800, 0x8ff }, { 0xc80, 0xd93 }, { 0x17d0, 0x17d2 },
		{ 0x40000000, 0x40000120 }, { 0x4b564d00, 0x4b564d08 },
		{ 0xc0000080, 0xc0000104 }, { 0xc0010000, 0xc0010140 },
	};
	uint64_t efer = rdmsr(MSR_EFER), pat = rdmsr(0x277);

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		for (uint32_t m = ranges[i][0]; m <= ranges[i][1]; m++)
			msr(m, odd());
	for (uint64_t i = 0; i < n; i++)
		msr(rnd(), odd());
	wrmsr(MSR_EFER, efer);
	wrmsr(0x277, pat);
}

// --------------------------------------------------------------
// Control and debug registers, descriptor tables: illegal and random values.

#define REGISTER(name, v)						\
	count(FAULT_OF("movq %0, %%" name, "r"(v)))

static void cr(uint64_t v)
{
	uint64_t cr0 = rcr0(), cr4 = rcr4();

	switch (rnd() % 5) {
	case 0:
		REGISTER("cr0", v);
		break;
	case 1:
		REGISTER("cr0", cr0 ^ 1ul << rnd() % 64);
		break;
	case 2:
		// Pages that ring 3 may use are not code for ring 0 then.
		REGISTER("cr4", v & ~CR4_SMEP & ~CR4_SMAP);
		break;
	case 3:
		REGISTER("cr4", (cr4 ^ 1ul << rnd() % 64) & ~CR4_SMEP &
			 ~CR4_SMAP);
		break;
	case 4:
		REGISTER("cr8", v);
	}
	lcr0(cr0);
	lcr4(cr4);
}

static void dr(uint64_t v)
{
	switch (rnd() % 6) {
	case 0: REGISTER("dr0", v); break;
	case 1: REGISTER("dr1", v); break;
	case 2: REGISTER("dr2", v); break;
	case 3: REGISTER("dr3", v); break;
	case 4: REGISTER("dr6", v); break;
	case 5: REGISTER("dr7", v); break;
	}
	count(FAULT_OF("movq %%cr2, %%rax; xorl %%eax, %%eax;"
		       "movq %%rax, %%dr7"));
}

static void descriptor_table(uint64_t v)
{
	struct descriptor_ptr p = { v >> 48, v };

	if (rnd() % 2)
		count(FAULT_OF("lgdt %0", "m"(p)));
	else if (v >> 47 == 0 || v >> 47 == 0x1ffff)
		lidt((void *)v, v >> 7);	// nothing faults now
	load_tables();
}

static void xcr(uint64_t v)
{
	count(FAULT_OF("movl %0, %%ecx; movq %1, %%rax; movq %%rax, %%rdx;"
		       "shrq $32, %%rdx; xsetbv",
		       "r"((uint32_t)rnd() % 3), "r"(v)));
}

static void crs(uint64_t n)
{
	static void (*const kinds[])(uint64_t) = {
		cr, dr, descriptor_table, xcr,
	};

	for (uint64_t i = 0; i < n; i++)
		kinds[rnd() % ARRAY_SIZE(kinds)](odd());
}

// --------------------------------------------------------------

// What ring 3 gets of a call that is not for it.
static bool refused(uint64_t nr)
{
	bool known = (nr >= VMX_VMCALL_MBMAP && nr <= VMX_VMCALL_CPUNUM) ||
		(nr >= VMX_VMCALL_CONS_WRITE && nr <= VMX_VMCALL_POWEROFF);

	return last_rax == (known ? -E_ACCESS : -E_NO_SYS);
}

static bool for_ring3(uint64_t nr)
{
	return nr == VMX_VMCALL_IPCSEND || nr == VMX_VMCALL_IPCRECV ||
		nr == VMX_VMCALL_GETDISKIMGNUM;
}

static void calls(uint64_t n)
{
	uintptr_t pc = place(CODE, "\x0f\x01\xc1", 3);
	uint64_t gprs[15];

	for (uint64_t i = 0; i < n; i++) {
		bool user = rnd() % 2;

		random_gprs(gprs);
		gprs[0] = rnd() % 8 ? rnd() % 24 : odd();
		// These end it, wait, take the console away, or fill it.
		if (gprs[0] == VMX_VMCALL_IPCRECV)
			gprs[3] = gprs[3] % UTOP | 1;
		if (!user && (gprs[0] == VMX_VMCALL_BACKTOHOST ||
			      gprs[0] == VMX_VMCALL_POWEROFF))
			gprs[0] = VMX_VMCALL_GUEST_YIELD;
		if (gprs[0] == VMX_VMCALL_CONS_WRITE)
			gprs[1] = gprs[1] % 2 ? gprs[1] | PGSIZE : 0;
		if (run(gprs, pc, user, rnd() % 2 ? FL_IF : 0) == T_ILLOP &&
		    user && !for_ring3(gprs[0]) && !refused(gprs[0]))
			broken++;
	}
}

// --------------------------------------------------------------
// Exceptions: of all kinds, by single steps, and while one is delivered.

// Its vector.
static int fault_once(uint64_t *gprs)
{
	static const struct { char code[12]; uint8_t n; } codes[] = {
		{ "\x0f\x0b", 2 }, { "\xcc", 1 }, { "\xf1", 1 },
		{ "\x90\x90\x90\x90", 4 },
		{ "\x48\x8b\x00", 3 },		// movq (%rax), %rax
		{ "\x48\xf7\xf1", 3 },		// divq %rcx
		{ "\xcd\x80", 2 }, { "\xcd\x0d", 2 },
		{ "\x48\x89\xc4\x50", 4 },	// movq %rax, %rsp; pushq
		{ "\x8e\xd8", 2 },		// movl %eax, %ds
		{ "\x8e\xd0\xf1", 3 },		// movl %eax, %ss; int1
		{ "\xf4", 1 }, { "\xcf", 1 }, { "\xfb\x0f\x0b", 3 },
	};
	int i = rnd() % ARRAY_SIZE(codes);
	uint64_t flags = (rnd() % 2 ? FL_TF : 0) | (rnd() % 2 ? FL_AC : 0);
	bool user = rnd() % 2;

	// Exceptions on a stack that does not exist are the last ones.
	if (codes[i].code[0] == '\x48' && codes[i].code[1] == '\x89')
		gprs[0] = 0x800000 + rnd() % 0x700000;
	return run(gprs, place(CODE, codes[i].code, codes[i].n), user,
		   flags | FL_IF);
}

static void faults_kind(uint64_t n)
{
	uint64_t gprs[15];

	lcr0(rcr0() | CR0_AM);
	for (uint64_t i = 0; i < n; i++) {
		random_gprs(gprs);
		// A stack for the handler on a page that is not there yet.
		set_stack(0x200000 + rnd() % 0x600000);
		fault_once(gprs);
	}
	set_stack(RING0_STACK);
}

// --------------------------------------------------------------

// An exception whose frame goes to a page that is not mapped, or not
// altogether, or whose gate is missing, is a double fault.
static void delivery(uint64_t n)
{
	const uintptr_t nowhere = GUEST_MEM_SZ;
	uint64_t gprs[15];

	for (uint64_t i = 0; i < n; i++) {
		uintptr_t top = nowhere + (1 + rnd() % 4) * 16 +
			rnd() % 2 * PTSIZE;

		random_gprs(gprs);
		set_stack(top);
		if (rnd() % 4 == 0)
			lidt((void *)GATES, 16 * (T_DBLFLT + 1) - 1);
		if (fault_once(gprs) != T_DBLFLT)
			broken++;
		load_tables();
	}
	set_stack(RING0_STACK);
}

// Interrupts, one behind the other, and all vectors by instruction.
static void irqs(uint64_t n)
{
	static const char loop[] = "\xfb\x90\xeb\xfd";
	char code[] = "\xcd\x00";
	uint64_t gprs[15];

	for (uint64_t i = 0; i < n; i++) {
		struct frame f = {
			place(CODE, loop, 4), 0x10, FL_IF, STACK, 0x18,
		};

		random_gprs(gprs);
		hypercall(VMX_VMCALL_TIMER, rdtsc() + rnd() % 300, 0);
		if (attempt(gprs, &f) < IRQ_OFFSET)
			broken++;
		count(IRQ_OFFSET);
		code[1] = i;
		if (run(gprs, place(CODE, code, 2), false, 0) != (uint8_t)i)
			broken++;
	}
}

// --------------------------------------------------------------

// Not INS and OUTS, which end a guest of this VMM.
static void random_code(uint8_t *code, int n)
{
	for (int k = 0; k < n; k++) {
		code[k] = rnd() >> 20;
		if (code[k] >> 2 == 0x6c >> 2)
			code[k] ^= 0x80;
	}
}

static void insns(uint64_t n)
{
	uint64_t gprs[15];

	for (uint64_t i = 0; i < n; i++) {
		random_code((uint8_t *)CODE, 128);
		random_gprs(gprs);
		run(gprs, CODE + rnd() % 64, rnd() % 32, FL_IF);
	}
}

// --------------------------------------------------------------
// Page tables: entry 0 of each stays, for this code; the others point at
// tables, at each other, at themselves, at the hole, beyond memory.

static uint64_t entry(bool wild)
{
	uint64_t pa = 0x80000 + rnd() % 8 * PGSIZE;

	if (wild)
		pa = odd() & ~0xffful & 0xffffffffff000;
	return pa | (rnd() & 0xfff) | PTE_P;
}

static void tables(uint64_t n)
{
	bool wild = state & 1;
	uint64_t *t = (void *)0x80000;

	for (uint64_t i = 0; i < n; i++) {
		for (int k = 0; k < 64; k++)
			t[rnd() % (8 * 512)] = entry(wild && i == n - 1);
		((uint64_t *)TABLES)[1 + rnd() % 511] = entry(false);
		lcr3(TABLES);
		for (int k = 0; k < 16; k++) {
			uint64_t va = rnd() & 0x7fffffffffff;

			if (va >> 39 == 0)
				continue;
			count(FAULT_OF("movq (%0), %%rax", "r"(va)));
		}
		// The whole top table is a random one, but for us.
		t[0] = *(uint64_t *)TABLES;
		lcr3(0x80000);
		count(FAULT_OF("movq (%0), %%rax",
			       "r"(rnd() & 0x7fffffffffff)));
		lcr3(TABLES);
	}
}

// --------------------------------------------------------------
// Messages to the file server: random requests, pages and permissions.
// What is received follows something that was sent.

static void ipc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t *page = (void *)(0x100000 + rnd() % 16 * PGSIZE);
		uint64_t gpa = rnd() % 4 ? (uintptr_t)page : odd();
		uint64_t perm = rnd() % 4 ? PTE_P | PTE_U | PTE_W : rnd();
		int64_t r;

		for (int k = 0; k < 512; k += 1 + rnd() % 64)
			page[k] = rnd() % 2 ? odd() : '/';
		*(volatile uint64_t *)(0x90000) = gpa;
		__asm__ volatile("vmcall" : "=a"(r)
				 : "a"(VMX_VMCALL_IPCSEND),
				   "b"(VMX_HOST_FS_ENV),
				   "c"(rnd() % 4 ? rnd() % 12 : rnd()),
				   "d"(gpa), "S"(perm) : "memory");
		count(r < 0 ? 0 : -1);
		if (r == 0 && rnd() % 4)
			hypercall(VMX_VMCALL_IPCRECV, rnd() % 4 ?
				  (uintptr_t)page + 0x100000 : odd() | ~UTOP,
				  0);
	}
}

// --------------------------------------------------------------
// Code that changes itself, across pages, and at memory's end. An exit in it
// is one at its last byte.

static void change_code(const uintptr_t *edges, size_t nedges, uint64_t n)
{
	static const uint8_t becomes[] = {	// NOP, PUSH, POP, CLI, ...
		0x90, 0x50, 0x5b, 0xfa, 0xfb, 0xf4, 0xcc, 0xf1, 0x66, 0x48,
		0xfe, 0xff,			// DEC (%rdi)
	};
	uint64_t gprs[15];

	for (uint64_t i = 0; i < n; i++) {
		uintptr_t at = edges[rnd() % nedges] - rnd() % 8;

		// movb %al, 3+n(%rip); that byte becomes a part of it
		place(at - 4, "\x88\x05\x01\x00\x00\x00\x90\x90\x0f\xa2", 10);
		random_gprs(gprs);
		gprs[0] = becomes[rnd() % sizeof(becomes)];
		gprs[6] = CODE;
		run(gprs, at - 4, rnd() % 2, FL_IF);
	}
}

static void smc(uint64_t n)
{
	static const uintptr_t edges[] = {
		0x60000 + PGSIZE, 0x9fff8, 0x100000 + PGSIZE, 0x200000,
		GUEST_MEM_SZ - 8,
	};
	bool wild = state & 1;
	uint64_t gprs[15];

	change_code(edges, ARRAY_SIZE(edges), n);
	if (!wild)
		return;
	random_gprs(gprs);	// the last byte, and what is behind
	((uint64_t *)PD)[GUEST_MEM_SZ / PTSIZE] = GUEST_MEM_SZ |
		PTE_P | PTE_W | PTE_PS;
	*(uint8_t *)(GUEST_MEM_SZ - 1) = 0x0f;
	run(gprs, GUEST_MEM_SZ - 1, false, 0);
}

// Around 4 GiB, and the end, of a guest with 16 MiB more than that.
static void high(uint64_t n)
{
	static const uintptr_t edges[] = {
		(1ul << 32) - PGSIZE, 1ul << 32, (1ul << 32) + PGSIZE,
		(1ul << 32) + GUEST_MEM_SZ - 8,
	};
	const uint64_t flags = PTE_P | PTE_W | PTE_U;

	((uint64_t *)PDPT)[3] = HIGH_PD | flags;
	((uint64_t *)PDPT)[4] = (HIGH_PD + PGSIZE) | flags;
	for (uint64_t i = 0; i < 512; i++) {
		((uint64_t *)HIGH_PD)[i] = (3ul << 30) + i * PTSIZE + PTE_PS +
			flags;
		if (i < GUEST_MEM_SZ / PTSIZE)
			((uint64_t *)HIGH_PD)[512 + i] = (4ul << 30) +
				i * PTSIZE + PTE_PS + flags;
	}
	lcr3(TABLES);
	change_code(edges, ARRAY_SIZE(edges), n);
}

// --------------------------------------------------------------

static const struct {
	const char *name;
	void (*attack)(uint64_t n);
} kinds[] = {
	{ "ports", ports }, { "msrs", msrs }, { "crs", crs },
	{ "calls", calls }, { "faults", faults_kind }, { "insns", insns },
	{ "tables", tables }, { "ipc", ipc }, { "smc", smc }, { "high", high },
	{ "delivery", delivery }, { "irqs", irqs },
};

// The next word of the text, 0-terminated in place.
static char *word(char **text)
{
	char *start = *text;

	while (**text && **text != ' ')
		(*text)++;
	if (**text)
		*(*text)++ = 0;
	return start;
}

static uint64_t number(const char *s)
{
	uint64_t n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + *s++ - '0';
	return n;
}

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void decimal(uint64_t n)
{
	char digit = '0' + n % 10;

	if (n >= 10)
		decimal(n / 10);
	print(&digit, 1);
}

static void summary(const char *kind, uint64_t seed)
{
	puts("\nfuzz ");
	puts(kind);
	puts(" seed=");
	decimal(seed);
	puts(": ");
	decimal(done);
	puts(" done, ");
	decimal(faults);
	puts(" faults\n");
}

int main(void)
{
	char *text = (char *)BOOT_CMDLINE, *kind = word(&text);
	uint64_t seed = number(word(&text)), n = number(word(&text));

	state = seed * 2654435761 + 88172645463325252;
	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (equal(kind, kinds[i].name)) {
			kinds[i].attack(n);
			summary(kind, seed);
			if (broken)
				say("rules broken: ", broken);
			return broken > 0;
		}
	puts("no such kind\n");
	return 1;
}
