// Memory-mapped I/O: the same instructions on RAM and on user/testmmio.c's
// device, which keeps what is written to it, must leave the same registers,
// flags and bytes: in real mode, in protected mode without paging, with 32-bit
// and PAE paging, and in long mode. Ends with the number of differences. With
// a digit at BOOT_CMDLINE it makes one access that ends it instead.
#include <inc/mmu.h>
#include "tiny.h"

// Physical: RAM, device, two pages for code; and where the first two are when
// there is paging, the others behind them.
enum { RAM = 0x30000, DEVICE = 0xa0000, CODE1 = 0x33000, CODE2 = 0x31000 };
enum { PAGED_RAM = 0x40000000, PAGED_DEVICE = PAGED_RAM + PGSIZE,
       PAGED_CODE = PAGED_DEVICE + PGSIZE, PAGED_HOLE = PAGED_CODE + 8192 };
// Page tables: start.S's page directory, and ours.
enum { PDPT = 0x11000, PD_LOW = 0x12000, PD = 0x15000, PT = 0x16000,
       PD32 = 0x17000, PT32 = 0x18000, PDPT_PAE = 0x19000 };

volatile uint32_t differences __attribute__((used));

// "BODY bits": what is done to the memory at EBX (64 bytes). Each result goes
// onto the stack. EBP: where to go on.
__asm__(".macro SAVE bits\n"
	"	.if \\bits == 64\n"
	"	pushfq; andl $~0x10, (%rsp)\n"	// AF: undefined by logic
	"	subq %rbx, %rsi; subq %rbx, %rdi\n"
	"	pushq %rax; pushq %rcx; pushq %rdx; pushq %rsi; pushq %rdi\n"
	"	.else\n"
	"	pushfl; andl $~0x10, (%esp)\n"
	"	subl %ebx, %esi; subl %ebx, %edi\n"
	"	pushl %eax; pushl %ecx; pushl %edx; pushl %esi; pushl %edi\n"
	"	.endif\n"
	".endm\n"
	".macro TRY bits, insn:vararg\n"
	"	movl $0x8192a3b4, %eax\n"
	"	movl $3, %ecx\n"
	"	movl $0xff7f80, %edx\n"
	"	leal 16(%ebx), %esi\n"
	"	leal 32(%ebx), %edi\n"
	"	stc\n"
	"	\\insn\n"
	"	SAVE \\bits\n"
	".endm\n"
	".macro BODY bits\n"
	"	TRY \\bits, movb %al, (%ebx)\n"
	"	TRY \\bits, movb %ah, 1(%ebx)\n"
	"	TRY \\bits, movw %ax, 2(%ebx)\n"
	"	TRY \\bits, movl %eax, 4(%ebx)\n"
	"	TRY \\bits, movl %edx, 3(%ebx, %ecx, 4)\n"
	"	TRY \\bits, movb $0x81, 20(%ebx)\n"
	"	TRY \\bits, movw $0x8182, 22(%ebx)\n"
	"	TRY \\bits, movl $0x89abcdef, 24(%ebx)\n"
	"	TRY \\bits, movb 1(%ebx), %dh\n"
	"	TRY \\bits, movw 2(%ebx), %cx\n"
	"	TRY \\bits, movl 4(%ebx), %edx\n"
	"	TRY \\bits, movzbl 1(%ebx), %eax\n"
	"	TRY \\bits, movzbw 1(%ebx), %ax\n"
	"	TRY \\bits, movzwl 2(%ebx), %eax\n"
	"	TRY \\bits, movsbl 20(%ebx), %ecx\n"
	"	TRY \\bits, movsbw 20(%ebx), %cx\n"
	"	TRY \\bits, movswl 22(%ebx), %ecx\n"
	"	TRY \\bits, orb %ah, (%ebx)\n"
	"	TRY \\bits, andw %dx, 2(%ebx)\n"
	"	TRY \\bits, xorl $0xf0f0f0f0, 4(%ebx)\n"
	"	TRY \\bits, addl $-2, 4(%ebx)\n"
	"	TRY \\bits, adcb %al, 9(%ebx)\n"
	"	TRY \\bits, sbbw $0x1234, 10(%ebx)\n"
	"	TRY \\bits, subl %eax, 12(%ebx)\n"
	"	TRY \\bits, addl 4(%ebx), %eax\n"
	"	TRY \\bits, sbbb 1(%ebx), %ah\n"
	"	TRY \\bits, cmpl %eax, 4(%ebx)\n"
	"	TRY \\bits, cmpb $0x80, 20(%ebx)\n"
	"	TRY \\bits, cmpw 2(%ebx), %ax\n"
	"	TRY \\bits, testl %eax, 4(%ebx)\n"
	"	TRY \\bits, testb $0x80, 20(%ebx)\n"
	"	TRY \\bits, xchgl %eax, 4(%ebx)\n"
	"	TRY \\bits, xchgb %dh, 6(%ebx)\n"
	"	TRY \\bits, lock addl %edx, 8(%ebx)\n"
	"	TRY \\bits, lock xorb $0x55, 1(%ebx)\n"
	"	TRY \\bits, stosb\n"
	"	TRY \\bits, rep stosw\n"
	"	TRY \\bits, rep stosl\n"
	"	TRY \\bits, lodsb\n"
	"	TRY \\bits, lodsw\n"
	"	TRY \\bits, rep lodsl\n"
	"	TRY \\bits, movsb\n"
	"	TRY \\bits, rep movsw\n"
	"	std\n"
	"	TRY \\bits, rep movsl\n"
	"	cld\n"
	"	.if \\bits == 16\n"
	"	TRY \\bits, movb 3(%bx,%si), %al\n"
	"	TRY \\bits, movw %ax, -2(%di)\n"
	"	TRY \\bits, movl %eax, %es:0x120(%bx,%di)\n"
	"	TRY \\bits, movl $0x12345678, 0x28\n"
	"	TRY \\bits, movb 0x12, %al\n"
	"	TRY \\bits, movl %eax, 0x14\n"
	"	.elseif \\bits == 64\n"
	"	TRY \\bits, movq %rax, (%rbx)\n"
	"	TRY \\bits, movq (%rbx), %rcx\n"
	"	TRY \\bits, movb %sil, 5(%rbx)\n"
	"	TRY \\bits, movl 4(%rbx), %r9d\n"
	"	TRY \\bits, movq %r9, 40(%rbx)\n"
	"	TRY \\bits, movslq (%rbx), %rcx\n"
	"	TRY \\bits, movsbq 1(%rbx), %rcx\n"
	"	TRY \\bits, movq $-5, 8(%rbx)\n"
	"	TRY \\bits, addq $0x7f, (%rbx)\n"
	"	TRY \\bits, xchgq %rax, 8(%rbx)\n"
	"	TRY \\bits, rep stosq\n"
	"	TRY \\bits, lodsq\n"
	"	TRY \\bits, rep movsq\n"
	"	.endif\n"
	".endm\n");

