// Traps.
#pragma once

#include <inc/trap.h>
#include <kern/env.h>

// Builds the IDT; cpu_init() loads it on each processor.
void trap_init(void);
// Where trapentry.S comes to. Returns only into the idle kernel.
void trap(struct Trapframe *tf);
// An interrupt of that vector: asserted while a guest ran, or by trap().
void irq_dispatch(int vector);
void print_trapframe(const struct Trapframe *tf);
const char *trapname(int trapno);
// The system call of curenv.
void syscall_dispatch(struct Env *e);
// Waits of the file server for the disk's interrupt (sys_irq_wait).
int64_t irq_wait(struct Env *e, int irq, uint32_t ms);
