// How a VMM runs its guests: what reaches it of their exits, and what it can
// ask, see and set. Nothing here depends on the processor's kind of
// virtualization. A VMM that asks for nothing gets nothing: the kernel then
// does what is documented at each VM_ASK_... below.
#pragma once

#include <inc/types.h>

#define VM_ABI_VERSION	1

// What a VMM can ask to be told of; the range is of ports, MSR numbers, CPUID
// leaves or vectors, and 0 to 0 where there is none.
enum vm_ask {
	VM_ASK_PORT = 1,	// else: input reads ones, output is lost
	VM_ASK_MSR,		// else: #GP, but for those a guest has
	VM_ASK_CPUID,		// else: the processor's, filtered
	VM_ASK_EXCEPTION,	// else: the guest's own; 0 to 31
	VM_ASK_MEMORY,		// accesses that memory refuses; else: it ends
	VM_ASK_HLT,		// else: it sleeps until an interrupt
	VM_ASK_REST,		// what is left; else: the guest ends
};
enum { VM_MAX_ASKS = 24 };	// ranges for a guest, all kinds together

// Why the guest has stopped.
enum vm_exit_reason {
	VM_EXIT_NONE,		// no record yet
	VM_EXIT_PORT,
	VM_EXIT_MSR,
	VM_EXIT_CPUID,
	VM_EXIT_EXCEPTION,
	VM_EXIT_MEMORY,
	VM_EXIT_HLT,
	VM_EXIT_STOPPED,	// by sys_vm_stop
	VM_EXIT_POWEROFF,	// the guest's own wish
	VM_EXIT_SHUTDOWN,	// triple fault
	VM_EXIT_UNHANDLED,	// see vx_code
	VM_EXIT_NREASONS
};

// What happens then, the VMM's answer.
enum vm_answer {
	VM_RESUME,	// done: goes on behind the instruction
	VM_RETRY,	// goes on where it was: memory or registers changed
	VM_FAULT,	// the exception vx_vector, with vx_error, is raised; an
			// interrupt whose delivery stopped here comes after it,
			// unless sys_vm_interrupt has given another meanwhile
	VM_END,		// the guest ends with status vx_status
};

// One exit, in a page that kernel and VMM share (sys_vm_record). The kernel
// fills it; the VMM writes the answer into the fields marked so. The kernel
// trusts nothing in it and reads each answer once.
struct vm_exit {
	uint32_t vx_version;	// VM_ABI_VERSION
	int32_t vx_guest;	// envid
	uint32_t vx_reason;	// enum vm_exit_reason
	uint32_t vx_answer;	// answer: enum vm_answer
	uint32_t vx_vector;	// VM_EXIT_EXCEPTION, and answer: of VM_FAULT
	uint32_t vx_error;	// its error code, both ways; 16 bits
	int32_t vx_status;	// VM_EXIT_POWEROFF, and answer: of VM_END
	uint64_t vx_rip;	// the guest's, of the instruction that stopped
	union {
		struct {			// VM_EXIT_PORT
			uint16_t port;
			uint8_t size;		// 1, 2 or 4 bytes
			bool write;
			uint32_t data;		// written; answer: read
		} vx_port;
		struct {			// VM_EXIT_MSR
			uint32_t index;
			bool write;
			uint64_t data;		// written; answer: read
		} vx_msr;
		struct {			// VM_EXIT_CPUID
			uint32_t leaf, subleaf;
			// the filtered processor's; answer: the result
			uint32_t eax, ebx, ecx, edx;
		} vx_cpuid;
		struct {			// VM_EXIT_MEMORY
			uint64_t gpa;		// guest-physical address
			bool read, write, exec;	// of the access
			bool exhausted;		// the host has no page left
			// From the kernel 0; vm_memory_begin (inc/lib.h) tells
			// them and makes read or write the only one.
			uint8_t size;		// 1, 2, 4 or 8 bytes
			uint64_t data;		// written; answer: read
		} vx_memory;
		struct {			// VM_EXIT_UNHANDLED
			// what the processor says, for messages only
			uint64_t code, detail;
		} vx_unhandled;
	};
};
_Static_assert(sizeof(struct vm_exit) == 64, "ABI");

#define VM_FOREVER	(~0u)	// sys_vm_next: no time limit

// A segment register. Rights: bits 0-7 and 12-15 are those of a descriptor
// (type, S, DPL, P; AVL, L, D/B, G), bit 16 says that it is unusable.
struct vm_segment {
	uint64_t base;
	uint32_t limit, rights;
	uint16_t selector, pad[3];
};

enum { VM_CS, VM_DS, VM_ES, VM_FS, VM_GS, VM_SS, VM_LDTR, VM_TR, VM_NSEGS };
enum {
	VM_RAX, VM_RCX, VM_RDX, VM_RBX, VM_RSP, VM_RBP, VM_RSI, VM_RDI,
	VM_R8, VM_R9, VM_R10, VM_R11, VM_R12, VM_R13, VM_R14, VM_R15, VM_NGPRS
};

// A virtual CPU's registers. CR0 and CR4 are as the guest sees them; bits that
// it cannot have are ignored when they are set, and so is EFER's LMA, which
// follows from its LME and CR0's PG.
struct vm_regs {
	uint64_t gpr[VM_NGPRS];
	uint64_t rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, efer;
	struct vm_segment seg[VM_NSEGS];
	uint64_t gdtr_base, idtr_base;
	uint32_t gdtr_limit, idtr_limit;
};
