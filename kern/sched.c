// The scheduler: one queue of runnable environments, in turn.

#include <kern/env.h>
#include <vmm/vmx.h>

static struct EnvQueue run_queue;

void sched_init(void)
{
	TAILQ_INIT(&run_queue);
}

static void enqueue(struct Env *e, struct EnvQueue *q)
{
	e->env_queue = q;
	TAILQ_INSERT_TAIL(q, e, env_link);
}

void sched_unqueue(struct Env *e)
{
	if (e->env_queue)
		TAILQ_REMOVE(e->env_queue, e, env_link);
	e->env_queue = NULL;
}

void sched_ready(struct Env *e)
{
	e->env_status = ENV_RUNNABLE;
	enqueue(e, &run_queue);
	if (ncpu > 1)
		cpu_wake_idle();
}

void sched_hand_over(struct Env *e)
{
	e->env_status = ENV_RUNNABLE;
	thiscpu->cpu_next = e;
}

void sched_stop(struct Env *e)
{
	if (e->env_status == ENV_RUNNABLE)
		sched_unqueue(e);
	else if (e != curenv)
		return;
	e->env_status = ENV_NOT_RUNNABLE;
}

void sched_leave(void)
{
	struct CpuInfo *c = thiscpu;
	struct Env *e = c->cpu_env;
	uint64_t now = rdtsc();

	if (!e)
		return;
	fxsave(e->env_fpu);
	e->env_ticks += now - c->cpu_since;
	if (e->env_type == ENV_TYPE_GUEST)
		vmx_leave(c, e, now);
	c->cpu_env = NULL;
	if (e->env_status == ENV_RUNNING)
		sched_ready(e);
}

// sched_yield, on an empty stack.
void sched_run(void)
{
	struct CpuInfo *c = thiscpu;
	struct Env *e = c->cpu_next;

	sched_leave();
	if (e) {
		c->cpu_next = NULL;
		env_run(e);
	}
	while (!(e = TAILQ_FIRST(&run_queue))) {
		// The address space that we are in may go while we sleep.
		lcr3(kern_cr3);
		clock_program(c, ~0ul);
		c->cpu_idle = true;
		sysinfo.si_idle_ticks -= rdtsc();
		sysinfo.si_sleeping++;
		unlock_kernel(c);
		sti_hlt();
		cli();
		lock_kernel(c);
		sysinfo.si_idle_ticks += rdtsc();
		sysinfo.si_sleeping--;
		c->cpu_idle = false;
	}
	sched_unqueue(e);
	c->cpu_slice_end = rdtsc() + ms2tsc(SLICE_MS);
	env_run(e);
}

void sched_yield(void)
{
	// Nobody returns to who called us, so the stack starts anew: guests
	// leave the kernel and come back without ever unwinding it.
	__asm__ volatile("movq %0, %%rsp\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "call sched_run"
			 : : "r"(&kstacks[cpunum() + 1]));
	__builtin_unreachable();
}

// --------------------------------------------------------------
// Waiting

void env_block(struct Env *e, enum EnvWait what, struct EnvQueue *q)
{
	e->env_status = ENV_BLOCKED;
	e->env_wait_for = what;
	if (q)
		enqueue(e, q);
}

static void unblock(struct Env *e)
{
	sched_unqueue(e);
	// A guest's timer runs on: it belongs to the guest's own clock.
	if (e->env_type != ENV_TYPE_GUEST)
		timer_cancel(&e->env_timer);
	e->env_wait_for = WAIT_NONE;
	sched_ready(e);
}

void env_wake(struct Env *e, int64_t result)
{
	e->env_tf.tf_regs.reg_rax = result;
	unblock(e);
}

void env_restart(struct Env *e)
{
	unblock(e);
}

void env_restart_all(struct EnvQueue *q)
{
	struct Env *e;

	while ((e = TAILQ_FIRST(q)))
		env_restart(e);
}

void page_wake(struct PageInfo *pp)
{
	struct Env *e = pp->pp_waiters;

	pp->pp_waiters = NULL;
	while (e) {
		struct Env *next = e->env_page_next;

		env_wake(e, 0);
		e = next;
	}
}
