#include <sys/mman.h>

#include "mmio_machine.h"

uint8_t low[LOW], high[LIMIT - BASE];
struct vm_mmio mmio, last;
int accesses;

// --------------------------------------------------------------
// The guest

// RAM, when all of it is.
static uint8_t *ram(uint64_t gpa, size_t n)
{
	if (gpa < LOW)
		return n <= LOW - gpa ? low + gpa : NULL;
	return gpa >= BASE && gpa < DEVICE && n <= DEVICE - gpa ?
		high + (gpa - BASE) : NULL;
}

static bool memory(void *ctx, uint64_t gpa, void *buf, size_t n, bool write)
{
	uint8_t *p = ram(gpa, n);

	CHECK(ctx == &mmio && n > 0 && n <= 15);
	CHECK(PGOFF(gpa) + n <= PGSIZE);
	if (!p)
		return false;
	memcpy(write ? p : buf, write ? buf : p, n);
	return true;
}

static void put_entry(uint64_t gpa, uint64_t entry, size_t size)
{
	memcpy(low + gpa, &entry, size);
}

// Tables at ROOT, one page after the other.
static void make_tables(int levels, int bits, size_t size)
{
	enum { TABLE_RIGHTS = PTE_P | PTE_W | PTE_U };
	uint64_t table = ROOT;

	for (int i = levels - 1; i > 0; i--, table += PGSIZE)
		put_entry(table + ((uint64_t)BASE >> (12 + bits * i) &
				   ((1 << bits) - 1)) * size,
			  (table + PGSIZE) | (levels == 3 && i == 2 ? PTE_P :
					      TABLE_RIGHTS), size);
	for (uint64_t a = BASE; a < LIMIT; a += PGSIZE)
		put_entry(table + (a >> 12 & ((1 << bits) - 1)) * size,
			  a | PTE_P | PTE_U | (a >= DATA ? PTE_W : 0), size);
}

void make_guest(enum mode mode)
{
	struct vm_regs *r = &mmio.regs;

	memset(low, 0, sizeof(low));
	memset(high, 0, sizeof(high));
	mmio = (struct vm_mmio){ .memory = memory, .ctx = &mmio };
	accesses = 0;
	for (int i = VM_CS; i <= VM_SS; i++)
		r->seg[i] = (struct vm_segment){
			.base = mode == REAL ? BASE : 0,
			.limit = mode == REAL ? 0xffff : 0xffffffff,
			.rights = (mode == REAL ? 0 : 0xc000) |
				(i == VM_CS ? 0x9b : 0x93),
		};
	r->rflags = 2;
	r->cr3 = ROOT;
	if (mode >= PROTECTED)
		r->cr0 = CR0_PE | CR0_WP;
	if (mode >= PAGED)
		r->cr0 |= CR0_PG;
	if (mode >= PAE)
		r->cr4 = CR4_PAE;
	if (mode == PAGED)
		make_tables(2, 10, 4);
	else if (mode == PAE)
		make_tables(3, 9, 8);
	if (mode < LONG)
		return;
	make_tables(4, 9, 8);
	r->efer = EFER_LME | EFER_LMA | EFER_NXE;
	r->seg[VM_CS].rights = 0xa09b;
}

void put_code(uint64_t rip, const void *code, size_t n)
{
	mmio.regs.rip = rip;
	memcpy(high + (rip + mmio.regs.seg[VM_CS].base - BASE), code, n);
}

static void serve_device(void)
{
	uint8_t *p = high + (mmio.gpa - BASE);

	CHECK(mmio.size == 1 || mmio.size == 2 || mmio.size == 4 ||
	      mmio.size == 8);
	CHECK(mmio.gpa >= DEVICE && mmio.gpa <= (uint64_t)LIMIT - mmio.size);
	CHECK(PGOFF(mmio.gpa) + mmio.size <= PGSIZE);
	accesses++;
	last = mmio;
	if (mmio.write) {
		CHECK(mmio.size == 8 || mmio.data >> 8 * mmio.size == 0);
		memcpy(p, &mmio.data, mmio.size);
	} else {
		mmio.data = 0xa5a5a5a5a5a5a5a5;	// must not matter
		memcpy(&mmio.data, p, mmio.size);
	}
}

enum vm_mmio_result step(uint64_t gpa)
{
	enum vm_mmio_result r = vm_mmio_begin(&mmio, gpa);

	for (int i = 0; r == VM_MMIO_ACCESS; i++) {
		CHECK(i < 2);
		if (mmio.gpa < BASE || mmio.gpa >= LIMIT)
			return r;
		serve_device();
		r = vm_mmio_next(&mmio);
	}
	return r;
}

// --------------------------------------------------------------
// The processor

