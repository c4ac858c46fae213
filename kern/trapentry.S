// Where the processor enters the kernel: each vector pushes its number (and
// a zero where the processor pushes no error code) and goes to alltraps,
// which completes struct Trapframe on the stack.

#include <inc/memlayout.h>
#include <inc/trap.h>

// Vectors for which the processor pushes an error code.
#define HAS_ERROR (1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | \
		   1 << 14 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30)

.macro PUSH_REGS
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rbx
	pushq	%rbp
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro POP_REGS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rbp
	popq	%rbx
	popq	%rdx
	popq	%rcx
	popq	%rax
.endm

// Entry i of the vectors is 16 bytes long: trap_init() counts on it.
.text
.globl vectors
.p2align 4
vectors:
.set i, 0
.rept 256
	.p2align 4
	.if i >= 32 || !((HAS_ERROR >> (i & 31)) & 1)
	pushq	$0
	.endif
	.if i < 128
	pushq	$i
	.else
	pushq	$i - 256	// one byte shorter; alltraps undoes it
	.endif
	jmp	alltraps
	.set i, i + 1
.endr

// From a user the processor has pushed straight into the environment's own
// env_tf, as the TSS's stack pointer is set to its end (env_run); the kernel
// goes on on this processor's stack, cpunum() + 1 stacks into kstacks.
alltraps:
	cld
	PUSH_REGS
	movzbl	120(%rsp), %eax		// tf_trapno
	movq	%rax, 120(%rsp)
	movq	%rsp, %rdi
	movq	%rsp, %rbx
	testb	$3, 144(%rsp)		// tf_cs
	jz	1f
	xorl	%ebp, %ebp		// backtraces end here
	str	%eax
	subl	$(GD_TSS0 - 16), %eax
	imull	$((PGSIZE + KSTKSIZE) / 16), %eax
	leaq	kstacks(%rip), %rsp
	addq	%rax, %rsp
1:	andq	$-16, %rsp
	call	trap
	movq	%rbx, %rsp
	POP_REGS
	addq	$16, %rsp
	iretq

// void env_pop_tf(struct Trapframe *tf)
.globl env_pop_tf
env_pop_tf:
	movq	%rdi, %rsp
	POP_REGS
	addq	$16, %rsp
	iretq

.section .note.GNU-stack, "", @progbits
