// System calls: each checks all that it is given before it changes anything.
// Contracts: inc/lib.h.

#include <inc/error.h>
#include <inc/string.h>
#include <inc/syscall.h>
#include <inc/x86.h>
#include <kern/console.h>
#include <kern/env.h>
#include <kern/init.h>
#include <kern/trap.h>
#include <kern/tty.h>
#include <vmm/ept.h>
#include <vmm/vmabi.h>
#include <vmm/vmx.h>

enum { SYSCALL_INSN_LEN = 2 };		// int $0x30

// --------------------------------------------------------------
// Console, machine

static int64_t sys_cputs(struct Env *e, const char *s, size_t n)
{
	if (user_mem_check(e, s, n, 0) < 0)
		return -E_FAULT;
	n = MIN(n, (size_t)CPUTS_MAX);
	cons_write(s, n);
	return n;
}

static int64_t sys_poweroff(int status)
{
	poweroff(status);
	return 0;
}

// --------------------------------------------------------------
// Environments

static int64_t sys_env_destroy(envid_t envid)
{
	struct Env *me = curenv, *e;

	// One user, one machine: any program may be killed, but not the two
	// that the kernel itself started.
	if (envid2env(me, envid, &e, false) < 0 ||
	    (e != me && e->env_parent_id == 0))
		return -E_BAD_ENV;
	env_destroy(e, EXIT_KILLED);
	return 0;
}

static int64_t sys_env_wait(struct Env *me, envid_t envid)
{
	struct Env *e = &envs[ENVX(envid)];

	if (envid <= 0 || e->env_id != envid || e == me)
		return -E_BAD_ENV;
	if (e->env_status == ENV_FREE)
		return e->env_exit_status;
	env_block(me, WAIT_ENV, &e->env_waiters);
	return 0;
}

static int64_t sys_exofork(struct Env *me)
{
	struct Env *e;
	int r = env_alloc(&e, me->env_id, ENV_TYPE_USER);

	if (r < 0)
		return r;
	e->env_tf = me->env_tf;
	e->env_tf.tf_regs.reg_rax = 0;
	e->env_tf.tf_eflags &= ~FL_IOPL_3;
	fxsave(e->env_fpu);
	memcpy(e->env_name, me->env_name, ENV_NAME_LEN);
	env_conceive(me, e);
	return e->env_id;
}

static int64_t sys_env_set_status(envid_t envid, int status)
{
	struct Env *me = curenv, *e;

	if (status != ENV_RUNNABLE && status != ENV_NOT_RUNNABLE)
		return -E_INVAL;
	if (envid2env(me, envid, &e, true) < 0)
		return -E_BAD_ENV;
	// Only between these two: what waits in the kernel is not disturbed.
	if (status == ENV_RUNNABLE && e->env_status == ENV_NOT_RUNNABLE) {
		if (e->env_type != ENV_TYPE_GUEST)
			env_born(e);
		sched_ready(e);
	} else if (status == ENV_NOT_RUNNABLE) {
		sched_stop(e);
	}
	return 0;
}

static int64_t sys_env_set_trapframe(struct Env *me, envid_t envid,
				     const struct Trapframe *utf)
{
	struct Trapframe tf;
	struct Env *e;

	if (envid2env(me, envid, &e, true) < 0 || !e->env_pml4e)
		return -E_BAD_ENV;
	if (user_mem_check(me, utf, sizeof(*utf), 0) < 0)
		return -E_FAULT;
	memcpy(&tf, utf, sizeof(tf));		// of any alignment
	// IRET faults in the kernel on an address that is not canonical.
	if (tf.tf_rip >= UTOP || tf.tf_rsp > UTOP)
		return -E_INVAL;
	tf.tf_cs = GD_UT | 3;
	tf.tf_ss = GD_UD | 3;
	tf.tf_eflags = (tf.tf_eflags & 0xcd5) | FL_IF;	// arithmetic flags
	e->env_tf = tf;
	return 0;
}

static int64_t sys_env_set_pgfault_upcall(envid_t envid, uintptr_t upcall)
{
	struct Env *me = curenv, *e;

	if (envid2env(me, envid, &e, true) < 0)
		return -E_BAD_ENV;
	if (upcall >= UTOP)
		return -E_INVAL;
	e->env_pgfault_upcall = upcall;
	return 0;
}