// Runs a body on both memories, each with a stack of its own; then the two
// stacks (8 KiB each, below 0x3000 and 0x5000) and the memories are compared.
__asm__(".macro RUN base, stack, body\n"
	"	movl $\\base, %ebx\n"
	"	movl $\\stack, %esp\n"
	"	movl $1f, %ebp\n"
	"	xorl %eax, %eax\n"		// flags are known
	"	jmp \\body\n"
	"1:\n"
	".endm\n"
	".macro COMPARE\n"
	"	movl $0x1000, %esi\n"
	"	movl $0x3000, %edi\n"
	"	movl $0x800, %ecx\n"
	"	repe cmpsl\n"
	"	je 1f\n"
	"	incl %ss:differences\n"
	"1:\n"
	".endm\n"
	".macro COMPARE_MEMORY ram, device\n"
	"	movl $\\device, %esi\n"
	"	movl $\\ram, %edi\n"
	"	movl $0x100, %ecx\n"
	"1:	lodsl\n"
	"	scasl\n"
	"	loope 1b\n"
	"	je 1f\n"
	"	incl %ss:differences\n"
	"1:\n"
	".endm\n"
	".macro BOTH ram, device, body\n"
	"	RUN \\ram, 0x3000, \\body\n"
	"	RUN \\device, 0x5000, \\body\n"
	"	COMPARE\n"
	"	COMPARE_MEMORY \\ram, \\device\n"
	".endm\n");

