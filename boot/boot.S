# The boot block of the PC: the BIOS puts these 512 bytes at 0x7c00 and jumps
# here in real mode. It asks the BIOS for the memory map, switches to 32-bit
# protected mode and calls bootmain (main.c), which loads the kernel.

#include <inc/memlayout.h>

.set SMAP, 0x534d4150		# "SMAP" (ACPI, "INT 15H, E820H")
.set MMAP, BOOT_INFO + 0x34

.globl start
.code16
start:
	rdtsc			# where time starts in `make bench`
	cli
	cld
	xorw	%cx, %cx
	movw	%cx, %ds
	movw	%cx, %es
	movw	%cx, %ss
	movw	$start, %sp
	movl	%eax, BOOT_TSC
	movl	%edx, BOOT_TSC + 4

	inb	$0x92, %al	# address line 20, the fast way
	orb	$2, %al
	outb	%al, $0x92

	# The map, as Multiboot wants it: each entry after its size.
	movw	$MMAP, %di
	xorl	%ebx, %ebx
1:	movl	$20, (%di)
	addw	$4, %di
	movl	$0xe820, %eax
	movl	$20, %ecx
	movl	$SMAP, %edx
	int	$0x15
	jc	2f
	addw	$20, %di
	testl	%ebx, %ebx
	jnz	1b
	addw	$4, %di
2:	subw	$MMAP + 4, %di
	movzwl	%di, %edi
	movl	$0x44, BOOT_INFO	# MBI_CMDLINE | MBI_MMAP
	movl	$BOOT_CMDLINE, BOOT_INFO + 16
	movl	%edi, BOOT_INFO + 44
	movl	$MMAP, BOOT_INFO + 48

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
	call	bootmain	# returns the kernel's entry point
	movl	%eax, %ecx
	movl	$MULTIBOOT_MAGIC, %eax
	movl	$BOOT_INFO, %ebx
	jmp	*%ecx

.p2align 2
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	# flat code
	.quad	0x00cf92000000ffff	# flat data
gdtdesc:
	.word	gdtdesc - gdt - 1
	.long	gdt

.section .note.GNU-stack, "", @progbits
