// Memory-mapped devices of a guest. The processor says where an access went
// and no more, so the instruction is decoded, and carried out, here: outside
// the kernel, where a mistake harms nobody but the VMM that makes it. Pure C,
// for any machine; lib/vmmio.c joins it to the system calls.
//
// Known are, in 16-, 32- and 64-bit code: MOV, MOVZX, MOVSX, MOVSXD, ADD, OR,
// ADC, SBB, AND, SUB, XOR, CMP, TEST, XCHG and, one element at a time, MOVS,
// STOS and LODS, each with one operand in memory (MOVS: two). Memory means
// any guest-physical address: what RAM refuses is presented to the caller.
#pragma once

#include <inc/vmabi.h>

enum vm_mmio_result {
	VM_MMIO_DONE,		// regs are those behind the instruction
	VM_MMIO_ACCESS,		// an access is presented
	VM_MMIO_FAULT,		// it raises vector, regs.cr2 is set
	// The VMM can only end the guest.
	VM_MMIO_UNKNOWN = -1,	// none of the instructions above
	VM_MMIO_OTHER = -2,	// not its operand: a fetch, or a page walk's
	VM_MMIO_TWO_PAGES = -3,	// the device's operand is on two pages, or
				// half in RAM, which may have been written
	VM_MMIO_NO_MEMORY = -4,	// its bytes or page tables are not in RAM
};

// An instruction on its way.
struct vm_mmio {
	// The caller's. Before the first call: the guest's registers, and what
	// reads (write: writes) its RAM: n bytes at gpa, within one page, from
	// or to buf; false when there is no RAM, or none that allows this.
	struct vm_regs regs;
	bool (*memory)(void *ctx, uint64_t gpa, void *buf, size_t n,
		       bool write);
	void *ctx;

	// VM_MMIO_ACCESS
	uint64_t gpa;		// all of it is on one page
	uint8_t size;		// 1, 2, 4 or 8 bytes
	bool write;
	uint64_t data;		// written, higher bytes 0; answer: read, where
				// higher bytes do not matter
	// VM_MMIO_FAULT
	uint32_t vector, error;	// 12, 13 or 14, and its error code

	struct vm_insn {	// lib/vminsn.c's own
		uint8_t bytes[15];
		uint8_t have, length;	// of these: fetched, decoded
		int8_t failed;		// enum vm_mmio_result
		int8_t segment;		// prefix's; -1: none
		uint8_t rex, form, op, reg;
		// In bytes; the operation's size is the register's.
		uint8_t address_size, size, register_size;
		bool code64, locked, repeated, rip_relative;
		bool reads, writes, to_register;
		struct vm_operand {
			uint8_t segment, first;	// bytes on the first page
			uint64_t offset, gpa[2];
		} source, target;
		uint64_t immediate, flags;
		uint64_t value;		// for the register
	} insn;
};

// The instruction at regs.rip has made an access to gpa that RAM refused.
// All its operands are checked, as the processor does, before any is touched.
// VM_MMIO_ACCESS: carry that out, then call vm_mmio_next; an instruction
// makes one access, or first one that reads and then one that writes. The
// other results are the last: nothing more is to be done. Terms: SDM volume
// 2, "Instruction Format"; volume 3, "Paging".
enum vm_mmio_result vm_mmio_begin(struct vm_mmio *m, uint64_t gpa);

// The access has been carried out. The same results.
enum vm_mmio_result vm_mmio_next(struct vm_mmio *m);

// What a negative result means, for a message.
const char *vm_mmio_error(enum vm_mmio_result result);

// lib/vmpaging.c: where the n bytes at a linear address (1 to PGSIZE, so on
// two pages at most) are in guest-physical memory; in 64-bit code the address
// is canonical. Reads and writes need the rights that the guest has now; a
// fetch has been checked by the processor. Sets accessed and dirty bits. 0,
// VM_MMIO_FAULT (a page fault, in m) or VM_MMIO_NO_MEMORY.
enum vm_intent { VM_READ, VM_WRITE, VM_FETCH };
int vm_locate(struct vm_mmio *m, uint64_t linear, size_t n,
	      enum vm_intent intent, struct vm_operand *where);
