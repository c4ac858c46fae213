// Exits on their way to the VMM and back. A guest whose exit its VMM asked
// for waits, its record in its Vcpu, in the VMM's queue env_events; the VMM
// takes the first by sys_vm_next, and answers it with the next such call. One
// that waits while the other goes on hands the processor over to that, in the
// same slice, so that the two together have no more of it than others.

#include <inc/error.h>
#include <inc/string.h>
#include <inc/syscall.h>
#include <kern/env.h>
#include <kern/tty.h>
#include <vmm/ept.h>
#include <vmm/vmabi.h>

static struct Env *vm_owner(const struct Env *e)
{
	return &envs[ENVX(e->env_parent_id)];
}

bool vm_find_ask(struct Vm *vm, enum vm_ask kind, uint32_t n)
{
	for (const struct vm_range *r = vm->vm_asks;
	     r < vm->vm_asks + vm->vm_nasks; r++)
		if (r->kind == kind && n - r->first <= r->last - r->first) {
			vm->vm_last[kind] = r;
			return true;
		}
	return false;
}

struct vm_exit *vm_record(struct Env *e, enum vm_exit_reason reason)
{
	struct vm_exit *x = e->env_vcpu->vc_exit;

	*x = (struct vm_exit){
		.vx_version = VM_ABI_VERSION, .vx_guest = e->env_id,
		.vx_reason = reason, .vx_rip = vmread(VMCS_GUEST_RIP),
	};
	e->env_vcpu->vc_reason = reason;
	return x;
}

// --------------------------------------------------------------
// To the VMM

// In sys_vm_next, and nothing is in its queue then.
static bool waits_for_exit(const struct Env *vmm)
{
	return vmm->env_status == ENV_BLOCKED &&
		vmm->env_wait_for == WAIT_VM_EXIT;
}

// The first record in the owner's queue is the owner's: its guest's id.
static envid_t give(struct Env *owner)
{
	struct Env *e = TAILQ_FIRST(&owner->env_events);

	e->env_vcpu->vc_record = RECORD_GIVEN;
	sched_unqueue(e);
	return e->env_id;
}

void vm_post(struct Env *e)
{
	struct Env *owner = vm_owner(e);

	if (!waits_for_exit(owner)) {
		e->env_vcpu->vc_record = RECORD_POSTED;
		env_block(e, WAIT_VMM, &owner->env_events);
		return;
	}
	e->env_vcpu->vc_record = RECORD_GIVEN;
	env_block(e, WAIT_VMM, NULL);
	timer_cancel(&owner->env_timer);
	owner->env_tf.tf_regs.reg_rax = e->env_id;
	sched_hand_over(owner);
}

bool vm_post_rest(struct Env *e, enum vm_exit_reason reason, uint64_t code,
		  uint64_t detail)
{
	struct vm_exit *x;

	if (!vm_asked(e->env_vm, VM_ASK_REST, 0))
		return false;
	x = vm_record(e, reason);
	x->vx_unhandled.code = code;
	x->vx_unhandled.detail = detail;
	vm_post(e);
	return true;
}

void vm_post_stopped(struct Env *e)
{
	e->env_vcpu->vc_irqs &= ~VC_STOP;
	vm_record(e, VM_EXIT_STOPPED);
	vm_post(e);
}

void vm_console_input(struct Env *e)
{
	struct Env *owner = vm_owner(e);

	if (waits_for_exit(owner))
		env_wake(owner, -E_EOF);
	else
		owner->env_input = true;
}

void vm_gone(struct Env *e)
{
	struct Env *owner = vm_owner(e);

	if (TAILQ_EMPTY(&owner->env_guests) && waits_for_exit(owner))
		env_wake(owner, -E_BAD_ENV);
}

// --------------------------------------------------------------
// And back

static uint64_t merge(uint64_t old, uint64_t new, int size)
{
	if (size == 4)
		return (uint32_t)new;	// as all writes of 32 bits
	return size == 1 ? (old & ~0xfful) | (new & 0xff) :
		(old & ~0xfffful) | (new & 0xffff);
}

// The results that the answer brings go into the guest's registers.
static void take_results(struct Env *e, const volatile struct vm_exit *x)
{
	struct PushRegs *r = &e->env_tf.tf_regs;
	struct Vcpu *vc = e->env_vcpu;

	if (vc->vc_reason == VM_EXIT_PORT && !vc->vc_write) {
		r->reg_rax = merge(r->reg_rax, x->vx_port.data,
				   vc->vc_port_size);
	} else if (vc->vc_reason == VM_EXIT_MSR && !vc->vc_write) {
		uint64_t data = x->vx_msr.data;

		r->reg_rax = (uint32_t)data;
		r->reg_rdx = data >> 32;
	} else if (vc->vc_reason == VM_EXIT_CPUID) {
		r->reg_rax = x->vx_cpuid.eax;
		r->reg_rbx = x->vx_cpuid.ebx;
		r->reg_rcx = x->vx_cpuid.ecx;
		r->reg_rdx = x->vx_cpuid.edx;
	} else if (vc->vc_reason == VM_EXIT_POWEROFF) {
		r->reg_rax = 0;
	}
}

