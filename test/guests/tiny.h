// What a tiny guest has: hypercalls, output, and faults that it survives.
#pragma once

#include <inc/trap.h>
#include <inc/types.h>
#include <inc/vmx.h>
#include <inc/x86.h>

int main(void);

// The exception that `insn` raises (a string of assembler, which may use the
// operands that follow), -1 for none. fault_frame is the first word of its
// frame then: the error code, or the return address; fault_resume the address
// behind insn.
extern volatile uint64_t fault_vector, fault_frame, fault_resume, fault_rsp;
#define FAULT_OF(insn, ...) ({						\
	fault_vector = -1ul;						\
	__asm__ volatile(						\
		"leaq 1f(%%rip), %%r11\n\t"				\
		"movq %%r11, fault_resume\n\t"				\
		"movq %%rsp, fault_rsp\n\t"				\
		insn "\n1:"						\
		: : __VA_ARGS__						\
		: "rax", "rbx", "rcx", "rdx", "r11", "memory", "cc");	\
	(int)fault_vector;						\
})

static inline void print(const char *s, size_t n)
{
	hypercall(VMX_VMCALL_CONS_WRITE, (uintptr_t)s, n);
}

static inline void puts(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	print(s, n);
}

// text, the number in decimal, a newline
static inline void say(const char *text, uint64_t number)
{
	char buf[24], *p = buf + sizeof(buf);

	puts(text);
	*--p = '\n';
	do
		*--p = '0' + number % 10;
	while (number /= 10);
	print(p, buf + sizeof(buf) - p);
}

static inline void poweroff(int status)
{
	hypercall(VMX_VMCALL_POWEROFF, status, 0);
}