#define STR(x)	#x
#define XSTR(x)	STR(x)
#define BOTH_PAGED(body)	"BOTH 0x40000000, 0x40001000, " body "\n"

__asm__(".data\n"
	".p2align 3\n"
	"gdt2:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff\n"
	"	.quad 0x00009a000000ffff, 0x000092000000ffff\n"
	"gdt2desc: .word 39; .quad gdt2\n"
	".text\n"
	"body64: BODY 64\n"
	"	jmpq *%rbp\n"
	"long_mode_test:\n"
	"	pushq %rbx; pushq %rbp; movq %rsp, %r8\n"
	BOTH_PAGED("body64")
	"	movq %r8, %rsp; popq %rbp; popq %rbx\n"
	"	ret\n"
	"leave:	lgdt	gdt2desc\n"
	"	pushq	$0x8\n"
	"	pushq	$1f\n"
	"	lretq\n"
	".code32\n"
	"body32: BODY 32\n"
	"	jmpl *%ebp\n"
	"1:	movl	$0x10, %eax\n"
	"	movl	%eax, %ds\n"
	"	movl	%eax, %es\n"
	"	movl	%eax, %ss\n"
	"	movl	%cr0, %eax\n"		// out of long mode
	"	andl	$0x7fffffff, %eax\n"
	"	movl	%eax, %cr0\n"
	"	movl	$0xc0000080, %ecx\n"
	"	rdmsr\n"
	"	andl	$~0x100, %eax\n"
	"	wrmsr\n"
	"	BOTH	0x30000, 0xa0000, body32\n"
	"	movl	$0x10, %eax\n"		// CR4_PSE
	"	movl	%eax, %cr4\n"
	"	movl	$0x17000, %eax\n"	// PD32
	"	movl	%eax, %cr3\n"
	"	movl	%cr0, %eax\n"
	"	orl	$0x80000000, %eax\n"
	"	movl	%eax, %cr0\n"
	BOTH_PAGED("body32")
	"	movl	%cr0, %eax\n"
	"	andl	$0x7fffffff, %eax\n"
	"	movl	%eax, %cr0\n"
	"	movl	$0x20, %eax\n"		// CR4_PAE
	"	movl	%eax, %cr4\n"
	"	movl	$0x19000, %eax\n"	// PDPT_PAE
	"	movl	%eax, %cr3\n"
	"	movl	%cr0, %eax\n"
	"	orl	$0x80000000, %eax\n"
	"	movl	%eax, %cr0\n"
	BOTH_PAGED("body32")
	"	movl	%cr0, %eax\n"
	"	andl	$0x7fffffff, %eax\n"
	"	movl	%eax, %cr0\n"
	"	ljmpl	$0x18, $1f\n"
	".code16\n"
	"1:	movl	$0x20, %eax\n"
	"	movl	%eax, %ds\n"
	"	movl	%eax, %es\n"
	"	movl	%eax, %ss\n"
	"	movl	%cr0, %eax\n"
	"	andb	$0xfe, %al\n"
	"	movl	%eax, %cr0\n"
	"	ljmpl	$0, $real\n"
	"body16: BODY 16\n"
	"	jmpw *%bp\n"
	"real:	xorl	%eax, %eax\n"
	"	movw	%ax, %ss\n"
	"	movw	$0x3000, %ax\n"
	"	movw	%ax, %ds\n"
	"	movw	%ax, %es\n"
	"	RUN	0, 0x3000, body16\n"
	"	movw	$0xa000, %ax\n"
	"	movw	%ax, %ds\n"
	"	movw	%ax, %es\n"
	"	RUN	0, 0x5000, body16\n"
	"	movw	$0x3000, %ax\n"
	"	movw	%ax, %es\n"
	"	COMPARE_MEMORY 0, 0\n"
	"	xorw	%ax, %ax\n"
	"	movw	%ax, %ds\n"
	"	movw	%ax, %es\n"
	"	COMPARE\n"
	"	movl	$" XSTR(VMX_VMCALL_POWEROFF) ", %eax\n"
	"	movl	differences, %ebx\n"
	"	vmcall\n"
	".code64\n");
