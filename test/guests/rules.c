// What a guest may do and may not, each rule with a line when it is broken;
// "rules: N checked, N broken" in the end.
#include <inc/error.h>
#include <inc/mmu.h>
#include "tiny.h"

static int checked, broken;

static void check(const char *what, int64_t got, int64_t want)
{
	checked++;
	if (got == want)
		return;
	broken++;
	puts("BROKEN: ");
	puts(what);
	say(" gives ", got);
}

#define IS(what, got, want)	check(what, got, want)
#define FAULTS(insn, want, ...)	check(insn, FAULT_OF(insn, ##__VA_ARGS__), want)
enum { NO_FAULT = -1 };

static void memory(void)
{
	*(volatile uint32_t *)0 = 0x1234;
	IS("page 0", *(volatile uint32_t *)0, 0x1234);
	IS("demand zero", *(volatile uint64_t *)0x900000, 0);
}

static void vmx_instructions(void)
{
	FAULTS("vmxon (%0)", T_ILLOP, "r"(0x8000ul));
	FAULTS("vmxoff", T_ILLOP);
	FAULTS("vmlaunch", T_ILLOP);
	FAULTS("vmresume", T_ILLOP);
	FAULTS("vmptrld (%0)", T_ILLOP, "r"(0x8000ul));
	FAULTS("vmptrst (%0)", T_ILLOP, "r"(0x8000ul));
	FAULTS("vmclear (%0)", T_ILLOP, "r"(0x8000ul));
	FAULTS("vmread %%rax, %%rbx", T_ILLOP);
	FAULTS("vmwrite %%rax, %%rbx", T_ILLOP);
	FAULTS("invept (%0), %%rax", T_ILLOP, "r"(0x8000ul));
	FAULTS("invvpid (%0), %%rax", T_ILLOP, "r"(0x8000ul));
	FAULTS("movl $0, %%eax; movl $0, %%ecx; vmfunc", T_ILLOP);
	FAULTS("xorl %%eax, %%eax; getsec", T_ILLOP);
}

static void other_instructions(void)
{
	FAULTS("movl $0, %%ecx; movl $3, %%eax; movl $0, %%edx; xsetbv",
	       T_ILLOP);
	FAULTS("movl $0, %%ecx; rdpmc", T_GPFLT);
	FAULTS("xorl %%ecx, %%ecx; xorl %%edx, %%edx; monitor", T_ILLOP);
	FAULTS("mwait", T_ILLOP);
	FAULTS("rdtscp", T_ILLOP);
	FAULTS("invd", NO_FAULT);
	FAULTS("wbinvd", NO_FAULT);
	FAULTS("ud2", T_ILLOP);
	FAULTS("int3", T_BRKPT);
}

static void msrs(void)
{
	static const uint32_t unknown[] = {
		0x1b, 0x3a, 0x480, 0x48b, 0x1a0, 0x6e0, 0x800, 0x830,
		0xc0000103, 0xc0010114, 0x40000000, 0x12345678, 0xffffffff,
	};
	uint32_t star = 0xc0000081;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		FAULTS("movl %0, %%ecx; rdmsr", T_GPFLT, "r"(unknown[i]));
		FAULTS("movl %0, %%ecx; xorl %%eax, %%eax;"
		       "xorl %%edx, %%edx; wrmsr", T_GPFLT, "r"(unknown[i]));
	}
	IS("STAR", rdmsr(star), 0);
	wrmsr(star, 0x1234567800000000);
	IS("STAR", rdmsr(star), 0x1234567800000000);
	wrmsr(star, 0);
	// LSTAR must be canonical, EFER has reserved bits.
	FAULTS("movl $0xc0000082, %%ecx; movl $0x80000000, %%edx; wrmsr",
	       T_GPFLT);
	FAULTS("movl $0xc0000080, %%ecx; rdmsr; orl $0x1000, %%eax; wrmsr",
	       T_GPFLT);
	FAULTS("movl $0x277, %%ecx; movl $0x02020202, %%eax; wrmsr", T_GPFLT);
}

