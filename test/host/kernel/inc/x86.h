// The processor that test/host/exits_machine.c plays.
#pragma once

#include <inc/types.h>

uint8_t inb(uint16_t port);
void outb(uint16_t port, uint8_t v);
void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b,
	   uint32_t *c, uint32_t *d);
uint64_t rdtsc(void);
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t v);

#define X86_REGISTER(read, write)					\
	uint64_t read(void); void write(uint64_t v)
X86_REGISTER(rcr0, lcr0);
X86_REGISTER(rcr2, lcr2);
X86_REGISTER(rcr3, lcr3);
X86_REGISTER(rcr4, lcr4);
X86_REGISTER(rdr0, ldr0);
X86_REGISTER(rdr1, ldr1);
X86_REGISTER(rdr2, ldr2);
X86_REGISTER(rdr3, ldr3);
X86_REGISTER(rdr6, ldr6);
#undef X86_REGISTER

void invlpg(const void *va);

struct descriptor_ptr {
	uint16_t limit;
	uint64_t base;
};

struct descriptor_ptr sgdt(void);
struct descriptor_ptr sidt(void);
uint16_t str(void);
void cli(void);
void sti(void);
void sti_hlt(void);
#define pause	cpu_pause		// the C library has another
void pause(void);
uint32_t xchg(volatile uint32_t *p, uint32_t v);
void fxsave(void *area);
void fxrstor(const void *area);
int64_t hypercall(uint64_t nr, uint64_t rbx, uint64_t rcx);
