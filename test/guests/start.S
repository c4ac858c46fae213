# How a tiny guest begins: in real mode at GUEST_BOOT, from there to long mode
# with the first GiB mapped onto itself and all exceptions at fault_entry,
# then main() in C. Tables lie at 0x10000, the stack below 0x10000.

#include <inc/memlayout.h>
#include <inc/mmu.h>
#include <inc/vmx.h>

.set PML4, 0x10000
.set PDPT, 0x11000
.set PD, 0x12000
.set IDT, 0x13000

.section .start, "ax"
.globl start
.code16
start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x10000, %esp
	lgdtl	gdtdesc
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$0x8, $protected

.code32
protected:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$PDPT + 3, PML4
	movl	$PD + 3, PDPT
	movl	$PD, %edi
	movl	$0x83, %eax
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	cmpl	$PD + 4096, %edi
	jb	1b
	movl	$(CR4_PAE | CR4_OSFXSR), %eax
	movl	%eax, %cr4
	movl	$PML4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG, %eax
	movl	%eax, %cr0
	ljmpl	$0x10, $long_mode

.code64
long_mode:
	# Gates for the 32 exceptions: entry i is 16 bytes after entry i - 1.
	movl	$IDT, %edi
	leaq	entries(%rip), %rbx
	movl	$32, %ecx
1:	movw	%bx, (%rdi)
	movl	$0x8e000010, 2(%rdi)
	movw	$0, 6(%rdi)
	movw	$0x8e00, 4(%rdi)
	addq	$16, %rbx
	addq	$16, %rdi
	loop	1b
	lidt	idtdesc(%rip)
	call	main
	movl	$VMX_VMCALL_POWEROFF, %eax
	xorl	%ebx, %ebx
	vmcall

# Exceptions: the one that is expected goes on at fault_resume with its number
# in fault_vector; any other one is a triple fault's.
.set i, 0
.p2align 4
entries:
.rept 32
	.p2align 4
	.byte	0x6a, i		# push $i
	jmp	fault
	.set i, i + 1
.endr
fault:
	popq	fault_vector(%rip)
	popq	fault_frame(%rip)
	movq	fault_rsp(%rip), %rsp
	jmp	*fault_resume(%rip)

.globl fault, fault_vector, fault_frame, fault_resume, fault_rsp
.p2align 3
fault_vector: .quad 0
fault_frame: .quad 0
fault_resume: .quad 0
fault_rsp: .quad 0
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	# 32-bit code
	.quad	0x00af9a000000ffff	# 64-bit code
	.quad	0x00cf92000000ffff	# data
	.quad	0x00affa000000ffff	# 64-bit code, ring 3
	.quad	0x00cff2000000ffff	# data, ring 3
gdtdesc:
	.word	gdtdesc - gdt - 1
	.long	gdt
idtdesc:
	.word	32 * 16 - 1
	.quad	IDT

.section .note.GNU-stack, "", @progbits