static void hypercalls(void)
{
	IS("hypercall 0", hypercall(0, 0, 0), -E_NO_SYS);
	IS("hypercall 7", hypercall(VMX_VMCALL_ALLOC_CPU, 0, 0), -E_NO_SYS);
	IS("hypercall 9", hypercall(VMX_VMCALL_CPUNUM, 0, 0), -E_NO_SYS);
	IS("hypercall 15", hypercall(15, 0, 0), -E_NO_SYS);
	IS("hypercall 99", hypercall(99, 0, 0), -E_NO_SYS);
	IS("hypercall -1", hypercall(-1ul, 0, 0), -E_NO_SYS);
	IS("hypercall 1 << 32 | 4", hypercall(1ul << 32 | 4, 0, 0), -E_NO_SYS);
	IS("yield", hypercall(VMX_VMCALL_GUEST_YIELD, 0, 0), 0);
	IS("IPC to nobody", hypercall(VMX_VMCALL_IPCSEND, 7, 0), -E_INVAL);
	IS("write from the hole",
	   hypercall(VMX_VMCALL_CONS_WRITE, 0xb8000, 1), -E_FAULT);
	IS("write from beyond",
	   hypercall(VMX_VMCALL_CONS_WRITE, GUEST_MEM_SZ, 1), -E_FAULT);
	IS("write from -1",
	   hypercall(VMX_VMCALL_CONS_WRITE, -1ul, 1), -E_FAULT);
	IS("write over a page's end",
	   hypercall(VMX_VMCALL_CONS_WRITE, 0x8fff, 2), -E_FAULT);
	IS("write too much",
	   hypercall(VMX_VMCALL_CONS_WRITE, 0x8000, 1ul << 40), -E_INVAL);
	IS("receive into the hole",
	   hypercall(VMX_VMCALL_IPCRECV, 0xa0000, 0), -E_INVAL);
	IS("receive unaligned",
	   hypercall(VMX_VMCALL_IPCRECV, 0x8001, 0), -E_INVAL);
}

// Leaf and subleaf are the low halves; results have no high halves.
static void cpuid_halves(void)
{
	uint64_t a = 0xdeadbeef00000001, b = -1ul, c = 0xdeadbeef00000000;
	uint64_t d = -1ul;

	__asm__ volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
	IS("cpuid's high halves", (a | b | c | d) >> 32, 0);
	IS("VMX bit", c >> 5 & 1, 0);
	IS("hypervisor bit", c >> 31 & 1, 1);
	IS("XSAVE, AVX, x2APIC bits", c & 0x3d200000, 0);
	IS("MTRR, MCE, APIC bits", d & 0x1280, 0);
	cpuid(0x0a, 0, (uint32_t *)&a, NULL, NULL, NULL);
	IS("PMU", (uint32_t)a, 0);
}

static void ports(void)
{
	uint64_t rax = 0x1122334455667788;

	__asm__ volatile("inb $0xe4, %%al" : "+a"(rax));
	IS("IN to AL", rax, 0x11223344556677ff);
	__asm__ volatile("inw $0xe4, %%ax" : "+a"(rax));
	IS("IN to AX", rax, 0x112233445566ffff);
	__asm__ volatile("inl $0xe4, %%eax" : "+a"(rax));
	IS("IN to EAX", rax, 0xffffffff);
	outb(0x80, 1);
}

static uint64_t rcr8(void)
{
	uint64_t v;

	__asm__ volatile("movq %%cr8, %0" : "=r"(v));
	return v;
}

static void lcr8(uint64_t v)
{
	__asm__ volatile("movq %0, %%cr8" : : "r"(v));
}

