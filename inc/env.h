// Environments: what other systems call processes, and virtual CPUs.
#pragma once

#include <inc/memlayout.h>
#include <inc/queue.h>
#include <inc/trap.h>
#include <inc/types.h>

// An environment id is the slot in envs[] (low ten bits) and a generation
// that changes each time the slot is used again. It is always positive.
#define LOG2NENV	10
#define NENV		(1 << LOG2NENV)
#define ENVX(envid)	((envid) & (NENV - 1))

enum EnvStatus {
	ENV_FREE,
	ENV_DYING,		// destroyed while another CPU ran it
	ENV_RUNNABLE,		// in the run queue
	ENV_RUNNING,
	ENV_NOT_RUNNABLE,	// waits for its parent (sys_exofork)
	ENV_BLOCKED,		// waits in the kernel: see env_wait_for
};

enum EnvType {
	ENV_TYPE_USER,
	ENV_TYPE_FS,
	ENV_TYPE_GUEST,
	ENV_TYPE_IDLE,
};

// What a blocked environment waits for.
enum EnvWait {
	WAIT_NONE,
	WAIT_IPC_RECV,
	WAIT_IPC_SEND,
	WAIT_ENV,		// the end of another environment
	WAIT_PAGE,		// sys_page_wait
	WAIT_SLEEP,
	WAIT_IRQ,
	WAIT_CONSOLE,		// a character
	WAIT_FOREGROUND,	// the console's return from a guest
	WAIT_HLT,		// guest: an interrupt
	WAIT_VMM,		// guest: its VMM's answer
	WAIT_VM_EXIT,		// VMM: an exit of a guest
};

enum { ENV_NAME_LEN = 16 };
enum { EXIT_KILLED = -1 };	// status of an environment that was destroyed

// A point in time on a clock's heap (kern/clock.c).
struct timer {
	uint64_t tm_when;	// TSC
	int tm_slot;		// 1.. in the heap, 0 when not armed
	void (*tm_fired)(struct timer *);
};

struct Env {
	struct Trapframe env_tf;
	uint8_t env_fpu[512] __attribute__((aligned(16)));	// FXSAVE area

	envid_t env_id;
	envid_t env_parent_id;
	enum EnvType env_type;
	enum EnvStatus env_status;
	enum EnvWait env_wait_for;
	int env_exit_status;	// kept until the slot is used again
	uint32_t env_runs;	// how often env_run() ran it
	uint64_t env_ticks;	// TSC ticks it has run, up to its last leave
	int env_cpunum;		// the CPU that runs it or ran it last
	char env_name[ENV_NAME_LEN];

	TAILQ_ENTRY(Env) env_link;	// in env_queue
	struct EnvQueue *env_queue;	// run queue, free list or wait queue
	struct EnvQueue env_waiters;	// envs that wait for this one's end
	struct EnvQueue env_senders;	// envs that want to send to this one
	struct timer env_timer;		// WAIT_SLEEP; guest: its one-shot timer

	uint64_t *env_pml4e;		// page table; null for a guest
	physaddr_t env_cr3;
	uintptr_t env_pgfault_upcall;	// 0: none

	// IPC: what it waits for or received last.
	bool env_ipc_recving;
	envid_t env_ipc_want;		// sender it waits for; 0: anybody
	uintptr_t env_ipc_dstva;	// where a page goes; >= UTOP: nowhere
	uint64_t env_ipc_value;
	envid_t env_ipc_from;
	int env_ipc_perm;		// of the page received; 0: none

	uintptr_t env_wait_va;		// WAIT_PAGE: physical address
	struct Env *env_page_next;	// WAIT_PAGE: next waiter of that page
	int env_vmdisk;			// disk image number; 0: none

	// Guests (vmm/vmx.h); a VMM's list of its guests.
	struct Vm *env_vm;
	struct Vcpu *env_vcpu;
	TAILQ_ENTRY(Env) env_guest_link;	// in one of the next two
	struct EnvQueue env_guests;
	struct EnvQueue env_unborn;	// children it has not started yet
	struct EnvQueue env_events;	// guests whose exits it has not seen
	bool env_input;			// a guest has input it does not know of
};

// Live facts about the machine, one page, readable at UINFO.
enum Role { ROLE_HOST, ROLE_GUEST };
struct sysinfo {
	enum Role si_role;
	uint32_t si_ncpu;
	uint64_t si_tsc_khz;	// TSC ticks a millisecond
	uint64_t si_boot_tsc;	// TSC at the boot block's first instruction
	int64_t si_boot_time;	// the same in seconds since 1970; guest: 0
	uint64_t si_total_pages;
	uint64_t si_free_pages;
	// TSC ticks that processors have slept, less the TSC at which each that
	// still sleeps began: add TSC for each of si_sleeping.
	uint64_t si_idle_ticks;
	uint32_t si_sleeping;
	uint32_t si_nenv;	// environments in use
	uint32_t si_nguest;	// guests alive
	char si_cmdline[512];	// what init shall run; empty: a shell
} __attribute__((aligned(PGSIZE)));