// Does going on mean to go on behind the instruction?
static bool has_instruction(uint32_t reason)
{
	return reason == VM_EXIT_PORT || reason == VM_EXIT_MSR ||
		reason == VM_EXIT_CPUID || reason == VM_EXIT_HLT ||
		reason == VM_EXIT_POWEROFF;
}

// Takes the VMM's answer to its guest's record; the guest in *out may go on,
// if it is not null. 0, -E_BAD_ENV, -E_INVAL.
static int answer(struct Env *me, envid_t guest, struct Env **out)
{
	enum { NMI = 2, NEXCEPTIONS = 32 };
	const volatile struct vm_exit *x;
	struct Vcpu *vc;
	struct Env *e;

	if (envid2env(me, guest, &e, true) < 0 || !(vc = e->env_vcpu))
		return -E_BAD_ENV;
	if (vc->vc_record != RECORD_GIVEN)
		return -E_INVAL;
	x = vc->vc_exit;
	vc->vc_answer_kind = x->vx_answer;
	vc->vc_fault_vector = x->vx_vector;
	vc->vc_fault_error = x->vx_error;
	if (vc->vc_answer_kind > VM_END ||
	    (vc->vc_answer_kind == VM_FAULT &&
	     (vc->vc_fault_vector >= NEXCEPTIONS ||
	      vc->vc_fault_vector == NMI || vc->vc_fault_error >> 16)))
		return -E_INVAL;
	if (vc->vc_answer_kind == VM_END) {
		env_destroy(e, x->vx_status & 0x7fffffff);
		return 0;
	}
	if (vc->vc_answer_kind == VM_RESUME)
		take_results(e, x);
	vc->vc_record = RECORD_ANSWERED;
	*out = e;
	return 0;
}

void vm_complete(struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;

	vc->vc_record = RECORD_NONE;
	if (vc->vc_answer_kind == VM_FAULT &&
	    !vmx_inject_second(e, vc->vc_fault_vector, vc->vc_fault_error)) {
		vmexit_handlers[EXIT_REASON_TRIPLE_FAULT](e);
		return;
	}
	if (vc->vc_answer_kind == VM_RESUME &&
		 has_instruction(vc->vc_reason))
		skip_insn();
	// It was stopped in its sleep, and nothing has come meanwhile.
	if (vc->vc_reason == VM_EXIT_STOPPED && vc->vc_halted) {
		vc->vc_halted = vc->vc_answer_kind != VM_FAULT &&
			!(vc->vc_irqs && vc->vc_hlt_if);
		if (vc->vc_halted)
			env_block(e, WAIT_HLT, NULL);
	}
}

// --------------------------------------------------------------
// System calls

static void next_timeout(struct timer *t)
{
	env_wake((void *)t - offsetof(struct Env, env_timer), -E_EOF);
}

int64_t sys_vm_next(struct Env *me, envid_t answered, uint32_t us)
{
	struct Env *e = NULL;
	int r;

	if (answered && (r = answer(me, answered, &e)) < 0)
		return r;
	if (TAILQ_EMPTY(&me->env_guests))
		return -E_BAD_ENV;
	if (!TAILQ_EMPTY(&me->env_events) || us == 0 || me->env_input) {
		if (e)
			sched_ready(e);
		if (!TAILQ_EMPTY(&me->env_events))
			return give(me);
		me->env_input = false;
		return -E_EOF;
	}
	env_block(me, WAIT_VM_EXIT, NULL);
	if (e)
		sched_hand_over(e);
	if (us != VM_FOREVER) {
		me->env_timer.tm_fired = next_timeout;
		timer_arm(&me->env_timer,
			  rdtsc() + us * sysinfo.si_tsc_khz / 1000);
	}
	return 0;
}

int64_t sys_vm_record(struct Env *me, envid_t guest, uintptr_t va)
{
	struct Vcpu *vc;
	struct Env *e;

	if (envid2env(me, guest, &e, true) < 0 || !(vc = e->env_vcpu))
		return -E_BAD_ENV;
	if (va >= UTOP || PGOFF(va))
		return -E_INVAL;
	if (!vc->vc_exit && !(vc->vc_exit = kpage_alloc()))
		return -E_NO_MEM;
	return page_insert(me->env_pml4e, pa2page(PADDR(vc->vc_exit)), va,
			   PTE_U | PTE_W | PTE_NOEXEC | PTE_NX);
}

// The guest of that id, if it is mine and stands still: it has not been
// started, or waits for an answer.
static int stopped_guest(struct Env *me, envid_t id, struct Env **e)
{
	if (envid2env(me, id, e, true) < 0 || !(*e)->env_vcpu)
		return -E_BAD_ENV;
	if ((*e)->env_status != ENV_NOT_RUNNABLE &&
	    (*e)->env_vcpu->vc_record != RECORD_POSTED &&
	    (*e)->env_vcpu->vc_record != RECORD_GIVEN)
		return -E_BUSY;
	return 0;
}