static int64_t sys_env_set_name(struct Env *me, envid_t envid,
				const char *name)
{
	char buf[ENV_NAME_LEN] = "";
	struct Env *e;

	if (envid2env(me, envid, &e, true) < 0)
		return -E_BAD_ENV;
	for (int i = 0; i < ENV_NAME_LEN - 1; i++) {
		if (user_mem_check(me, name + i, 1, 0) < 0)
			return -E_FAULT;
		if (!(buf[i] = name[i]))
			break;
	}
	memcpy(e->env_name, buf, sizeof(buf));
	return 0;
}

static void sleep_over(struct timer *t)
{
	env_wake((void *)t - offsetof(struct Env, env_timer), 0);
}

static int64_t sys_sleep(struct Env *me, uint32_t ms)
{
	env_block(me, WAIT_SLEEP, NULL);
	me->env_timer.tm_fired = sleep_over;
	timer_arm(&me->env_timer, rdtsc() + ms2tsc(ms));
	return 0;
}

// --------------------------------------------------------------
// Memory

static bool bad_va(const void *va)
{
	return (uintptr_t)va >= UTOP || PGOFF(va);
}

static bool bad_perm(uint64_t perm)
{
	return (perm & (PTE_P | PTE_U)) != (PTE_P | PTE_U) ||
		(perm & ~PTE_SYSCALL);
}

// PTE_NX does not fit into the int that the calls take.
static uint64_t leaf_perm(int perm)
{
	return (uint64_t)perm | (perm & PTE_NOEXEC ? PTE_NX : 0);
}

static int64_t sys_page_alloc(envid_t envid, void *va, int perm)
{
	struct PageInfo *pp;
	struct Env *me = curenv, *e;
	int r;

	if (envid2env(me, envid, &e, true) < 0 || !e->env_pml4e)
		return -E_BAD_ENV;
	if (bad_va(va) || bad_perm(perm))
		return -E_INVAL;
	pp = page_alloc(ALLOC_ZERO);
	if (!pp)
		return -E_NO_MEM;
	r = page_insert(e->env_pml4e, pp, (uintptr_t)va, leaf_perm(perm));
	if (r < 0)
		page_free(pp);
	return r;
}

static int64_t sys_page_map(envid_t srcid, void *srcva, envid_t dstid,
			    void *dstva, int perm)
{
	struct Env *me = curenv, *src, *dst;
	struct PageInfo *pp;
	pte_t *pte;

	if (envid2env(me, srcid, &src, true) < 0 || !src->env_pml4e ||
	    envid2env(me, dstid, &dst, true) < 0 || !dst->env_pml4e)
		return -E_BAD_ENV;
	if (bad_va(srcva) || bad_va(dstva) || bad_perm(perm))
		return -E_INVAL;
	pp = page_lookup(src->env_pml4e, (uintptr_t)srcva, &pte);
	if (!pp || ((perm & PTE_W) && !(*pte & PTE_W)))
		return -E_INVAL;
	return page_insert(dst->env_pml4e, pp, (uintptr_t)dstva,
			   leaf_perm(perm));
}

static int64_t sys_page_unmap(envid_t envid, void *va)
{
	struct Env *me = curenv, *e;

	if (envid2env(me, envid, &e, true) < 0 || !e->env_pml4e)
		return -E_BAD_ENV;
	if (bad_va(va))
		return -E_INVAL;
	page_remove(e->env_pml4e, (uintptr_t)va);
	return 0;
}

static int64_t sys_page_wait(struct Env *me, const volatile uint32_t *va,
			     uint32_t value, uint32_t refs)
{
	struct PageInfo *pp;

	if ((uintptr_t)va % 4 || (uintptr_t)va >= UTOP ||
	    user_mem_check(me, (const void *)va, 4, 0) < 0)
		return -E_FAULT;
	pp = page_lookup(me->env_pml4e, (uintptr_t)va, NULL);
	if (*va != value || pp->pp_ref != refs)
		return 0;
	me->env_wait_va = page2pa(pp);
	me->env_page_next = pp->pp_waiters;
	pp->pp_waiters = me;
	env_block(me, WAIT_PAGE, NULL);
	return 0;
}

static int64_t sys_page_wake(struct Env *me, const void *va)
{
	if ((uintptr_t)va >= UTOP || user_mem_check(me, va, 1, 0) < 0)
		return -E_FAULT;
	page_wake(page_lookup(me->env_pml4e, (uintptr_t)va, NULL));
	return 0;
}

// --------------------------------------------------------------
// IPC

