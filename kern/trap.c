// Traps: exceptions, interrupts and system calls.

#include <inc/assert.h>
#include <inc/error.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <kern/console.h>
#include <kern/env.h>
#include <kern/monitor.h>
#include <kern/trap.h>

// Gate of the IDT (SDM volume 3, "64-Bit Mode IDT").
struct gate {
	uint16_t off_lo, sel;
	uint8_t ist, type;
	uint16_t off_mid;
	uint32_t off_hi, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM");
enum { GATE_INTERRUPT = 0x8e, GATE_USER = 0xee };

static struct gate idt[256];
const struct descriptor_ptr idt_ptr = { sizeof(idt) - 1, (uintptr_t)idt };

const char *trapname(int trapno)
{
	static const char *const names[] = {
		"Divide error", "Debug", "Non-Maskable Interrupt",
		"Breakpoint", "Overflow", "BOUND Range Exceeded",
		"Invalid Opcode", "Device Not Available", "Double Fault",
		"Coprocessor Segment Overrun", "Invalid TSS",
		"Segment Not Present", "Stack Fault", "General Protection",
		"Page Fault", "(unknown trap)", "x87 FPU Floating-Point Error",
		"Alignment Check", "Machine-Check", "SIMD Floating-Point",
	};

	if (trapno < (int)ARRAY_SIZE(names))
		return names[trapno];
	if (trapno == T_SYSCALL)
		return "System call";
	if (trapno >= IRQ_OFFSET && trapno < IRQ_OFFSET + 32)
		return "Hardware Interrupt";
	return "(unknown trap)";
}

void print_trapframe(const struct Trapframe *tf)
{
	const struct PushRegs *r = &tf->tf_regs;

	cprintf("TRAP frame at %p from CPU %d\n", tf, cpunum());
	cprintf("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n",
		r->reg_rax, r->reg_rbx, r->reg_rcx, r->reg_rdx);
	cprintf("  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n",
		r->reg_rsi, r->reg_rdi, r->reg_rbp, tf->tf_rsp);
	cprintf("  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n",
		r->reg_r8, r->reg_r9, r->reg_r10, r->reg_r11);
	cprintf("  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n",
		r->reg_r12, r->reg_r13, r->reg_r14, r->reg_r15);
	cprintf("  rip %016lx  cs %04lx  ss %04lx  rflags %08lx\n",
		tf->tf_rip, tf->tf_cs, tf->tf_ss, tf->tf_eflags);
	cprintf("  trap %ld %s  err 0x%lx", tf->tf_trapno,
		trapname(tf->tf_trapno), tf->tf_err);
	if (tf->tf_trapno == T_PGFLT)
		cprintf("  [%s, %s, %s] cr2 %016lx",
			tf->tf_err & FEC_U ? "user" : "kernel",
			tf->tf_err & FEC_WR ? "write" : "read",
			tf->tf_err & FEC_PR ? "protection" : "not-present",
			rcr2());
	cprintf("\n");
}

void trap_init(void)
{
	extern char vectors[];

	for (int i = 0; i < 256; i++) {
		uintptr_t off = (uintptr_t)vectors + 16 * i;

		idt[i] = (struct gate){
			.off_lo = off, .off_mid = off >> 16,
			.off_hi = off >> 32, .sel = GD_KT,
			.type = GATE_INTERRUPT,
		};
	}
	idt[T_BRKPT].type = idt[T_SYSCALL].type = GATE_USER;
	idt[T_NMI].ist = IST_NMI;
	idt[T_DBLFLT].ist = IST_DBLFLT;
	idt[T_MCHK].ist = IST_MCHK;
}

// --------------------------------------------------------------
// Interrupts

static uint32_t irq_pending;		// came while nobody waited
static struct EnvQueue irq_waiters = {
	NULL, &irq_waiters.tqh_first
};

static void irq_timeout(struct timer *t)
{
	env_wake((void *)t - offsetof(struct Env, env_timer), -E_EOF);
}

int64_t irq_wait(struct Env *e, int irq, uint32_t ms)
{
	if (e->env_type != ENV_TYPE_FS)
		return -E_ACCESS;
	if (irq != IRQ_IDE)
		return -E_INVAL;
	if (irq_pending & 1 << irq) {
		irq_pending &= ~(1 << irq);
		return 0;
	}
	env_block(e, WAIT_IRQ, &irq_waiters);
	e->env_timer.tm_fired = irq_timeout;
	timer_arm(&e->env_timer, rdtsc() + ms2tsc(ms));
	return 0;
}

static void irq_disk(void)
{
	if (TAILQ_EMPTY(&irq_waiters))
		irq_pending |= 1 << IRQ_IDE;
	else
		env_wake(TAILQ_FIRST(&irq_waiters), 0);
}

void irq_dispatch(int vector)
{
	int irq = vector - IRQ_OFFSET;
	bool host = sysinfo.si_role == ROLE_HOST;

	if (host && irq == IRQ_LAPIC_SPURIOUS)
		return;
	if (host && (irq == IRQ_TIMER || irq > 15))
		lapic_eoi();
	else if (host && irq == IRQ_SPURIOUS2)
		pic_eoi(IRQ_CASCADE);
	else if (host && irq != IRQ_SPURIOUS)
		pic_eoi(irq);
	switch (irq) {
	case IRQ_TIMER:
		clock_interrupt();
		break;
	case IRQ_KBD:
	case IRQ_SERIAL:
		cons_intr();
		break;
	case IRQ_IDE:
		irq_disk();
		break;
	case IRQ_KICK:
	case IRQ_SPURIOUS:
	case IRQ_SPURIOUS2:
		break;
	default:
		cprintf("interrupt %d on CPU %d ignored\n", irq, cpunum());
	}
}

// --------------------------------------------------------------
// Exceptions

static void fault_ends(struct Trapframe *tf)
{
	struct Env *e = curenv;

	cprintf("[%08x] user fault: %s, ip %08lx err 0x%lx\n", e->env_id,
		trapname(tf->tf_trapno), tf->tf_rip, tf->tf_err);
	print_trapframe(tf);
	env_destroy(e, EXIT_KILLED);
}

// The page-fault upcall: the trap-time state goes onto the exception stack,
// below what is there when the handler itself has faulted (a spare word lets
// it return without a second stack), and the handler runs.
static void page_fault_handler(struct Trapframe *tf)
{
	struct Env *e = curenv;
	uintptr_t va = rcr2(), top = UXSTACKTOP;
	struct UTrapframe *utf;

	if (tf->tf_rsp >= UXSTACKTOP - PGSIZE && tf->tf_rsp < UXSTACKTOP)
		top = tf->tf_rsp - sizeof(uint64_t);
	utf = (void *)top - sizeof(*utf);
	if (!e->env_pgfault_upcall || (uintptr_t)utf < UXSTACKTOP - PGSIZE ||
	    user_mem_check(e, utf, sizeof(*utf), PTE_W) < 0) {
		cprintf("[%08x] user fault va %08lx ip %08lx\n", e->env_id,
			va, tf->tf_rip);
		print_trapframe(tf);
		env_destroy(e, EXIT_KILLED);
		return;
	}
	*utf = (struct UTrapframe){
		.utf_fault_va = va, .utf_err = tf->tf_err,
		.utf_regs = tf->tf_regs, .utf_rip = tf->tf_rip,
		.utf_eflags = tf->tf_eflags, .utf_rsp = tf->tf_rsp,
	};
	tf->tf_rip = e->env_pgfault_upcall;
	tf->tf_rsp = (uintptr_t)utf;
}

static bool is_irq(int trapno)
{
	// The system call's vector lies among them.
	return trapno >= IRQ_OFFSET && trapno < IRQ_OFFSET + 32 &&
		trapno != T_SYSCALL;
}

static __attribute__((noinline)) void
trap_from_user(struct CpuInfo *c, struct Trapframe *tf)
{
	int trapno = tf->tf_trapno;

	if (is_irq(trapno)) {
		irq_dispatch(trapno);
		if (trapno == IRQ_OFFSET + IRQ_TIMER &&
		    rdtsc() >= c->cpu_slice_end)
			sched_yield();
	} else if (trapno == T_PGFLT) {
		page_fault_handler(tf);
	} else if (trapno == T_BRKPT) {
		monitor(tf);
	} else if (!(trapno == T_DEBUG && monitor_step(tf))) {
		fault_ends(tf);
	}
}

// In the kernel interrupts are off, but in the idle loop. What has a stack of
// its own (IST) comes here from users too.
static __attribute__((noinline)) void trap_from_kernel(struct Trapframe *tf)
{
	int vector = tf->tf_trapno;

	if (vector == T_NMI) {
		// Else who is interrupted may be writing to the console.
		if (tf->tf_eflags & FL_IF)
			cprintf("NMI on CPU %d\n", cpunum());
		return;
	}
	if (is_irq(vector) && (tf->tf_eflags & FL_IF)) {
		lock_kernel(thiscpu);
		irq_dispatch(vector);
		unlock_kernel(thiscpu);
		return;
	}
	if (vector == T_BRKPT) {
		monitor(tf);
		return;
	}
	cons_break_lock();	// whoever holds it does not come back
	print_trapframe(tf);
	panic("%s in the kernel at %p", trapname(vector), (void *)tf->tf_rip);
}

void trap(struct Trapframe *tf)
{
	struct CpuInfo *c = thiscpu;
	struct Env *e = c->cpu_env;

	if (!(tf->tf_cs & 3) || tf != &e->env_tf) {
		trap_from_kernel(tf);
		return;
	}
	lock_kernel(c);
	// Its memory may have changed while we waited for the lock.
	if (c->cpu_flush_tlb) {
		c->cpu_flush_tlb = false;
		lcr3(e->env_cr3);
	}
	if (e->env_status == ENV_DYING) {
		// What was interrupted goes, the interrupt is taken: else the
		// APIC would give this processor no more of them.
		if (is_irq(tf->tf_trapno))
			irq_dispatch(tf->tf_trapno);
		env_reap_dying();
	} else if (tf->tf_trapno == T_SYSCALL) {
		syscall_dispatch(e);
	} else {
		trap_from_user(c, tf);
	}
	if (c->cpu_env == e && e->env_status == ENV_RUNNING)
		env_return(c, e);
	sched_yield();
}