static void control_registers(void)
{
	uint64_t cr0 = rcr0(), cr4 = rcr4();

	IS("VMXE shows", cr4 & CR4_VMXE, 0);
	FAULTS("movq %0, %%cr4", T_GPFLT, "r"(cr4 | CR4_VMXE));
	FAULTS("movq %0, %%cr4", T_GPFLT, "r"(cr4 | CR4_SMXE));
	FAULTS("movq %0, %%cr4", T_GPFLT, "r"(cr4 | CR4_PCIDE));
	FAULTS("movq %0, %%cr4", T_GPFLT, "r"(cr4 | CR4_OSXSAVE));
	FAULTS("movq %0, %%cr4", T_GPFLT, "r"(cr4 | 1ul << 40));
	FAULTS("movq %0, %%cr4", T_GPFLT, "r"(cr4 & ~CR4_PAE));
	FAULTS("movq %0, %%cr4", NO_FAULT, "r"(cr4 | CR4_PGE));
	lcr4(cr4);
	FAULTS("movq %0, %%cr0", T_GPFLT, "r"(cr0 & ~CR0_PE));
	FAULTS("movq %0, %%cr0", T_GPFLT, "r"(cr0 | CR0_NW));
	FAULTS("movq %0, %%cr0", T_GPFLT, "r"(cr0 | 1ul << 32));
	FAULTS("movq %0, %%cr0", T_GPFLT, "r"(cr0 & ~CR0_PG));
	lcr0(cr0 | CR0_NE);
	IS("NE as written", rcr0() & CR0_NE, CR0_NE);
	lcr0(cr0 & ~CR0_NE);
	IS("NE as written", rcr0() & CR0_NE, 0);
	lcr0(cr0 | CR0_CD);
	IS("CD as written", rcr0() & CR0_CD, CR0_CD);
	lcr0(cr0);
	IS("CR8 at first", rcr8(), 0);
	FAULTS("movq %0, %%cr8", T_GPFLT, "r"(16ul));
	// 15 keeps all interrupts of an APIC away, but ours has none: from
	// here on they still come.
	lcr8(15);
	IS("CR8 as written", rcr8(), 15);
}

static void debug(void)
{
	ldr0(0x1234);
	ldr3(0x5678);
	hypercall(VMX_VMCALL_GUEST_YIELD, 0, 0);
	IS("DR0", rdr0(), 0x1234);
	IS("DR3", rdr3(), 0x5678);
	// A single step: TF takes effect after the instruction behind POPF.
	FAULTS("pushfq; orq $0x100, (%%rsp); popfq; nop; nop", T_DEBUG);
	IS("DR6.BS", rdr6() >> 14 & 1, 1);
	FAULTS("pushfq; orq $0x100, (%%rsp); popfq; cpuid", T_DEBUG);
	IS("a step over cpuid ends", fault_frame, fault_resume);
	FAULTS(".byte 0xf1", T_DEBUG);
	IS("INT1 returns to", fault_frame, fault_resume);
	// General detect: DR7's own bit goes, so that the handler can read.
	FAULTS("movq %0, %%dr7; movq %%dr0, %%rax", T_DEBUG, "r"(0x2400ul));
	IS("DR6.BD", rdr6() >> 13 & 1, 1);
	FAULTS("movq %%dr7, %%rax", NO_FAULT);
	lcr2(0xabcdef);
	hypercall(VMX_VMCALL_GUEST_YIELD, 0, 0);
	IS("CR2", rcr2(), 0xabcdef);
}

// A fault whose frame goes onto a page that is not there yet, and an
// interrupt: delivery itself exits, and is made again.
static void delivery(void)
{
	FAULTS("movq $0xa00ff0, %%rsp; ud2", T_ILLOP);
	// The timer's vector is 32, behind this table: a fault by its gate.
	hypercall(VMX_VMCALL_TIMER, rdtsc() + 1000, 0);
	FAULTS("movq $0xb00ff0, %%rsp; sti; 2: pause; jmp 2b", T_GPFLT);
}

int main(void)
{
	memory();
	vmx_instructions();
	other_instructions();
	msrs();
	hypercalls();
	cpuid_halves();
	ports();
	control_registers();
	debug();
	delivery();
	say("rules checked: ", checked);
	say("rules broken: ", broken);
	return broken;
}