// The page that src sends: of its page table, or of its guest memory.
// *perm is cut to what the page allows. 0, or -E_INVAL.
static int ipc_page(struct Env *src, uintptr_t srcva, int perm,
		    struct PageInfo **pp)
{
	pte_t *pte;

	if (bad_perm(perm))
		return -E_INVAL;
	if (src->env_type == ENV_TYPE_GUEST) {
		*pp = ept_page_lookup(src->env_vm, (void *)srcva, perm);
		return *pp ? 0 : -E_INVAL;
	}
	*pp = page_lookup(src->env_pml4e, srcva, &pte);
	if (!*pp || ((perm & PTE_W) && !(*pte & PTE_W)))
		return -E_INVAL;
	return 0;
}

// Puts value and page, if there is one, where dst wants them.
static int ipc_deliver(struct Env *dst, uint64_t value, struct PageInfo *pp,
		       int perm)
{
	int r = 0;

	dst->env_ipc_perm = 0;
	if (pp && dst->env_ipc_dstva < UTOP) {
		if (dst->env_type == ENV_TYPE_GUEST)
			r = vm_page_insert(dst->env_vm, pp,
					   (void *)dst->env_ipc_dstva, perm);
		else
			r = page_insert(dst->env_pml4e, pp,
					dst->env_ipc_dstva, leaf_perm(perm));
		if (r < 0)
			return r;
		dst->env_ipc_perm = perm;
	}
	dst->env_ipc_value = value;
	if (dst->env_type == ENV_TYPE_GUEST)
		dst->env_tf.tf_regs.reg_rsi = value;
	return 0;
}

// A guest sends and receives in two steps: keeps what the file server answers
// in between.
static int ipc_keep(struct Env *dst, uint64_t value, struct PageInfo *pp,
		    int perm)
{
	struct Vcpu *vc = dst->env_vcpu;

	if (dst->env_type != ENV_TYPE_GUEST || curenv != fs_env ||
	    vc->vc_answer != ANSWER_DUE)
		return -E_IPC_NOT_RECV;
	vc->vc_answer = ANSWER_HERE;
	vc->vc_answer_value = value;
	vc->vc_answer_page = pp;
	vc->vc_answer_perm = perm;
	if (pp)
		page_incref(pp);
	return 0;
}

static int64_t ipc_take_kept(struct Env *me, uintptr_t dstva)
{
	struct Vcpu *vc = me->env_vcpu;
	int r;

	me->env_ipc_dstva = dstva;
	r = ipc_deliver(me, vc->vc_answer_value, vc->vc_answer_page,
			vc->vc_answer_perm);
	if (r == 0)
		vmx_drop_answer(vc);
	return r;
}

// Sends from curenv. A guest's addresses are guest-physical; IPC_NO_PAGE and
// all else from UTOP on means no page.
int64_t sys_ipc_try_send(envid_t envid, uint64_t value, void *srcva, int perm)
{
	struct Env *src = curenv, *dst;
	struct PageInfo *pp = NULL;
	int r = 0;

	if (envid2env(src, envid, &dst, false) < 0)
		return -E_BAD_ENV;
	if ((uintptr_t)srcva < UTOP) {
		if (PGOFF(srcva))
			return -E_INVAL;
		r = ipc_page(src, (uintptr_t)srcva, perm, &pp);
		if (r < 0)
			return r;
	}
	if (!dst->env_ipc_recving ||
	    (dst->env_ipc_want && dst->env_ipc_want != src->env_id))
		return ipc_keep(dst, value, pp, perm);
	if ((r = ipc_deliver(dst, value, pp, perm)) < 0)
		return r;
	dst->env_ipc_recving = false;
	dst->env_ipc_from = src->env_id;
	env_wake(dst, 0);
	return 0;
}

int64_t sys_ipc_send(envid_t envid, uint64_t value, void *srcva, int perm)
{
	int64_t r = sys_ipc_try_send(envid, value, srcva, perm);
	struct Env *dst = &envs[ENVX(envid)];

	if (r != -E_IPC_NOT_RECV)
		return r;
	if (!envid || dst == curenv)	// it would wait for itself
		return -E_IPC_NOT_RECV;
	env_block(curenv, WAIT_IPC_SEND, &dst->env_senders);
	return -E_RESTART;
}

