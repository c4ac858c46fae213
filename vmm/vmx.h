// Intel VMX: processors that can, virtual CPUs, and running them.
#pragma once

#include <inc/vmabi.h>
#include <inc/vmx.h>
#include <kern/env.h>
#include <vmm/vm.h>
#include <vmm/vmcs.h>
#include <vmm/vmxinsn.h>

// Beside the interrupts in vc_irqs: a vector from the VMM, and its wish that
// the guest stops.
#define VC_VECTOR	(1u << 30)
#define VC_STOP		(1u << 31)

enum { NVCPU_MSRS = 5, NVCPU_DRS = 5 };

// Bits of CR0 that a guest sees but does not set: VMX wants NE, and memory
// is cached as the host says.
#define GUEST_CR0_OWNED	(CR0_NE | CR0_CD | CR0_NW)
// Bits of CR4 that a guest sets as it likes. The others read 0, and setting
// one is a #GP: the features are not offered.
#define GUEST_CR4_FREE	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | \
	CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | \
	CR4_UMIP | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP)

// A virtual CPU: what an environment of type GUEST has beyond its Env.
struct Vcpu {
	void *vc_vmcs;			// one page
	uint64_t vc_runs;		// entries since its VMCS was cleared
	uint16_t vc_vpid;
	bool vc_ready;			// its VMCS is set up
	bool vc_halted;			// sleeps, or slept when it was stopped
	bool vc_hlt_if;			// halted with interrupts on
	bool vc_calls_console;		// uses VMX_VMCALL_CONS_WRITE
	uint32_t vc_irqs;		// what is due: IRQ_..., VC_...
	uint8_t vc_vector;		// of VC_VECTOR
	uint32_t vc_exceptions;		// that exit, a bit each
	uint32_t vc_proc_controls;	// as in the VMCS
	uint64_t vc_tsc_offset;
	uint8_t vc_cr8;			// see handle_cr_access
	uint64_t vc_cr2;		// VMX does not switch these
	uint64_t vc_msrs[NVCPU_MSRS];
	uint64_t vc_drs[NVCPU_DRS];

	// An answer of the host's file server that came after IPCSEND and
	// before IPCRECV: the server waits for nobody, so it is kept here.
	enum { ANSWER_NONE, ANSWER_DUE, ANSWER_HERE } vc_answer;
	uint64_t vc_answer_value;
	struct PageInfo *vc_answer_page;	// or null
	int vc_answer_perm;

	// The exit that its VMM is to answer: none, in the VMM's queue, in the
	// VMM's hands, answered but not yet carried out.
	enum { RECORD_NONE, RECORD_POSTED, RECORD_GIVEN, RECORD_ANSWERED }
		vc_record;
	struct vm_exit *vc_exit;	// one page, shared with the VMM
	uint32_t vc_reason;		// what the VMM has been asked
	uint32_t vc_answer_kind;	// and what it said
	uint32_t vc_fault_vector, vc_fault_error;
	uint8_t vc_port_size;
	bool vc_write;

	uint64_t vc_exits;		// counters, see struct vm_info
	uint64_t vc_start_tsc, vc_last_tsc;

	char *vc_out;			// what it wrote in the background
	uint32_t vc_out_head, vc_out_len;
	uint64_t vc_out_lost;
};

// --------------------------------------------------------------
// The processor

// CPUID says there is VMX.
bool vmx_check_support(void);
// The capability MSRs say that VMX has EPT.
bool vmx_check_ept(void);
// 0, -E_NO_VMX or -E_NO_EPT; a failure is printed.
int vmx_check(void);
// At boot: a guest prints whether it sees VMX.
void vmx_report(void);

// --------------------------------------------------------------
// Virtual CPUs

// Gives the guest environment e its memory and virtual CPU; owner is its VMM.
// -E_NO_MEM; what was allocated goes with env_destroy().
int vmx_alloc(struct Env *e, struct Env *owner, uint64_t memsz, uint64_t rip);
// What IPCSEND and the end of a guest do about an answer that nobody took.
void vmx_drop_answer(struct Vcpu *vc);
// All that the guest has is given back.
void vmx_free(struct Env *e);
// Runs curenv, a guest, until another environment's turn has come.
void vmx_run(struct Env *e) __attribute__((noreturn));
// e, a guest, is no longer the environment of c, this processor; `now` is the
// TSC.
void vmx_leave(struct CpuInfo *c, struct Env *e, uint64_t now);
// Guest registers from and to tf; HOST_RSP is set; launches the first time,
// that is when runs is 1, and resumes after. 0 after an exit, 1 when the
// processor refused (SDM volume 3, "VMLAUNCH/VMRESUME": VMfail). vmrun.S.
int asm_vmrun(struct Trapframe *tf, uint64_t runs);
// IRQ_... is due: delivered when the guest can take it; a sleeping one wakes.
void vmx_raise_irq(struct Env *e, int irq);
// The same for a bit of vc_irqs.
void vmx_raise(struct Env *e, uint32_t what);
// Makes the VMCS of e, which does not run, this processor's for a while. 0,
// -E_VMX_ON, -E_VMCS_INIT. vmx_return() ends it.
int vmx_borrow(struct Env *e);
void vmx_return(struct Env *e);
// Has the next entry inject an exception into the current guest.
void vmx_inject(int vector, uint32_t error);
// The same for the current guest e when the exception may have come up in the
// delivery of an event, which is to be injected again: it may become a double
// fault (SDM volume 3, "Conditions for Generating a Double Fault"). False: a
// triple fault.
bool vmx_inject_second(struct Env *e, int vector, uint32_t error);
// Whether and when PROC_INTERRUPT_WINDOW_EXITING is on is known here alone.
void vmx_interrupt_window(struct Vcpu *vc, bool on);
// Others' turn, if e, the current guest, still runs.
void vmx_slice_over(struct Env *e);
// Fills buf with up to n guests; returns how many there are.
int vmx_list(struct vm_info *buf, size_t n);

// Output of a guest in the background: kept, the oldest dropped and counted.
void vmx_keep_output(struct Env *e, const char *s, size_t n);
// Prints what was kept.
void vmx_show_output(struct Env *e);

// --------------------------------------------------------------
// vmexits.c

// What handles an exit of curenv, by basic reason; null: nobody. True: the
// guest may go on, or waits, or has ended with a message.
extern bool (*const vmexit_handlers[NEXIT_REASONS])(struct Env *e);
// Loads the PDPTE registers of the current guest from where its CR3 points, as
// PAE paging without long mode wants. False, nothing loaded: a reserved bit is
// set, or there is no memory.
bool vmx_load_pdptes(struct Env *e);
// General register by its number in instructions; 4, RSP, is not here.
uint64_t *vmx_register(struct Env *e, int number);
// Past the instruction that exited. The one place where RIP moves.
void skip_insn(void);
