// Where an application processor wakes (SDM volume 3, "MP Initialization
// Protocol"): in real mode at MPENTRY_PADDR, where boot_aps() has copied this
// code. It enters protected mode and joins the boot processor's path.

#include <inc/memlayout.h>
#include <kern/cpu.h>

#define MPADDR(sym)	((sym) - mpentry_start + MPENTRY_PADDR)

.section .rodata
.code16
.globl mpentry_start
mpentry_start:
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	MPADDR(mp_gdtdesc)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$GD_KT, $MPADDR(1f)

.code32
1:	movl	$GD_KD, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$enter_long_mode, %eax
	jmp	*%eax

.p2align 3
mp_gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	// flat code
	.quad	0x00cf92000000ffff	// flat data
mp_gdtdesc:
	.word	mp_gdtdesc - mp_gdt - 1
	.long	MPADDR(mp_gdt)
.globl mpentry_end
mpentry_end:

.section .note.GNU-stack, "", @progbits