// Waits for a message, from `want` alone if that is not null. The first who
// waits to send us something sends it again.
int64_t ipc_receive(struct Env *want, uintptr_t dstva)
{
	struct Env *me = curenv, *sender = TAILQ_FIRST(&me->env_senders);

	if (me->env_type == ENV_TYPE_GUEST &&
	    me->env_vcpu->vc_answer == ANSWER_HERE)
		return ipc_take_kept(me, dstva);
	if (want && want->env_status == ENV_FREE)
		return -E_BAD_ENV;	// nobody would wake us
	me->env_ipc_recving = true;
	me->env_ipc_want = want ? want->env_id : 0;
	me->env_ipc_dstva = dstva;
	env_block(me, WAIT_IPC_RECV, want ? &want->env_waiters : NULL);
	if (want && want->env_queue == &me->env_senders)
		sender = want;
	if (sender)
		env_restart(sender);
	return 0;
}

static int64_t sys_ipc_recv(void *dstva)
{
	if ((uintptr_t)dstva < UTOP && PGOFF(dstva))
		return -E_INVAL;
	return ipc_receive(NULL, (uintptr_t)dstva);
}

static int64_t sys_ipc_call(struct Env *me, envid_t envid, uint64_t value,
			    void *srcva, int perm, void *dstva)
{
	struct Env *dst;
	int64_t r;

	if ((uintptr_t)dstva < UTOP && PGOFF(dstva))
		return -E_INVAL;
	if (envid2env(me, envid, &dst, false) < 0 || dst == me)
		return -E_BAD_ENV;
	r = sys_ipc_send(envid, value, srcva, perm);
	return r < 0 ? r : ipc_receive(dst, (uintptr_t)dstva);
}

// --------------------------------------------------------------
// Guests

static envid_t sys_env_mkguest(struct Env *me, uint64_t gphysz, uint64_t rip)
{
	struct Env *e;
	int r;

	if ((r = vmx_check()) < 0)
		return r;
	if (gphysz % PGSIZE || gphysz < EXTPHYSMEM ||
	    gphysz > GUEST_MEM_MAX || rip > 0xffff)
		return -E_INVAL;
	if ((r = env_alloc(&e, me->env_id, ENV_TYPE_GUEST)) < 0)
		return r;
	if ((r = vmx_alloc(e, me, gphysz, rip)) < 0) {
		env_destroy(e, EXIT_KILLED);
		return r;
	}
	return e->env_id;
}

static int sys_ept_map(envid_t srcid, void *srcva, envid_t guest,
		       void *guest_pa, int perm)
{
	uintptr_t gpa = (uintptr_t)guest_pa;
	struct Env *me = curenv, *src, *vm;
	struct PageInfo *pp;
	pte_t *pte;
	int r;

	if (envid2env(me, srcid, &src, true) < 0 || !src->env_pml4e ||
	    envid2env(me, guest, &vm, true) < 0 || !vm->env_vm)
		return -E_BAD_ENV;
	if (bad_va(srcva) || PGOFF(gpa) || !vm_has_memory(vm->env_vm, gpa) ||
	    !ept_perm_ok(perm))
		return -E_INVAL;
	pp = page_lookup(src->env_pml4e, (uintptr_t)srcva, &pte);
	if (!pp || ((perm & __EPTE_WRITE) && !(*pte & PTE_W)))
		return -E_INVAL;
	r = ept_map_hva2gpa(vm->env_vm->vm_eptrt, page2kva(pp), guest_pa,
			    perm, 0);
	if (r < 0)
		return r;
	page_incref(pp);
	vm->env_vm->vm_pages++;
	return 0;
}

static int64_t sys_vmx_list_vms(struct Env *me, struct vm_info *buf, size_t n)
{
	n = MIN(n, (size_t)NENV);
	if (user_mem_check(me, buf, n * sizeof(*buf), PTE_W) < 0)
		return -E_FAULT;
	return vmx_list(buf, n);
}

static int64_t sys_vmx_sel_resume(struct Env *me, envid_t guest)
{
	struct Env *e;

	if (guest == 0 || envid2env(me, guest, &e, false) < 0 ||
	    e->env_type != ENV_TYPE_GUEST)
		return -E_BAD_ENV;
	return tty_give(me, e);
}

static int64_t sys_vmx_incr_vmdisk_number(struct Env *me)
{
	static int last;		// of all that were given out

	return me->env_vmdisk = ++last;
}

// --------------------------------------------------------------

