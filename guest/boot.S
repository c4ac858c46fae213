# The boot block of a guest: the VMM puts these 512 bytes at GUEST_BOOT and the
# kernel's segments behind them, so all that is left to do is to ask the host
# for the memory map and to enter protected mode.

#include <inc/memlayout.h>
#include <inc/vmx.h>

.globl start
.code16
start:
	rdtsc			# where time starts, as on a PC
	cli
	cld
	xorw	%cx, %cx
	movw	%cx, %ds
	movw	%cx, %es
	movw	%cx, %ss
	movw	$start, %sp
	movl	%eax, BOOT_TSC
	movl	%edx, BOOT_TSC + 4

	movl	$VMX_VMCALL_MBMAP, %eax	# ebx = the Multiboot information
	vmcall

	lgdt	gdtdesc
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$0x8, $protected

.code32
protected:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$GUEST_MAGIC, %eax
	movl	$EXTPHYSMEM, %ecx	# the kernel's first byte is its entry
	jmp	*%ecx

.p2align 2
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	# flat code
	.quad	0x00cf92000000ffff	# flat data
gdtdesc:
	.word	gdtdesc - gdt - 1
	.long	gdt

.section .note.GNU-stack, "", @progbits
