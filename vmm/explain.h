// Why the processor refused a VM entry, and what an exit was about, in words.
#pragma once

#include <inc/types.h>

struct Env;

// What the rules look at. The kernel's is the current VMCS and the
// processor's own capabilities; tests bring their own.
struct vmcs_view {
	uint64_t (*read)(uint32_t field);
	uint64_t (*rdmsr)(uint32_t msr);
	int maxphyaddr;		// width of physical addresses in bits
};

// What VM-instruction error number err means.
const char *vmx_instruction_error(uint32_t err);

// Prints each rule for controls, host state and guest state that the VMCS
// breaks, one a line with the field's value; returns how many.
int vmx_explain_rules(const struct vmcs_view *vmcs);

// dump.c. After an entry that failed: prints the rules that the current VMCS
// breaks, and when the failure is an exit its reason.
void vmx_explain_entry_failure(void);

// Name of a basic exit reason, "unknown" for what the manual leaves out.
const char *vmx_exit_reason_name(uint32_t reason);

// Prints the last exit of the current VMCS and the state of its guest e.
void vmx_dump(const struct Env *e);

// One field of the current VMCS, for the monitor: false when the processor
// does not have it or does not let it be written.
bool vmcs_peek(uint32_t field, uint64_t *value);
bool vmcs_poke(uint32_t field, uint64_t value);
