// Paging is turned on together with a bit of CR0 that the host owns, so the
// host does it, from states in which it must refuse: PAE tables too wide for
// the processor, also when only CD changes, long mode with a 16-bit TSS. Ends
// with the number of #GPs.
#include <inc/mmu.h>
#include "tiny.h"

#define STR(x)	#x
#define XSTR(x)	STR(x)
#define ON	"0xc0000000"	// CR0_PG | CR0_CD

__asm__(".section .data\n"
	".p2align 5\n"
	"pae:	.quad 0x12001, 0, 0, 0\n"
	"wide:	.quad 0x12001, 0x4000000012001, 0, 0\n"
	"gdt2:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff\n"
	"tss2:	.quad 0x0000810000000000 + 0x2b\n"	// 16-bit, at 0
	"gdt2desc: .word 31; .quad gdt2\n"
	"idt2:	.fill 13, 8, 0\n"
	"gp2:	.quad 0\n"
	"idt2desc: .word 14 * 8 - 1; .quad idt2\n"
	".text\n"
	"leave:	lgdt	gdt2desc\n"
	"	movl	$on_gp, %eax\n"
	"	movw	%ax, gp2\n"
	"	movw	$0x8, gp2 + 2\n"
	"	movw	$0x8e00, gp2 + 4\n"
	"	shrl	$16, %eax\n"
	"	movw	%ax, gp2 + 6\n"
	"	lidt	idt2desc\n"
	"	xorl	%ebx, %ebx\n"		// #GPs
	"	pushq	$0x8\n"
	"	pushq	$1f\n"
	"	lretq\n"
	".code32\n"
	"1:	movl	$0x10, %eax\n"
	"	movl	%eax, %ds\n"
	"	movl	%eax, %ss\n"
	"	movl	%cr0, %eax\n"		// out of long mode
	"	andl	$0x7fffffff, %eax\n"
	"	movl	%eax, %cr0\n"
	"	movl	$0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	andl	$~0x100, %eax\n"
	"	wrmsr\n"
	"	movl	$wide, %eax\n"
	"	movl	%eax, %cr3\n"
	"	movl	%cr0, %eax\n"
	"	orl	$" ON ", %eax\n"
	"	movl	%eax, %cr0\n"		// #GP
	"	movl	$pae, %eax\n"
	"	movl	%eax, %cr3\n"
	"	movl	%cr0, %eax\n"
	"	orl	$0x80000000, %eax\n"
	"	movl	%eax, %cr0\n"
	"	movl	$0x04000000, pae + 4\n"
	"	orl	$0x40000000, %eax\n"	// CD: PDPTEs are loaded again
	"	movl	%eax, %cr0\n"		// #GP
	"	movl	%cr0, %eax\n"
	"	andl	$0x7fffffff, %eax\n"
	"	movl	%eax, %cr0\n"
	"	movl	$0x10000, %eax\n"	// start.S's tables
	"	movl	%eax, %cr3\n"
	"	rdmsr\n"
	"	orl	$0x100, %eax\n"
	"	wrmsr\n"
	"	movl	$0x18, %eax\n"
	"	ltr	%ax\n"
	"	movl	%cr0, %eax\n"
	"	orl	$" ON ", %eax\n"
	"	movl	%eax, %cr0\n"		// #GP
	"	movl	$" XSTR(VMX_VMCALL_POWEROFF) ", %eax\n"
	"	vmcall\n"
	"on_gp:	incl	%ebx\n"
	"	addl	$4, %esp\n"
	"	addl	$3, (%esp)\n"		// past MOV to CR0
	"	iretl\n"
	".code64\n");
extern char leave[];

int main(void)
{
	((void (*)(void))leave)();
	return 0;
}