void long_mode_test(void);
extern char leave[];

static void differs(const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	differences++;
	puts(what);
	say(" gives ", got);
}

static void make_tables(void)
{
	static const uint64_t page[] = { RAM, DEVICE, CODE1, CODE2 };
	uint64_t *pt = (void *)PT, *pdpt = (void *)PDPT_PAE;
	uint32_t *pd32 = (void *)PD32, *pt32 = (void *)PT32;

	for (int i = 0; i < 4; i++)
		pt[i] = pt32[i] = page[i] | PTE_P | PTE_W;
	*(uint64_t *)PD = PT | PTE_P | PTE_W;
	((uint64_t *)PDPT)[1] = PD | PTE_P | PTE_W;
	pdpt[0] = PD_LOW | PTE_P;
	pdpt[1] = PD | PTE_P;
	pd32[0] = PTE_P | PTE_W | PTE_PS;
	pd32[PAGED_RAM >> 22] = PT32 | PTE_P | PTE_W;
}

// movl $value, 0x800(%rbx); ret: at all places where a page's end parts it.
// The next page is elsewhere in memory.
static void straddle(void)
{
	static const uint8_t code[] = {
		0xc7, 0x83, 0, 8, 0, 0, 0x78, 0x56, 0x34, 0x12, 0xc3,
	};
	volatile uint32_t *got = (void *)(PAGED_DEVICE + 0x800);

	for (size_t n = 0; n <= sizeof(code); n++) {
		char *at = (char *)PAGED_CODE + PGSIZE - n;

		for (size_t i = 0; i < sizeof(code); i++)
			at[i] = code[i];
		*got = 0;
		__asm__ volatile("call *%0" : : "r"(at), "b"(PAGED_DEVICE) :
				 "memory");
		differs("code on two pages", *got, 0x12345678);
	}
}

// From device to RAM, on two pages of it; and what cannot be written.
static void copy(void)
{
	volatile uint64_t *device = (void *)(PAGED_DEVICE + 0x800);
	uint64_t at = PAGED_CODE + PGSIZE - 3;

	*device = 0x1122334455667788;
	__asm__ volatile("movsq" : : "S"(device), "D"(at) : "memory");
	differs("copy to two pages", *(volatile uint64_t *)at, *device);
	differs("its parts", *(volatile uint8_t *)CODE2, 0x55);
	at = PAGED_HOLE;
	differs("copy to no page", FAULT_OF("movsl", "S"(device), "D"(at)),
		T_PGFLT);
	differs("its error code", fault_frame, 2);
	differs("its address", rcr2(), at);
	at = 1ul << 63;
	differs("copy to no address", FAULT_OF("movsl", "S"(device), "D"(at)),
		T_GPFLT);
}

static void end(char how)
{
	uint64_t *pt = (void *)PT;

	switch (how) {
	case '1':
		__asm__ volatile("btsl $1, (%0)" : : "r"(PAGED_DEVICE));
		break;
	case '2':
		*(volatile uint32_t *)(PAGED_DEVICE - 2) = 1;
		break;
	case '3':
		((void (*)(void))PAGED_DEVICE)();
		break;
	case '4':
		*(uint64_t *)PD = DEVICE | PTE_P | PTE_W;
		lcr3(rcr3());
		*(volatile uint32_t *)PAGED_RAM = 1;
		break;
	case '5':
		pt[3] = DEVICE | PTE_P;
		lcr3(rcr3());
		__asm__ volatile("movw $7, (%0)" : :
				 "r"(PAGED_CODE + PGSIZE - 1));
	}
}

int main(void)
{
	make_tables();
	end(*(volatile char *)BOOT_CMDLINE);
	long_mode_test();
	straddle();
	copy();
	((void (*)(void))leave)();
	return 0;
}