// Those about guests.
static int64_t guest_syscall(struct Env *e, const struct PushRegs *r)
{
	uint64_t a1 = r->reg_rdx, a2 = r->reg_rcx, a3 = r->reg_rbx;
	uint64_t a4 = r->reg_rdi, a5 = r->reg_rsi;

	switch (r->reg_rax) {
	case SYS_env_mkguest:
		return sys_env_mkguest(e, a1, a2);
	case SYS_vmx_list_vms:
		return sys_vmx_list_vms(e, (void *)a1, a2);
	case SYS_vmx_sel_resume:
		return sys_vmx_sel_resume(e, a1);
	case SYS_vmx_get_vmdisk_number:
		return e->env_vmdisk;
	case SYS_vmx_incr_vmdisk_number:
		return sys_vmx_incr_vmdisk_number(e);
	case SYS_vm_ask:
		return sys_vm_ask(e, a1, a2, a3, a4);
	case SYS_vm_record:
		return sys_vm_record(e, a1, a2);
	case SYS_vm_next:
		return sys_vm_next(e, a1, a2);
	case SYS_vm_regs:
		return sys_vm_regs(e, a1, (void *)a2, a3);
	case SYS_vm_memory:
		return sys_vm_memory(e, a1, a2, (void *)a3, a4, a5);
	case SYS_vm_interrupt:
		return sys_vm_interrupt(e, a1, a2);
	case SYS_vm_cputs:
		return sys_vm_cputs(e, a1, (char *)a2, a3);
	case SYS_vm_cgetc:
		return sys_vm_cgetc(e, a1);
	case SYS_vm_stop:
		return sys_vm_stop(e, a1);
	default:
		return -E_NO_SYS;
	}
}

static int64_t syscall(struct Env *e, const struct PushRegs *r)
{
	uint64_t a1 = r->reg_rdx, a2 = r->reg_rcx, a3 = r->reg_rbx;
	uint64_t a4 = r->reg_rdi, a5 = r->reg_rsi;

	switch (r->reg_rax) {
	case SYS_cputs:
		return sys_cputs(e, (char *)a1, a2);
	case SYS_cgetc:
		return tty_getc(e);
	case SYS_getenvid:
		return e->env_id;
	case SYS_env_destroy:
		return sys_env_destroy(a1);
	case SYS_exit:
		env_destroy(e, a1);
		return 0;
	case SYS_env_wait:
		return sys_env_wait(e, a1);
	case SYS_yield:
		sched_leave();
		return 0;
	case SYS_exofork:
		return sys_exofork(e);
	case SYS_env_set_status:
		return sys_env_set_status(a1, a2);
	case SYS_env_set_trapframe:
		return sys_env_set_trapframe(e, a1, (void *)a2);
	case SYS_env_set_pgfault_upcall:
		return sys_env_set_pgfault_upcall(a1, a2);
	case SYS_env_set_name:
		return sys_env_set_name(e, a1, (char *)a2);
	case SYS_page_alloc:
		return sys_page_alloc(a1, (void *)a2, a3);
	case SYS_page_map:
		return sys_page_map(a1, (void *)a2, a3, (void *)a4, a5);
	case SYS_page_unmap:
		return sys_page_unmap(a1, (void *)a2);
	case SYS_page_wait:
		return sys_page_wait(e, (uint32_t *)a1, a2, a3);
	case SYS_page_wake:
		return sys_page_wake(e, (void *)a1);
	case SYS_ipc_try_send:
		return sys_ipc_try_send(a1, a2, (void *)a3, a4);
	case SYS_ipc_send:
		return sys_ipc_send(a1, a2, (void *)a3, a4);
	case SYS_ipc_recv:
		return sys_ipc_recv((void *)a1);
	case SYS_ipc_call:
		return sys_ipc_call(e, a1, a2, (void *)a3, a4, (void *)a5);
	case SYS_sleep:
		return sys_sleep(e, a1);
	case SYS_irq_wait:
		return irq_wait(e, a1, a2);
	case SYS_poweroff:
		return sys_poweroff(a1);
	case SYS_ept_map:
		return sys_ept_map(a1, (void *)a2, a3, (void *)a4, a5);
	default:
		return guest_syscall(e, r);
	}
}

void syscall_dispatch(struct Env *e)
{
	int64_t r = syscall(e, &e->env_tf.tf_regs);

	// The call is made again, with its registers as they were, when what
	// it waits for may have come; nothing of it has happened yet.
	if (r == -E_RESTART)
		e->env_tf.tf_rip -= SYSCALL_INSN_LEN;
	else
		e->env_tf.tf_regs.reg_rax = r;
}
