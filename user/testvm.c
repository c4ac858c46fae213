// The calls of inc/vmabi.h: a small guest in real mode makes one exit of each
// kind, and its VMM looks at all of them, answers, and does wrong.

#include <inc/lib.h>
#include <inc/x86.h>

enum { VA = 0x20000000, RECORD = VA + PGSIZE };
enum { PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };
enum { N = 200 };			// exits that are timed

__asm__(".pushsection .rodata\n"
	".code16\n"
	"code:\n\t"
	"movb $0x42, %al\n\t"
	"outb %al, $0xe9\n\t"
	"movl $0x11223344, %eax\n\t"
	"inb $0x60, %al\n\t"
	"outl %eax, $0xe9\n\t"
	"movl $0x1234, %ecx\n\t"
	"rdmsr\n\t"
	"wrmsr\n\t"
	"movl $0x4567, %ecx\n\t"
	"wrmsr\n\t"			// not asked for: #GP, which is
	"movl $0x40000010, %eax\n\t"
	"cpuid\n\t"
	"outl %eax, $0xe9\n\t"
	"ud2:\tud2\n\t"
	"movw $0xb800, %ax\n\t"
	"movw %ax, %es\n\t"
	"movb $7, %es:2\n\t"
	"hlt\n\t"
	"movw $200, %cx\n"
	"1:\toutb %al, $0xe9\n\t"
	"decw %cx\n\t"
	"jnz 1b\n"
	"2:\tjmp 2b\n"
	"code_end:\n"
	".code64\n"
	".popsection");
extern const char code[], ud2[], code_end[];

#define x (*(volatile struct vm_exit *)RECORD)
static envid_t guest;
static int checks;

static void is(const char *what, int64_t got, int64_t want)
{
	checks++;
	if (got != want)
		panic("%s gives %lx, not %lx", what, got, want);
}

// Answers the last record, if there is one, and has the next.
static envid_t answered;

static void next(const char *what, uint32_t reason)
{
	is(what, answered = sys_vm_next(answered, VM_FOREVER), guest);
	is(what, x.vx_reason, reason);
	is(what, x.vx_guest, guest);
	x.vx_answer = VM_RESUME;
}

static void make_guest(void)
{
	is("page", sys_page_alloc(0, (void *)VA, PERM), 0);
	memcpy((void *)VA, code, code_end - code);
	guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	if (guest < 0)
		panic("no guest: %e", guest);
	is("map", sys_ept_map(0, (void *)VA, guest, (void *)GUEST_BOOT,
			      __EPTE_FULL), 0);
	is("no record's place", sys_vm_stop(guest), -E_INVAL);
	is("no record's place", sys_vm_ask(guest, VM_ASK_HLT, 0, 0), -E_INVAL);
	is("unaligned", sys_vm_record(guest, (void *)(RECORD + 8)), -E_INVAL);
	is("kernel", sys_vm_record(guest, (void *)KERNBASE), -E_INVAL);
	is("no guest", sys_vm_record(0, (void *)RECORD), -E_BAD_ENV);
	is("record", sys_vm_record(guest, (void *)RECORD), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_PORT, 0xe9, 0xe9), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_PORT, 0x60, 0x64), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_MSR, 0x1234, 0x1234), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_CPUID, 0x40000010, 0x40000010), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_EXCEPTION, T_ILLOP, T_ILLOP), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_EXCEPTION, T_GPFLT, T_GPFLT), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_MEMORY, 0, 0), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_HLT, 0, 0), 0);
	is("no such kind", sys_vm_ask(guest, 0, 0, 0), -E_INVAL);
	is("no such kind", sys_vm_ask(guest, 99, 0, 0), -E_INVAL);
	is("no such port", sys_vm_ask(guest, VM_ASK_PORT, 0, 0x10000),
	   -E_INVAL);
	is("no range", sys_vm_ask(guest, VM_ASK_PORT, 2, 1), -E_INVAL);
	is("no guest", sys_vm_ask(0, VM_ASK_PORT, 0, 1), -E_BAD_ENV);
}

// Goes past the instruction of n bytes by hand.
static void skip(int n)
{
	static struct vm_regs regs;

	regs.rip = 1;			// the page is ours to write
	is("regs", sys_vm_regs(guest, &regs, false), 0);
	is("rip", regs.rip, x.vx_rip);
	regs.rip += n;
	is("regs", sys_vm_regs(guest, &regs, true), 0);
	x.vx_answer = VM_RETRY;
}