int64_t sys_vm_ask(struct Env *me, envid_t guest, uint32_t kind,
		   uint32_t first, uint32_t last)
{
	struct Env *e;
	struct Vcpu *vc;
	struct Vm *vm;
	int r = stopped_guest(me, guest, &e);

	if (r < 0)
		return r;
	vm = e->env_vm;
	vc = e->env_vcpu;
	if (!vc->vc_exit)
		return -E_INVAL;
	if (kind < VM_ASK_PORT || kind > VM_ASK_REST || first > last ||
	    (kind == VM_ASK_PORT && last > 0xffff) ||
	    (kind == VM_ASK_EXCEPTION && last > 31))
		return -E_INVAL;
	if (vm->vm_nasks == VM_MAX_ASKS)
		return -E_NO_MEM;
	if (kind == VM_ASK_EXCEPTION) {
		if ((r = vmx_borrow(e)) < 0)
			return r;
		vc->vc_exceptions |= (2u << last) - (1u << first);
		vmwrite(VMCS_EXCEPTION_BITMAP, vc->vc_exceptions);
		vmx_return(e);
	}
	vm->vm_last[kind] = &vm->vm_asks[vm->vm_nasks];
	vm->vm_asks[vm->vm_nasks++] = (struct vm_range){ kind, first, last };
	return 0;
}

int64_t sys_vm_regs(struct Env *me, envid_t guest, struct vm_regs *buf,
		    bool set)
{
	struct vm_regs regs;
	struct Env *e;
	int r = stopped_guest(me, guest, &e);

	if (r < 0)
		return r;
	if ((uintptr_t)buf >= UTOP ||
	    user_mem_check(me, buf, sizeof(*buf), set ? 0 : PTE_W) < 0)
		return -E_FAULT;
	if ((r = vmx_borrow(e)) < 0)
		return r;
	if (set) {
		memcpy(&regs, buf, sizeof(regs));	// of any alignment
		vmx_set_regs(e, &regs);
	} else {
		vmx_get_regs(e, &regs);
		memcpy(buf, &regs, sizeof(regs));
	}
	vmx_return(e);
	return 0;
}

int64_t sys_vm_memory(struct Env *me, envid_t guest, uint64_t gpa, void *buf,
		      size_t n, bool set)
{
	struct Env *e;
	void *mem;

	if (envid2env(me, guest, &e, true) < 0 || !e->env_vm)
		return -E_BAD_ENV;
	if (n > PGSIZE - PGOFF(gpa))
		return -E_INVAL;
	if ((uintptr_t)buf >= UTOP ||
	    user_mem_check(me, buf, n, set ? 0 : PTE_W) < 0)
		return -E_FAULT;
	mem = vm_access(e->env_vm, gpa, n, set ? __EPTE_WRITE : __EPTE_READ);
	if (!mem)
		return -E_FAULT;
	if (set)
		memcpy(mem, buf, n);
	else
		memcpy(buf, mem, n);
	return 0;
}

int64_t sys_vm_interrupt(struct Env *me, envid_t guest, uint32_t vector)
{
	struct Env *e;

	if (envid2env(me, guest, &e, true) < 0 || !e->env_vcpu)
		return -E_BAD_ENV;
	if (vector > 255)
		return -E_INVAL;
	if (e->env_vcpu->vc_irqs & VC_VECTOR)
		return -E_BUSY;
	e->env_vcpu->vc_vector = vector;
	vmx_raise(e, VC_VECTOR);
	return 0;
}

int64_t sys_vm_stop(struct Env *me, envid_t guest)
{
	struct Env *e;

	if (envid2env(me, guest, &e, true) < 0 || !e->env_vcpu)
		return -E_BAD_ENV;
	if (!e->env_vcpu->vc_exit)
		return -E_INVAL;
	if (e->env_vcpu->vc_record != RECORD_NONE)
		return 0;
	e->env_vcpu->vc_irqs |= VC_STOP;
	if (e->env_status == ENV_BLOCKED && e->env_wait_for == WAIT_HLT)
		env_restart(e);
	else if (e->env_status == ENV_RUNNING)
		cpu_kick(&cpus[e->env_cpunum]);
	return 0;
}

int64_t sys_vm_cputs(struct Env *me, envid_t guest, const char *s, size_t n)
{
	struct Env *e;

	if (envid2env(me, guest, &e, true) < 0 || !e->env_vcpu)
		return -E_BAD_ENV;
	if (user_mem_check(me, s, n, 0) < 0)
		return -E_FAULT;
	n = MIN(n, (size_t)CPUTS_MAX);
	tty_guest_write(e, s, n);
	return n;
}

int64_t sys_vm_cgetc(struct Env *me, envid_t guest)
{
	struct Env *e;

	if (envid2env(me, guest, &e, true) < 0 || !e->env_vcpu)
		return -E_BAD_ENV;
	return tty_guest_getc(e);
}
