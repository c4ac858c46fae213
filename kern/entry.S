// The kernel's entry: the boot block jumps here in 32-bit protected mode
// without paging. EAX tells where we are (MULTIBOOT_MAGIC or GUEST_MAGIC),
// EBX the Multiboot information. We map the first GiB twice, at 0 and at
// KERNBASE, enter long mode and go on in C.

#include <inc/memlayout.h>
#include <inc/mmu.h>

.section .boot, "awx"
.code32
.globl _start
_start:
	cli
	cld
	movl	%eax, %edi		// i386_init(magic, info)
	movl	%ebx, %esi

.globl enter_long_mode
enter_long_mode:
	movl	$(CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
	movl	%eax, %cr4
	movl	$boot_pml4, %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl	$(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE), %eax
	movl	%eax, %cr0
	lgdt	boot_gdtdesc
	ljmp	$GD_KT, $long_mode

.code64
long_mode:
	movl	$GD_KD, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	// An application processor finds its stack here (cpu.c).
	movq	ap_stack(%rip), %rsp
	xorl	%ebp, %ebp		// backtraces end here
	testq	%rsp, %rsp
	jnz	1f
	movabsq	$kstacks + PGSIZE + KSTKSIZE, %rsp
	movabsq	$i386_init, %rax
	call	*%rax
1:	movabsq	$mp_main, %rax
	call	*%rax

.p2align 3
.globl ap_stack
ap_stack:
	.quad	0
boot_gdt:
	.quad	0
	.quad	0x00af9a000000ffff	// kernel code
	.quad	0x00cf92000000ffff	// kernel data
boot_gdtdesc:
	.word	boot_gdtdesc - boot_gdt - 1
	.quad	boot_gdt

.p2align PGSHIFT
boot_pml4:
	.quad	boot_pdpt + PTE_P + PTE_W
	.fill	255, 8, 0
	.quad	boot_pdpt + PTE_P + PTE_W
	.fill	255, 8, 0
boot_pdpt:
	.quad	boot_pd + PTE_P + PTE_W
	.fill	511, 8, 0
boot_pd:
	.set	page, PTE_P + PTE_W + PTE_PS
	.rept	512
	.quad	page
	.set	page, page + 0x200000
	.endr

.section .note.GNU-stack, "", @progbits