static void each_kind(void)
{
	next("out", VM_EXIT_PORT);
	is("port", x.vx_port.port, 0xe9);
	is("write", x.vx_port.write, true);
	is("data", x.vx_port.data, 0x42);
	next("in", VM_EXIT_PORT);
	is("write", x.vx_port.write, false);
	x.vx_port.data = 0xffffff99;
	next("out", VM_EXIT_PORT);
	is("size", x.vx_port.size, 4);
	is("IN to AL keeps the rest", x.vx_port.data, 0x11223399);
	next("rdmsr", VM_EXIT_MSR);
	x.vx_msr.data = 0x5566778899aabbcc;
	next("wrmsr", VM_EXIT_MSR);
	is("write", x.vx_msr.write, true);
	is("data", x.vx_msr.data, 0x5566778899aabbcc);
	next("wrmsr", VM_EXIT_EXCEPTION);
	is("vector", x.vx_vector, T_GPFLT);
	skip(2);
	next("cpuid", VM_EXIT_CPUID);
	is("leaf", x.vx_cpuid.leaf, 0x40000010);
	is("filtered", x.vx_cpuid.eax, 0);
	x.vx_cpuid.eax = 0x1337;
	next("out", VM_EXIT_PORT);
	is("cpuid's result", x.vx_port.data, 0x1337);
	next("ud2", VM_EXIT_EXCEPTION);
	is("vector", x.vx_vector, T_ILLOP);
	skip(2);
	next("hole", VM_EXIT_MEMORY);
	is("address", x.vx_memory.gpa, 0xb8002);
	is("write", x.vx_memory.write, true);
	is("exhausted", x.vx_memory.exhausted, false);
	skip(6);
	next("hlt", VM_EXIT_HLT);
}

// Wrong answers change nothing: the right one comes last.
static void wrong_answers(void)
{
	is("no guest", sys_vm_next(thisenv->env_id, 0), -E_BAD_ENV);
	is("nobody", sys_vm_next(123456, 0), -E_BAD_ENV);
	x.vx_answer = 99;
	is("no answer", sys_vm_next(guest, 0), -E_INVAL);
	x.vx_answer = VM_FAULT;
	x.vx_vector = 32;
	is("no exception", sys_vm_next(guest, 0), -E_INVAL);
	x.vx_vector = 2;
	is("NMI", sys_vm_next(guest, 0), -E_INVAL);
	x.vx_vector = T_GPFLT;
	x.vx_error = 0x10000;
	is("no error code", sys_vm_next(guest, 0), -E_INVAL);
	x.vx_answer = VM_RESUME;
}

static void memory(void)
{
	static char buf[8];

	buf[0] = 1;
	is("read", sys_vm_memory(guest, GUEST_BOOT, buf, 8, false), 0);
	is("code", memcmp(buf, code, 8), 0);
	is("write", sys_vm_memory(guest, 0x9000, buf, 8, true), 0);
	is("the hole", sys_vm_memory(guest, 0xa0000, buf, 8, false), -E_FAULT);
	is("beyond", sys_vm_memory(guest, GUEST_MEM_SZ, buf, 1, true),
	   -E_FAULT);
	is("far beyond", sys_vm_memory(guest, -8ul, buf, 8, true), -E_FAULT);
	is("two pages", sys_vm_memory(guest, 0x8ffc, buf, 8, true), -E_INVAL);
	is("to nowhere", sys_vm_memory(guest, 0x9000, NULL, 8, false),
	   -E_FAULT);
	is("to the kernel", sys_vm_memory(guest, 0x9000, (void *)KERNBASE, 8,
					  false), -E_FAULT);
	is("huge", sys_vm_memory(guest, 0x9000, buf, -1ul, true), -E_INVAL);
	is("vector", sys_vm_interrupt(guest, 256), -E_INVAL);
	is("interrupt", sys_vm_interrupt(guest, 0x80), 0);
	is("another", sys_vm_interrupt(guest, 0x81), -E_BUSY);
}

// Buffers that begin in a page of ours, and others that do not.
static void buffers(void)
{
	const uint64_t bad[] = {
		RECORD + PGSIZE - 4, 0, ULIM - 4, 1ul << 47, KERNBASE, -4ul,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		void *p = (void *)bad[i];

		is("regs", sys_vm_regs(guest, p, false), -E_FAULT);
		is("regs", sys_vm_regs(guest, p, true), -E_FAULT);
		is("memory", sys_vm_memory(guest, 0x9000, p, 8, false),
		   -E_FAULT);
		is("memory", sys_vm_memory(guest, 0x9000, p, 8, true),
		   -E_FAULT);
		is("cputs", sys_vm_cputs(guest, p, 8), -E_FAULT);
		is("list", sys_vmx_list_vms(p, 1), -E_FAULT);
	}
}

static void timed(void)
{
	uint64_t start;

	next("first", VM_EXIT_PORT);
	start = rdtsc();
	for (int i = 1; i < N; i++)
		next("loop", VM_EXIT_PORT);
	printf("io_user=%lu\n", (rdtsc() - start) / (N - 1));
}

