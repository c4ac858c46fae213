// int asm_vmrun(struct Trapframe *tf, uint64_t runs)
//
// Enters the guest whose VMCS is current. The host's callee-saved registers
// and tf stay on the stack, whose top the VM exit finds in HOST_RSP:
//
//	HOST_RSP ->	tf
//			rbp rbx r12 r13 r14 r15
//			return address
//
// The guest's RIP, RSP and RFLAGS are in the VMCS; the others in tf->tf_regs.

#include <vmm/vmcs.h>

// Offsets in struct PushRegs.
#define R15	0
#define R14	8
#define R13	16
#define R12	24
#define R11	32
#define R10	40
#define R9	48
#define R8	56
#define RDI	64
#define RSI	72
#define RBP	80
#define RBX	88
#define RDX	96
#define RCX	104
#define RAX	112

.text
.globl asm_vmrun
asm_vmrun:
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	pushq	%rbp
	pushq	%rdi
	movl	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax

	cmpq	$1, %rsi		// the flag survives the moves below
	movq	R15(%rdi), %r15
	movq	R14(%rdi), %r14
	movq	R13(%rdi), %r13
	movq	R12(%rdi), %r12
	movq	R11(%rdi), %r11
	movq	R10(%rdi), %r10
	movq	R9(%rdi), %r9
	movq	R8(%rdi), %r8
	movq	RSI(%rdi), %rsi
	movq	RBP(%rdi), %rbp
	movq	RBX(%rdi), %rbx
	movq	RDX(%rdi), %rdx
	movq	RCX(%rdi), %rcx
	movq	RAX(%rdi), %rax
	movq	RDI(%rdi), %rdi
	jne	1f
	vmlaunch
	jmp	2f
1:	vmresume
	// Only a refused entry comes here: the registers are the guest's
	// still, and tf has them.
2:	popq	%rdi
	movl	$1, %eax
	jmp	3f

// HOST_RIP: the guest has exited.
.globl vmexit_entry
vmexit_entry:
	pushq	%rdi
	movq	8(%rsp), %rdi
	movq	%rax, RAX(%rdi)
	movq	%rcx, RCX(%rdi)
	movq	%rdx, RDX(%rdi)
	movq	%rbx, RBX(%rdi)
	movq	%rbp, RBP(%rdi)
	movq	%rsi, RSI(%rdi)
	movq	%r8, R8(%rdi)
	movq	%r9, R9(%rdi)
	movq	%r10, R10(%rdi)
	movq	%r11, R11(%rdi)
	movq	%r12, R12(%rdi)
	movq	%r13, R13(%rdi)
	movq	%r14, R14(%rdi)
	movq	%r15, R15(%rdi)
	popq	RDI(%rdi)
	popq	%rdi
	xorl	%eax, %eax

3:	popq	%rbp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	ret

.section .note.GNU-stack, "", @progbits