// A string operation is one element each, so it takes some steps.
static bool step_all(uint64_t rip)
{
	for (int i = 0; mmio.regs.rip == rip; i++) {
		enum vm_mmio_result r = VM_MMIO_OTHER;

		if (i == 100)
			return false;
		// Whatever it accesses was refused.
		vm_mmio_begin(&mmio, 0);
		for (int o = 0; r == VM_MMIO_OTHER && o < 2; o++)
			r = step(o ? mmio.insn.target.gpa[0] :
				 mmio.insn.source.gpa[0]);
		if (r != VM_MMIO_DONE)
			return false;
	}
	return true;
}

// OR, AND, XOR and TEST leave AF undefined.
static uint64_t defined_flags(uint64_t flags)
{
	enum { ARITHMETIC = 0x8d5, AF = 0x10 };
	int op = mmio.insn.op;

	return flags & (op == 1 || op == 4 || op == 6 || op == 8 ?
			ARITHMETIC & ~AF : ARITHMETIC);
}

#ifdef __x86_64__
// Executes the n bytes at mmio.regs.rip with these registers and flags and
// high as memory; sets them, but not RIP.
struct {
	uint64_t gpr[VM_NGPRS], rflags, entry, host_rsp;
} native_cpu __attribute__((used));
void native_enter(void), native_leave(void);

#define EACH(action)							\
	action("rcx", 1) action("rdx", 2) action("rbx", 3)		\
	action("rbp", 5) action("rsi", 6) action("rdi", 7)		\
	action("r8", 8) action("r9", 9) action("r10", 10)		\
	action("r11", 11) action("r12", 12) action("r13", 13)		\
	action("r14", 14) action("r15", 15) action("rax", 0)
#define CPU(n)		"native_cpu + 8 * " #n "(%rip)"
#define LOAD(reg, n)	"movq " CPU(n) ", %" reg "\n\t"
#define STORE(reg, n)	"movq %" reg ", " CPU(n) "\n\t"

__asm__(".text\n"
	"native_enter:\n\t"
	"pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14;"
	"pushq %r15\n\t"
	STORE("rsp", 18)
	"pushq " CPU(16) "; popfq\n\t"
	LOAD("rsp", 4)
	EACH(LOAD)
	"jmpq *" CPU(17) "\n"
	"native_leave:\n\t"
	STORE("rsp", 4)
	EACH(STORE)
	LOAD("rsp", 18)
	"pushfq; popq " CPU(16) "\n\t"
	"cld\n\t"
	"popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp;"
	"popq %rbx\n\t"
	"retq\n");

static bool execute_natively(size_t n)
{
	static uint8_t *world;
	struct vm_regs *r = &mmio.regs;
	uint64_t back = (uintptr_t)native_leave;
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };

	if (!world) {
		world = mmap((void *)BASE, LIMIT - BASE,
			     PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE |
			     MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		CHECK(world == (void *)BASE);
	}
	memcpy(world, high, sizeof(high));
	memcpy(world + (r->rip - BASE) + n, jump, sizeof(jump));
	memcpy(world + (r->rip - BASE) + n + sizeof(jump), &back,
	       sizeof(back));
	memcpy(native_cpu.gpr, r->gpr, sizeof(r->gpr));
	native_cpu.rflags = r->rflags;
	native_cpu.entry = r->rip;
	native_enter();
	memcpy(r->gpr, native_cpu.gpr, sizeof(r->gpr));
	r->rflags = native_cpu.rflags;
	memcpy(high + (DATA - BASE), world + (DATA - BASE), LIMIT - DATA);
	return true;
}
#else
static bool execute_natively(size_t n)
{
	(void)n;
	return false;
}
#endif

bool same_as_processor(void)
{
	static struct vm_regs before, after;
	static uint8_t memory_before[sizeof(high)], memory_after[sizeof(high)];

	before = mmio.regs;
	memcpy(memory_before, high, sizeof(high));
	if (!step_all(before.rip))
		return false;
	after = mmio.regs;
	CHECK(after.rip == before.rip + mmio.insn.length);
	// A signal may come; FS and GS are the development machine's.
	if (after.gpr[VM_RSP] != before.gpr[VM_RSP] || mmio.insn.segment >= 0)
		return false;
	memcpy(memory_after, high, sizeof(high));
	mmio.regs = before;
	memcpy(high, memory_before, sizeof(high));
	if (!execute_natively(mmio.insn.length))
		return false;
	for (int i = 0; i < VM_NGPRS; i++)
		CHECK(mmio.regs.gpr[i] == after.gpr[i]);
	CHECK(defined_flags(mmio.regs.rflags) == defined_flags(after.rflags));
	CHECK(memcmp(high, memory_after, sizeof(high)) == 0);
	return true;
}
