// A guest's memory: one object, apart from the virtual CPUs that run in it.
#pragma once

#include <inc/types.h>
#include <inc/vmabi.h>
#include <kern/cpu.h>

typedef uint64_t epte_t;

// What the VMM asked to be told of (inc/vmabi.h).
struct vm_range {
	uint32_t kind, first, last;
};

struct Vm {
	epte_t *vm_eptrt;	// root of the EPT
	uint64_t vm_memsz;	// bytes of guest-physical memory
	uint32_t vm_pages;	// pages mapped
	// Raised when an entry shrinks, changes or goes. A processor that has
	// seen another generation does INVEPT before it enters.
	uint32_t vm_generation;
	uint32_t vm_seen[NCPU];
	uint32_t vm_nasks;
	struct vm_range vm_asks[VM_MAX_ASKS];
	// Of each kind asked, where the last was found: the next is near.
	const struct vm_range *vm_last[VM_ASK_REST + 1];
	uint32_t vm_flushes;	// INVEPTs so far
};
