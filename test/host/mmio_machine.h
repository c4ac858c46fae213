// A guest for lib/vminsn.c and lib/vmpaging.c without a processor: RAM, a
// device that keeps what is written to it, registers; and on x86-64 the
// development machine's own processor to compare with.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <inc/mmu.h>
#include <inc/trap.h>
#include <inc/vmmio.h>

#define CHECK(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);	\
		abort();						\
	}								\
} while (0)

// The same addresses in the guest, linear and physical, and on the
// development machine: code on two pages, RAM and device of two each.
enum {
	BASE = 0x10000000, CODE = BASE, DATA = BASE + 2 * PGSIZE,
	DEVICE = DATA + 2 * PGSIZE, LIMIT = DEVICE + 2 * PGSIZE,
	ROOT = 0x1000,			// page tables: RAM, up to LOW
	LOW = 0x8000,
};

enum mode { REAL, PROTECTED, PAGED, PAE, LONG, NMODES };

extern uint8_t low[LOW];		// RAM at 0
extern uint8_t high[LIMIT - BASE];	// what is at BASE
extern struct vm_mmio mmio;
extern int accesses;			// that the device had
extern struct vm_mmio last;		// when it had the last one

// Clears memory, and makes a guest in that mode: ring 0, flat segments (in
// real mode all bases are BASE), identical pages of 4 KiB from CODE to LIMIT,
// those of code read-only.
void make_guest(enum mode mode);
// Puts code at rip, which is set.
void put_code(uint64_t rip, const void *code, size_t n);
// Carries out one instruction, which accesses gpa; the device answers. The
// last result.
enum vm_mmio_result step(uint64_t gpa);

// Carries out the instruction at mmio.regs.rip here (all of it, if it is a
// string's) and by the processor: both must leave the same registers, flags
// and memory. False when it can't be: nothing was compared.
bool same_as_processor(void);
