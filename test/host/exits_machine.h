// A machine for kern/ and vmm/ to run on, in a process: physical memory in
// which every second page is out of bounds, user memory by mmap and SIGSEGV,
// processors with VMX whose VMCSs are what they do with them.
#pragma once

#include <inc/types.h>
#include <kern/env.h>
#include <vmm/vm.h>

#define CHECK(x) do {							\
	if (!(x))							\
		machine_fail(__FILE__, __LINE__, #x);			\
} while (0)

enum { NPAGES = 1024 };			// half of them usable
// User addresses that the kernel can follow, once something is mapped there.
#define USER_BASE	0x10000000ul
enum { NUSER = 16 };			// pages

extern uint64_t now;			// TSC
extern int here;			// the processor that runs

void machine_init(void);
// A new input: the processors are off, and all pages must have come back.
void machine_reset(int processors);
void machine_fail(const char *file, int line, const char *what)
	__attribute__((noreturn));

// What the kernel printed since the last call. The buffer is the machine's.
const char *console_take(void);

// e, whose VMCS is current, is to be entered, its `runs`th time since VMCLEAR:
// checks what belongs to the host. And it has been.
void machine_enter(struct Env *e, uint64_t runs);
void machine_entered(struct Env *e);
// Sets a field as an exit does, those that are read-only for us, too.
void exit_field(uint32_t field, uint64_t value);
// The guest uses the page at gpa: its translation, if one is there or cached,
// or 0.
epte_t machine_translate(struct Env *e, uint64_t gpa);
