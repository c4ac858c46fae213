// Processor instructions that C has no words for, one function each, by
// their mnemonics.
#pragma once

#include <inc/types.h>

#define X86	static inline __attribute__((always_inline))

X86 uint8_t inb(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

X86 uint16_t inw(uint16_t port)
{
	uint16_t v;
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

X86 uint32_t inl(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

X86 void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

X86 void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

X86 void outl(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

// n double words from or to the port.
X86 void insl(uint16_t port, void *dst, size_t n)
{
	__asm__ volatile("rep insl" : "+D"(dst), "+c"(n) : "d"(port)
			 : "memory");
}

X86 void outsl(uint16_t port, const void *src, size_t n)
{
	__asm__ volatile("rep outsl" : "+S"(src), "+c"(n) : "d"(port)
			 : "memory");
}

// Null pointers are for results that nobody wants.
X86 void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b,
	       uint32_t *c, uint32_t *d)
{
	uint32_t eax, ebx, ecx, edx;
	__asm__ volatile("cpuid"
			 : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx)
			 : "a"(leaf), "c"(subleaf));
	if (a)
		*a = eax;
	if (b)
		*b = ebx;
	if (c)
		*c = ecx;
	if (d)
		*d = edx;
}

X86 uint64_t rdtsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

X86 uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

X86 void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)) : "memory");
}

#define X86_REGISTER(read, write, name)					\
	X86 uint64_t read(void)						\
	{								\
		uint64_t v;						\
		__asm__ volatile("movq %%" name ", %0" : "=r"(v)	\
				 : : "memory");				\
		return v;						\
	}								\
	X86 void write(uint64_t v)					\
	{								\
		__asm__ volatile("movq %0, %%" name : : "r"(v)		\
				 : "memory");				\
	}
X86_REGISTER(rcr0, lcr0, "cr0")
X86_REGISTER(rcr2, lcr2, "cr2")
X86_REGISTER(rcr3, lcr3, "cr3")
X86_REGISTER(rcr4, lcr4, "cr4")
X86_REGISTER(rdr0, ldr0, "dr0")
X86_REGISTER(rdr1, ldr1, "dr1")
X86_REGISTER(rdr2, ldr2, "dr2")
X86_REGISTER(rdr3, ldr3, "dr3")
X86_REGISTER(rdr6, ldr6, "dr6")
X86_REGISTER(rdr7, ldr7, "dr7")
#undef X86_REGISTER

X86 void invlpg(const void *va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

// What LGDT, LIDT, SGDT and SIDT have as their operand.
struct descriptor_ptr {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

X86 void lgdt(const void *base, uint16_t limit)
{
	struct descriptor_ptr p = { limit, (uintptr_t)base };
	__asm__ volatile("lgdt %0" : : "m"(p) : "memory");
}

X86 void lidt(const void *base, uint16_t limit)
{
	struct descriptor_ptr p = { limit, (uintptr_t)base };
	__asm__ volatile("lidt %0" : : "m"(p) : "memory");
}

X86 struct descriptor_ptr sgdt(void)
{
	struct descriptor_ptr p;
	__asm__ volatile("sgdt %0" : "=m"(p));
	return p;
}

X86 struct descriptor_ptr sidt(void)
{
	struct descriptor_ptr p;
	__asm__ volatile("sidt %0" : "=m"(p));
	return p;
}

X86 void lldt(uint16_t sel)
{
	__asm__ volatile("lldt %0" : : "r"(sel));
}

X86 void ltr(uint16_t sel)
{
	__asm__ volatile("ltr %0" : : "r"(sel));
}

X86 uint16_t str(void)
{
	uint16_t sel;
	__asm__ volatile("str %0" : "=r"(sel));
	return sel;
}

X86 void cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

X86 void sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

X86 void hlt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

// Interrupts on and sleep, in one step: none comes in between.
X86 void sti_hlt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

X86 void pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

X86 void breakpoint(void)
{
	__asm__ volatile("int3" : : : "memory");
}

X86 uint64_t read_rbp(void)
{
	uint64_t v;
	__asm__ volatile("movq %%rbp, %0" : "=r"(v));
	return v;
}

X86 uint64_t read_rsp(void)
{
	uint64_t v;
	__asm__ volatile("movq %%rsp, %0" : "=r"(v));
	return v;
}

X86 uint64_t read_rflags(void)
{
	uint64_t v;
	__asm__ volatile("pushfq; popq %0" : "=r"(v));
	return v;
}

X86 uint32_t xchg(volatile uint32_t *p, uint32_t v)
{
	__asm__ volatile("xchgl %0, %1" : "+m"(*p), "+r"(v) : : "memory");
	return v;
}

// 512 bytes, aligned to 16.
X86 void fxsave(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

X86 void fxrstor(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

// A hypercall (inc/vmx.h) that needs no other registers; only in a guest.
X86 int64_t hypercall(uint64_t nr, uint64_t rbx, uint64_t rcx)
{
	int64_t ret;
	__asm__ volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(rbx), "c"(rcx)
			 : "memory");
	return ret;
}
#undef X86
