// Processors: their state, the local APIC, the kernel lock.
#pragma once

#define NCPU		8
#define MPENTRY_PADDR	0x7000	// where application processors start

#ifndef __ASSEMBLER__
#include <inc/env.h>
#include <inc/mmu.h>
#include <inc/types.h>
#include <inc/x86.h>

// 64-bit TSS (SDM volume 3, "TSS Structure in 64-bit Mode").
struct Taskstate {
	uint32_t ts_res0;
	uint64_t ts_rsp[3];
	uint64_t ts_res1;
	uint64_t ts_ist[7];	// [0] NMI, [1] double fault, [2] machine check
	uint64_t ts_res2;
	uint16_t ts_res3;
	uint16_t ts_iomb;
} __attribute__((packed));
_Static_assert(sizeof(struct Taskstate) == 104, "SDM");

enum { IST_NMI = 1, IST_DBLFLT, IST_MCHK, NIST = IST_MCHK };

struct CpuInfo {
	uint8_t cpu_apicid;
	// In the kernel or waiting for its lock: cannot return to a user or a
	// guest without the lock. Written by its own CPU, read by others.
	volatile bool cpu_in_kernel;
	volatile bool cpu_started;
	bool cpu_idle;			// halted for want of work
	volatile bool cpu_flush_tlb;	// once it has the kernel lock
	struct Env *cpu_env;		// whose state is in the processor
	uint64_t cpu_since;		// TSC when cpu_env was dispatched
	uint64_t cpu_slice_end;		// TSC
	struct Env *cpu_next;		// see sched_hand_over
	uint64_t cpu_timer;		// TSC the APIC timer fires at; ~0: no

	// vmm/vmx.c
	bool cpu_vmxon;
	physaddr_t cpu_vmxon_region;
	struct Env *cpu_vmcs;		// whose VMCS is current, if any
	struct Vcpu *cpu_msrs;		// whose MSRs, debug registers it has

	struct Taskstate cpu_ts;
} __attribute__((aligned(256)));	// no common cache line, quick to index

// Kernel stacks; what is below one is not mapped.
struct kstack {
	char guard[PGSIZE];
	char stack[KSTKSIZE];
};
extern struct kstack kstacks[NCPU];
extern struct CpuInfo cpus[NCPU];
extern int ncpu;		// processors that run

// The number of this processor: its task register tells. Not volatile: while
// a function runs the processor stays the same, as the kernel is never
// preempted.
static inline int cpunum(void)
{
	uint32_t tr;

	__asm__("str %0" : "=r"(tr));
	return (tr - GD_TSS0) >> 4;
}
// A TSS's descriptor takes 16 bytes, a CpuInfo 256.
_Static_assert(sizeof(struct CpuInfo) == 256, "see this_cpu");
static inline struct CpuInfo *this_cpu(void)
{
	uint64_t tr;

	__asm__("str %k0" : "=r"(tr));
	return (void *)((char *)cpus + (tr - GD_TSS0) * 16);
}
#define thiscpu this_cpu()
#define curenv (thiscpu->cpu_env)

// Finds the processors in ACPI's tables (MADT) and starts them. A machine
// without ACPI or a guest has one.
void mp_init(void);
void boot_aps(void);
void mp_main(void) __attribute__((noreturn));
// Loads GDT, IDT and TSS of processor `cpu` and its control registers.
void cpu_init(int cpu);
// Loads GDTR and IDTR: a VM exit spoils their limits.
extern const struct descriptor_ptr gdt_ptr, idt_ptr;
static inline void cpu_load_tables(void)
{
	__asm__ volatile("lgdt %0\n\t"
			 "lidt %1"
			 : : "m"(gdt_ptr), "m"(idt_ptr) : "memory");
}
// Makes another processor enter the kernel and waits until it is there. It
// stays there as long as the caller has the kernel lock.
void cpu_kick(struct CpuInfo *c);
// Wakes an idle processor, if there is one, because there is work.
void cpu_wake_idle(void);

// lapic.c. SDM volume 3, "Advanced Programmable Interrupt Controller".
void lapic_init(void);
void lapic_eoi(void);
uint8_t lapic_id(void);
// Interrupt after that many timer ticks (bus clock / 16), once; 0 stops it.
void lapic_timer(uint32_t ticks);
uint32_t lapic_timer_left(void);
void lapic_ipi(uint8_t apicid, int vector);
// INIT and two start-up IPIs: the processor begins at addr (page below 1 MiB).
void lapic_startap(uint8_t apicid, uint32_t addr);

// pic.c: the two 8259A; interrupts 0 to 15 come at IRQ_OFFSET.
void pic_init(void);
void pic_unmask(int irq);
void pic_eoi(int irq);

// The kernel lock: held by whoever is in the kernel. `me` is this processor.
// Whoever runs may take it: in turn would be slow where processors share
// cores, as in an emulator, and the next in turn has just been descheduled.
// Inline, as every exit of a guest goes through it.
extern volatile uint32_t kernel_lock;

static inline void lock_kernel(struct CpuInfo *me)
{
	me->cpu_in_kernel = true;
	while (xchg(&kernel_lock, 1))
		while (kernel_lock)
			pause();
}

static inline void unlock_kernel(struct CpuInfo *me)
{
	me->cpu_in_kernel = false;
	__atomic_store_n(&kernel_lock, 0, __ATOMIC_RELEASE);
}
#endif
