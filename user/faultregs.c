// All registers and flags are the same after a page fault as before it.
#include <inc/lib.h>

#define BADVA	0x40000000ul

struct regs {
	struct PushRegs gpr;
	uint64_t rflags, rsp;
};

static struct regs before, during, after;
static uint8_t xmm_before[256], xmm_after[256];

static void handler(struct UTrapframe *utf)
{
	int r;

	if (utf->utf_fault_va != BADVA)
		panic("fault at %lx, not at %lx", utf->utf_fault_va, BADVA);
	during.gpr = utf->utf_regs;
	during.rflags = utf->utf_eflags & ~FL_RF;
	during.rsp = utf->utf_rsp;
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm9, %%xmm9"
			 ::: "xmm0", "xmm9");
	r = sys_page_alloc(0, (void *)BADVA, PTE_P | PTE_U | PTE_W);
	if (r < 0)
		panic("sys_page_alloc: %e", r);
}

static void check(const char *name, uint64_t a, uint64_t b)
{
	if (a != b)
		panic("%s was %lx, is %lx", name, a, b);
}

static void compare(const char *what, const struct regs *a,
		    const struct regs *b)
{
	const uint64_t *p = (const uint64_t *)a, *q = (const uint64_t *)b;

	for (size_t i = 0; i < sizeof(*a) / 8; i++)
		check(what, p[i], q[i]);
}

// Stores registers into *p (an "i" operand: rax is the only one it needs,
// and rax must be saved first).
#define STORE(p)							\
	"push %%rax; movabs $" p ", %%rax;"				\
	"mov %%r15, 0(%%rax); mov %%r14, 8(%%rax);"			\
	"mov %%r13, 16(%%rax); mov %%r12, 24(%%rax);"			\
	"mov %%r11, 32(%%rax); mov %%r10, 40(%%rax);"			\
	"mov %%r9, 48(%%rax); mov %%r8, 56(%%rax);"			\
	"mov %%rdi, 64(%%rax); mov %%rsi, 72(%%rax);"			\
	"mov %%rbp, 80(%%rax); mov %%rbx, 88(%%rax);"			\
	"mov %%rdx, 96(%%rax); mov %%rcx, 104(%%rax);"			\
	"pop 112(%%rax); mov %%rsp, 128(%%rax);"			\
	"push 112(%%rax); pushf; pop 120(%%rax); pop %%rax;"

// rax holds the address that faults.
static void fault_once(void)
{
	__asm__ volatile(
		"push %%rbp; push %%rbx;"
		"mov $0x1515, %%r15; mov $0x1414, %%r14;"
		"mov $0x1313, %%r13; mov $0x1212, %%r12;"
		"mov $0x1111, %%r11; mov $0x1010, %%r10;"
		"mov $0x9090, %%r9; mov $0x8080, %%r8;"
		"mov $0x7070, %%rdi; mov $0x6060, %%rsi;"
		"mov $0x5050, %%rbp; mov $0x4040, %%rbx;"
		"mov $0x3030, %%rdx; mov $0x2020, %%rcx;"
		"mov %[bad], %%eax; stc;"
		STORE("before")
		"movdqu xmm_before, %%xmm0; movdqu xmm_before+16, %%xmm9;"
		"movl $0, (%%rax);"
		STORE("after")
		"movdqu %%xmm0, xmm_after; movdqu %%xmm9, xmm_after+16;"
		"pop %%rbx; pop %%rbp"
		: : [bad] "i"(BADVA)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
		  "r12", "r13", "r14", "r15", "xmm0", "xmm9", "memory", "cc");
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	set_pgfault_handler(handler);
	for (int i = 0; i < 32; i++)
		xmm_before[i] = i + 1;
	fault_once();
	before.rflags &= ~FL_RF;
	after.rflags &= ~FL_RF;
	compare("in the handler, a register", &before, &during);
	compare("after the fault, a register", &before, &after);
	if (memcmp(xmm_before, xmm_after, 32) != 0)
		panic("SSE registers changed");
	cprintf("faultregs: registers are the same after a fault\n");
}
