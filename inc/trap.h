// Traps: vectors and the frame that trapentry.S builds.
#pragma once

// Processor exceptions (SDM volume 3, "Exception and Interrupt Reference").
#define T_DIVIDE	0
#define T_DEBUG		1
#define T_NMI		2
#define T_BRKPT		3
#define T_OFLOW		4
#define T_BOUND		5
#define T_ILLOP		6
#define T_DEVICE	7
#define T_DBLFLT	8
#define T_TSS		10
#define T_SEGNP		11
#define T_STACK		12
#define T_GPFLT		13
#define T_PGFLT		14
#define T_FPERR		16
#define T_ALIGN		17
#define T_MCHK		18
#define T_SIMDERR	19

#define T_SYSCALL	0x30	// int $0x30

// Hardware interrupts: the PIC's sixteen, then the local APIC's.
#define IRQ_OFFSET	32
#define IRQ_TIMER	0
#define IRQ_KBD		1
#define IRQ_CASCADE	2	// the second PIC's output
#define IRQ_SERIAL	4
// A device took its interrupt back before a processor had it: of the first
// PIC, for which no EOI is due, and of the second, for whose cascade one is.
#define IRQ_SPURIOUS	7
#define IRQ_IDE		14
#define IRQ_SPURIOUS2	15
#define IRQ_KICK	17	// from another CPU: enter the kernel
#define IRQ_ERROR	18
#define IRQ_LAPIC_SPURIOUS 31	// vector 63: low four bits must be ones

// Page-fault error code.
#define FEC_PR		0x1	// page present: a protection fault
#define FEC_WR		0x2	// a write
#define FEC_U		0x4	// from user mode

#define FL_TF		0x100ul
#define FL_IF		0x200ul
#define FL_DF		0x400ul
#define FL_IOPL_3	0x3000ul
#define FL_NT		0x4000ul
#define FL_RF		0x10000ul
#define FL_AC		0x40000ul

#ifndef __ASSEMBLER__
#include <inc/types.h>

struct PushRegs {
	uint64_t reg_r15, reg_r14, reg_r13, reg_r12, reg_r11, reg_r10;
	uint64_t reg_r9, reg_r8, reg_rdi, reg_rsi, reg_rbp, reg_rbx;
	uint64_t reg_rdx, reg_rcx, reg_rax;
};

struct Trapframe {
	struct PushRegs tf_regs;
	uint64_t tf_trapno;
	uint64_t tf_err;
	// from here on pushed by the processor
	uint64_t tf_rip;
	uint64_t tf_cs;
	uint64_t tf_eflags;
	uint64_t tf_rsp;
	uint64_t tf_ss;
};

// What the kernel puts onto the exception stack for the page-fault upcall.
struct UTrapframe {
	uint64_t utf_fault_va;
	uint64_t utf_err;
	struct PushRegs utf_regs;
	uint64_t utf_rip;
	uint64_t utf_eflags;
	uint64_t utf_rsp;
};
#endif
