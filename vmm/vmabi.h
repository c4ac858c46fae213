// The kernel's side of inc/vmabi.h: records of exits on their way to the VMM
// and back, and what a VMM may do with its guests.
#pragma once

#include <inc/vmabi.h>
#include <vmm/vmx.h>

// --------------------------------------------------------------
// For the exit handlers, about the current guest e

// Whether its VMM asked to be told of n of that kind: looked up among all, and
// first where the last one was found.
bool vm_find_ask(struct Vm *vm, enum vm_ask kind, uint32_t n);
static inline bool vm_asked(struct Vm *vm, enum vm_ask kind, uint32_t n)
{
	const struct vm_range *r = vm->vm_last[kind];

	return r && (n - r->first <= r->last - r->first ||
		     vm_find_ask(vm, kind, n));
}
// A fresh record for e's exit, in its Vcpu, to be filled and then posted.
struct vm_exit *vm_record(struct Env *e, enum vm_exit_reason reason);
// Hands e's record to its VMM; e waits for the answer.
void vm_post(struct Env *e);
// What the VMM asked for with VM_ASK_REST: posts a record, true; false: it
// did not ask.
bool vm_post_rest(struct Env *e, enum vm_exit_reason reason, uint64_t code,
		  uint64_t detail);
// e's VMM has stopped it (sys_vm_stop).
void vm_post_stopped(struct Env *e);
// e has been dispatched with an answered record: what the answer leaves to be
// done with the VMCS.
void vm_complete(struct Env *e);
// There is input for e, which leaves its console to its VMM: wakes that.
void vm_console_input(struct Env *e);
// e ends; its VMM may wait for it.
void vm_gone(struct Env *e);

// --------------------------------------------------------------
// System calls; contracts in inc/lib.h

int64_t sys_vm_ask(struct Env *me, envid_t guest, uint32_t kind,
		   uint32_t first, uint32_t last);
int64_t sys_vm_record(struct Env *me, envid_t guest, uintptr_t va);
int64_t sys_vm_next(struct Env *me, envid_t answered, uint32_t us);
int64_t sys_vm_regs(struct Env *me, envid_t guest, struct vm_regs *buf,
		    bool set);
int64_t sys_vm_memory(struct Env *me, envid_t guest, uint64_t gpa, void *buf,
		      size_t n, bool set);
int64_t sys_vm_interrupt(struct Env *me, envid_t guest, uint32_t vector);
int64_t sys_vm_cputs(struct Env *me, envid_t guest, const char *s, size_t n);
int64_t sys_vm_cgetc(struct Env *me, envid_t guest);
int64_t sys_vm_stop(struct Env *me, envid_t guest);

// --------------------------------------------------------------
// vmregs.c: the registers of a guest whose VMCS is current

void vmx_get_regs(struct Env *e, struct vm_regs *r);
void vmx_set_regs(struct Env *e, const struct vm_regs *r);