// It spins in the end, is stopped, goes on, and is stopped again.
static void spinning(void)
{
	is("stop of one that waits", sys_vm_stop(guest), 0);
	for (int i = 0; i < 2; i++) {
		is("spins", sys_vm_next(guest, 1000), -E_EOF);
		is("answered twice", sys_vm_next(guest, 0), -E_INVAL);
		answered = 0;
		is("stop", sys_vm_stop(guest), 0);
		next("stopped", VM_EXIT_STOPPED);
	}
}

// In real mode a fault whose frame goes to memory that is not there yet.
__asm__(".pushsection .rodata\n"
	".code16\n"
	"late:\tmovw $(2f - late + 0x7000), 4 * 13\n\t"
	"movw $0xf004, %sp\n\t"
	"movw 0xffff, %ax\n"
	"1:\tjmp 1b\n"
	"2:\tmovl $20, %eax\n\t"		// VMX_VMCALL_POWEROFF
	"movl $5, %ebx\n\t"
	"vmcall\n"
	"late_end:\n"
	".code64\n"
	".popsection");
extern const char late[], late_end[];

static void late_memory(void)
{
	envid_t g = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);

	is("code", sys_vm_memory(g, GUEST_BOOT, (void *)late,
				 late_end - late, true), 0);
	is("start", sys_env_set_status(g, ENV_RUNNABLE), 0);
	is("status", wait(g), 5);
}

// Its interrupt table has no entry, so no exception can be delivered. All are
// handed back to it: the second #GP is a double fault, and one more ends all
// (a processor need not tell of that one; Bochs does).
static void nested_faults(void)
{
	static const int vector[] = { T_ILLOP, T_GPFLT, T_GPFLT };
	static struct vm_regs regs;

	is("ask", sys_vm_ask(guest, VM_ASK_REST, 0, 0), 0);
	is("regs", sys_vm_regs(guest, &regs, false), 0);
	regs.rip = GUEST_BOOT + (ud2 - code);
	regs.idtr_limit = 0;
	is("regs", sys_vm_regs(guest, &regs, true), 0);
	for (size_t i = 0; i < ARRAY_SIZE(vector); i++) {
		next("exception", VM_EXIT_EXCEPTION);
		is("vector", x.vx_vector, vector[i]);
		x.vx_answer = VM_FAULT;
	}
	is("one more", answered = sys_vm_next(answered, VM_FOREVER), guest);
	if (x.vx_reason == VM_EXIT_EXCEPTION) {
		is("vector", x.vx_vector, T_GPFLT);
		x.vx_answer = VM_FAULT;
		next("triple fault", VM_EXIT_SHUTDOWN);
	}
	is("triple fault", x.vx_reason, VM_EXIT_SHUTDOWN);
}

// It sleeps with interrupts off, is stopped and handed an exception.
__asm__(".pushsection .rodata\n"
	".code16\n"
	"asleep:\thlt\n\t"
	"jmp asleep\n"
	"woken:\tmovl $20, %eax\n\t"	// VMX_VMCALL_POWEROFF
	"movl $6, %ebx\n\t"
	"vmcall\n"
	"woken_end:\n"
	".code64\n"
	".popsection");
extern const char asleep[], woken[], woken_end[];

static void woken_by_fault(void)
{
	envid_t g = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	uint16_t gate[] = { GUEST_BOOT + (woken - asleep), 0 };

	is("code", sys_vm_memory(g, GUEST_BOOT, (void *)asleep,
				 woken_end - asleep, true), 0);
	is("gate", sys_vm_memory(g, 4 * T_ILLOP, gate, sizeof(gate), true), 0);
	is("record", sys_vm_record(g, (void *)RECORD), 0);
	is("start", sys_env_set_status(g, ENV_RUNNABLE), 0);
	while (envs[ENVX(g)].env_wait_for != WAIT_HLT)
		sys_yield();
	is("stop", sys_vm_stop(g), 0);
	is("stopped", sys_vm_next(0, VM_FOREVER), g);
	x.vx_answer = VM_FAULT;
	x.vx_vector = T_ILLOP;
	is("fault", sys_vm_next(g, VM_FOREVER), -E_BAD_ENV);
	is("status", wait(g), 6);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	is("no guest", sys_vm_next(0, VM_FOREVER), -E_BAD_ENV);
	make_guest();
	is("start", sys_env_set_status(guest, ENV_RUNNABLE), 0);
	each_kind();
	wrong_answers();
	memory();
	buffers();
	timed();
	spinning();
	nested_faults();
	x.vx_answer = VM_END;
	is("end", sys_vm_next(guest, VM_FOREVER), -E_BAD_ENV);
	late_memory();
	woken_by_fault();
	printf("testvm: %d checks\n", checks);
}
