// Where the kernel enters the program after a page fault, on the exception
// stack, with a struct UTrapframe at rsp. The handler runs in C; then all
// registers, SSE's too, become what they were. iretq sets rip, flags and rsp
// at once, so nothing is written onto the interrupted stack: it may be the
// page that faults, or be full.
#include <inc/memlayout.h>

#define UTF_REGS	16
#define UTF_RIP		136
#define UTF_EFLAGS	144
#define UTF_RSP		152

.text
.globl _pgfault_upcall
_pgfault_upcall:
	cld
	mov %rsp, %rbx
	sub $512, %rsp
	and $-16, %rsp
	fxsave (%rsp)
	mov %rbx, %rdi
	call pgfault_dispatch
	fxrstor (%rsp)

	lea -40(%rbx), %rsp
	movq $(GD_UD | 3), 32(%rsp)
	mov UTF_RSP(%rbx), %rax
	mov %rax, 24(%rsp)
	mov UTF_EFLAGS(%rbx), %rax
	mov %rax, 16(%rsp)
	movq $(GD_UT | 3), 8(%rsp)
	mov UTF_RIP(%rbx), %rax
	mov %rax, 0(%rsp)

	lea UTF_REGS(%rbx), %rax
	mov 0(%rax), %r15
	mov 8(%rax), %r14
	mov 16(%rax), %r13
	mov 24(%rax), %r12
	mov 32(%rax), %r11
	mov 40(%rax), %r10
	mov 48(%rax), %r9
	mov 56(%rax), %r8
	mov 64(%rax), %rdi
	mov 72(%rax), %rsi
	mov 80(%rax), %rbp
	mov 88(%rax), %rbx
	mov 96(%rax), %rdx
	mov 104(%rax), %rcx
	mov 112(%rax), %rax
	iretq

.section .note.GNU-stack, "", @progbits
