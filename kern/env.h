// Environments, the scheduler, and how an environment waits.
#pragma once

#include <inc/env.h>
#include <inc/error.h>
#include <kern/cpu.h>
#include <kern/pmap.h>

extern struct Env envs[NENV] __attribute__((aligned(PGSIZE)));
extern struct Env *fs_env;	// the file server

void env_init(void);
// A new environment of that type, not runnable, with an address space (a
// guest: without). 0, -E_NO_FREE_ENV or -E_NO_MEM.
int env_alloc(struct Env **e, envid_t parent, enum EnvType type);
// An environment that runs the embedded ELF file; used at boot, where failing
// is a panic.
struct Env *env_create(const uint8_t *elf, const char *name,
		       enum EnvType type);
// Finds the environment of an id for `me`, who is 0. With checkperm it must be
// me or a child of mine. 0 or -E_BAD_ENV.
static inline int envid2env(struct Env *me, envid_t id, struct Env **out,
			    bool checkperm)
{
	struct Env *e = &envs[ENVX(id)];

	if (id == 0)
		e = me;
	else if (e->env_id != id || e->env_status <= ENV_DYING ||
		 (checkperm && e != me && e->env_parent_id != me->env_id))
		return -E_BAD_ENV;
	*out = e;
	return 0;
}
// A child of sys_exofork is to be started; it ends with `parent` until then.
void env_conceive(struct Env *parent, struct Env *e);
// It is started, or ends.
void env_born(struct Env *e);
// Ends an environment: all that it has is given back, who waits for it
// learns the status. One that another processor runs ends as soon as that
// processor has been made to leave it.
void env_destroy(struct Env *e, int status);
// Ends curenv if it was destroyed while it ran here.
void env_reap_dying(void);
// Makes e, out of the run queue, this processor's environment and returns
// into it; the kernel lock is released.
void env_run(struct Env *e) __attribute__((noreturn));
// Returns into e, which is c's environment already, and no guest.
void env_return(struct CpuInfo *c, struct Env *e) __attribute__((noreturn));
// Puts the frame's registers into the processor.
void env_pop_tf(struct Trapframe *tf) __attribute__((noreturn));

// sched.c
void sched_init(void);
// Runs the next environment in turn, or sleeps until there is one.
void sched_yield(void) __attribute__((noreturn));
void sched_run(void) __attribute__((noreturn));
// Puts an environment at the end of the run queue.
void sched_ready(struct Env *e);
// e, in no queue, runs as soon as curenv, which waits now, has left this
// processor, and for the rest of its slice.
void sched_hand_over(struct Env *e);
// Takes e out of the queue it is in, if any.
void sched_unqueue(struct Env *e);
// Takes a runnable environment, or curenv, out of turn.
void sched_stop(struct Env *e);
// Puts curenv's state away, so that any processor may run it.
void sched_leave(void);

// Of a system call's handler: the caller waits, and makes the call again when
// it goes on. Never reaches a program.
enum { E_RESTART = 100 };
// e stops running and waits, in q when that is not null.
void env_block(struct Env *e, enum EnvWait what, struct EnvQueue *q);
// e goes on, its waiting system call returning `result`.
void env_wake(struct Env *e, int64_t result);
// e goes on and makes its system call (or hypercall) again.
void env_restart(struct Env *e);
// All of q are woken to make their calls again.
void env_restart_all(struct EnvQueue *q);
// Wakes all who sleep for the page (sys_page_wait).
void page_wake(struct PageInfo *pp);

// clock.c. One heap of timers; processor 0 takes care of it.
enum { SLICE_MS = 10 };		// how long an environment runs in turn
void clock_init(void);
static inline uint64_t ms2tsc(uint64_t ms)
{
	return ms * sysinfo.si_tsc_khz;
}
// t->tm_fired(t) is called, with the kernel lock, once TSC has reached
// `when`. An armed timer is set anew.
void timer_arm(struct timer *t, uint64_t when);
void timer_cancel(struct timer *t);
extern uint64_t clock_next;	// TSC of the earliest timer; ~0: none
// Has this processor, c, interrupted at that TSC.
void clock_set(struct CpuInfo *c, uint64_t when);
// Sets its interrupt for what is due next, or the TSC `want` if that comes
// first. Called before the kernel is left.
static inline void clock_program(struct CpuInfo *c, uint64_t want)
{
	if (c == cpus && clock_next < want)
		want = clock_next;
	// One that fires too early does no harm, and is set anew then.
	if (want < c->cpu_timer)
		clock_set(c, want);
}
// The timer's interrupt: fires what is due.
void clock_interrupt(void);

// syscall.c; contracts in inc/lib.h. They run for curenv, a guest too, whose
// addresses are guest-physical.
int64_t sys_ipc_try_send(envid_t to, uint64_t value, void *srcva, int perm);
int64_t sys_ipc_send(envid_t to, uint64_t value, void *srcva, int perm);
// curenv waits for a message, from `want` alone if that is not null; a page
// goes to dstva when that is below UTOP. -E_BAD_ENV: `want` has ended.
int64_t ipc_receive(struct Env *want, uintptr_t dstva);
