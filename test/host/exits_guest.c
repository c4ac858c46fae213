// What a guest does between two exits, and the exits: a string of bytes says.
// All is what a processor could do; a state that it would not enter is none
// that it could leave a guest in.
#include <string.h>

#include <inc/error.h>
#include <inc/stdio.h>
#include <vmm/ept.h>
#include <vmm/explain.h>
#include <vmm/vmabi.h>
#include <vmm/vmx.h>
#include "exits_fuzz.h"
#include "exits_machine.h"

struct value {
	uint32_t field;
	uint64_t value;
};

// What the kernel must leave alone: where the guest goes on, if not behind its
// instruction; whether its VMM has set registers since.
static struct {
	uint64_t rip, next;
	bool moved, set;
} after[NENV];

void guest_registers_set(struct Env *e)
{
	after[e - envs].set = after[e - envs].moved = true;
}

void guest_new(struct Env *e)
{
	after[e - envs].set = false;
	after[e - envs].moved = true;
}

// --------------------------------------------------------------
// States

#define CODE(ar)	{ VMCS_GUEST_CS_ACCESS_RIGHTS, ar }
#define STACK(ar)	{ VMCS_GUEST_SS_ACCESS_RIGHTS, ar }
#define CR(cr0, cr4, efer)						\
	{ VMCS_GUEST_CR0, (cr0) | CR0_NE | CR0_ET },			\
	{ VMCS_CR0_READ_SHADOW, (cr0) | CR0_ET },			\
	{ VMCS_GUEST_CR4, (cr4) | CR4_VMXE }, { VMCS_GUEST_EFER, efer }
enum { NCHANGES = 12 };
static const struct value states[][NCHANGES] = {
	{ CR(0, 0, 0), CODE(0x9b), STACK(0x93),		// real mode
	  { VMCS_GUEST_RFLAGS, 0x202 } },
	{ CR(CR0_PE, 0, 0), CODE(0xc09b), STACK(0xc093) },
	{ CR(CR0_PE | CR0_PG, 0, 0), CODE(0xc09b), STACK(0xc093) },
	{ CR(CR0_PE | CR0_PG, CR4_PAE, 0), CODE(0xc09b), STACK(0xc093) },
	{ CR(CR0_PE, CR4_PAE, EFER_LME), CODE(0xc09b), STACK(0xc093) },
	{ CR(CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA), CODE(0xc09b),
	  STACK(0xc093) },				// compatibility mode
	{ CR(CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA), CODE(0xa09b),
	  STACK(0xc093) },				// 64-bit mode
	{ CR(CR0_PE | CR0_PG, CR4_PAE, EFER_LME | EFER_LMA), CODE(0xa0fb),
	  STACK(0xc0f3) },				// and in ring 3
};
static const struct value flat[] = {
	{ VMCS_GUEST_CS_LIMIT, ~0u }, { VMCS_GUEST_SS_LIMIT, ~0u },
	{ VMCS_GUEST_DS_ACCESS_RIGHTS, SEG_AR_UNUSABLE },
	{ VMCS_GUEST_ES_ACCESS_RIGHTS, SEG_AR_UNUSABLE },
	{ VMCS_GUEST_FS_ACCESS_RIGHTS, SEG_AR_UNUSABLE },
	{ VMCS_GUEST_GS_ACCESS_RIGHTS, SEG_AR_UNUSABLE },
	{ VMCS_GUEST_RFLAGS, 0x2 }, { VMCS_GUEST_CS_SELECTOR, 8 },
};
static const struct value real[] = {
	{ VMCS_GUEST_CS_LIMIT, 0xffff }, { VMCS_GUEST_SS_LIMIT, 0xffff },
	{ VMCS_GUEST_CS_SELECTOR, 0 }, { VMCS_GUEST_CS_BASE, 0 },
	{ VMCS_GUEST_SS_SELECTOR, 0 }, { VMCS_GUEST_SS_BASE, 0 },
};
// What a guest changes without an exit, and from which states rules depend.
static const uint32_t changeable[] = {
	VMCS_GUEST_RFLAGS, VMCS_GUEST_INTERRUPTIBILITY,
	VMCS_GUEST_PENDING_DEBUG, VMCS_GUEST_CR3, VMCS_GUEST_RIP,
	VMCS_GUEST_RSP, VMCS_GUEST_DR7, VMCS_GUEST_CS_ACCESS_RIGHTS,
	VMCS_GUEST_SS_ACCESS_RIGHTS, VMCS_GUEST_TR_ACCESS_RIGHTS,
	VMCS_GUEST_CR4, VMCS_GUEST_EFER, VMCS_GUEST_CR0,
};

static uint64_t view_read(uint32_t field)
{
	return vmread(field);
}

// How many rules the VMCS breaks; the text is left to be taken.
static int broken_rules(void)
{
	const struct vmcs_view view = { view_read, rdmsr, 48 };

	console_take();
	return vmx_explain_rules(&view);
}

// The page of the VMCS: all its fields.
static void *vmcs_of(const struct Env *e)
{
	return e->env_vcpu->vc_vmcs;
}

static void write_values(const struct value *v, size_t n)
{
	for (; n > 0 && v->field; n--, v++)
		vmwrite(v->field, v->value);
}

// The processor keeps "IA-32e mode guest" as EFER.LMA is.
static void keep_entry_control(void)
{
	uint64_t controls = vmread(VMCS_ENTRY_CONTROLS);

	vmwrite(VMCS_ENTRY_CONTROLS, vmread(VMCS_GUEST_EFER) & EFER_LMA ?
		controls | ENTRY_IA32E_MODE_GUEST :
		controls & ~(uint64_t)ENTRY_IA32E_MODE_GUEST);
}

static void change_state(struct Env *e)
{
	static uint8_t saved[PGSIZE];
	uint8_t what = byte();

	memcpy(saved, vmcs_of(e), PGSIZE);
	if (what < 64) {
		what %= ARRAY_SIZE(states);
		if (what == 0)
			write_values(real, ARRAY_SIZE(real));
		else
			write_values(flat, ARRAY_SIZE(flat));
		write_values(states[what], NCHANGES);
	} else {
		vmwrite(changeable[what % ARRAY_SIZE(changeable)],
			some_number());
	}
	keep_entry_control();
	if (broken_rules())
		memcpy(vmcs_of(e), saved, PGSIZE);
}

// --------------------------------------------------------------
// Exits

static bool has_error(int vector)
{
	return vector == T_DBLFLT || vector == T_ALIGN ||
		(vector >= T_TSS && vector <= T_PGFLT);
}

// An event that the guest may have raised, or that was injected.
static uint32_t some_event(void)
{
	static const uint32_t types[] = {
		INTR_TYPE_EXTERNAL, INTR_TYPE_HW_EXCEPTION,
		INTR_TYPE_SW_INTERRUPT, INTR_TYPE_SW_EXCEPTION,
		INTR_TYPE_PRIV_SW_EXCEPTION,
	};
	uint32_t type = types[byte() % ARRAY_SIZE(types)], vector = byte();

	if (type == INTR_TYPE_SW_EXCEPTION)
		vector = T_BRKPT + vector % 2;
	if (type == INTR_TYPE_PRIV_SW_EXCEPTION)
		vector = T_DEBUG;
	if (type == INTR_TYPE_HW_EXCEPTION) {
		vector = vector % 20 == T_NMI ? T_GPFLT : vector % 20;
		if (has_error(vector) && (vmread(VMCS_GUEST_CR0) & CR0_PE))
			type |= INTR_INFO_ERROR_CODE;
	}
	return INTR_INFO_VALID | type | vector;
}

// The exit happened while an event was being delivered.
static void maybe_in_delivery(void)
{
	uint8_t choice = byte();

	if (choice % 4)
		return;
	exit_field(VMCS_IDT_VECTORING_INFO, some_event() |
		   (choice & 4 ? INTR_INFO_NMI_UNBLOCKING : 0));
	exit_field(VMCS_IDT_VECTORING_ERROR_CODE, byte());
	// Then there is nothing that an STI or MOV SS could have blocked.
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
	if ((vmread(VMCS_IDT_VECTORING_INFO) & INTR_INFO_TYPE) ==
	    INTR_TYPE_EXTERNAL)
		vmwrite(VMCS_GUEST_RFLAGS,
			vmread(VMCS_GUEST_RFLAGS) | FL_IF);
}

// One that the exception bitmap has, but no machine check: that is the
// host's.
static bool exception(void)
{
	uint32_t bitmap = vmread(VMCS_EXCEPTION_BITMAP);
	uint32_t vector = byte() % 20, type = INTR_TYPE_HW_EXCEPTION;

	if (!(bitmap >> vector & 1) || vector == T_MCHK || vector == T_NMI)
		return false;
	if (vector == T_BRKPT || vector == T_OFLOW)
		type = INTR_TYPE_SW_EXCEPTION;
	if (vector == T_DEBUG && byte() % 2)
		type = INTR_TYPE_PRIV_SW_EXCEPTION;
	if (has_error(vector) && (vmread(VMCS_GUEST_CR0) & CR0_PE))
		type |= INTR_INFO_ERROR_CODE;
	exit_field(VMCS_VMEXIT_INTR_INFO, INTR_INFO_VALID | type | vector);
	exit_field(VMCS_VMEXIT_INTR_ERROR_CODE, byte());
	exit_field(VMCS_EXIT_QUALIFICATION, some_number());
	maybe_in_delivery();
	return true;
}

static bool interrupt(void)
{
	exit_field(VMCS_VMEXIT_INTR_INFO, INTR_INFO_VALID |
		   INTR_TYPE_EXTERNAL | (IRQ_OFFSET + byte() % 64));
	return true;
}

static bool ept_violation(void)
{
	uint64_t gpa = some_gpa(curenv) & ((1ul << 48) - 1);
	uint32_t access = 1 << byte() % 3;
	epte_t epte = machine_translate(curenv, gpa);

	if (epte & access)
		return false;		// no exit, but it is cached now
	if (epte == 0)
		maybe_in_delivery();
	exit_field(VMCS_GUEST_PHYSICAL_ADDRESS, gpa);
	exit_field(VMCS_EXIT_QUALIFICATION, access | (epte & 7) << 3 |
		   (byte() & 0x180));
	return true;
}

static bool cr_access(void)
{
	static const uint8_t what[] = {
		0x00, 0x04, 0x08, 0x18,		// to CR0, CR4, CR8; from CR8
	};

	// Ring 3 would get an exception instead.
	if (SEG_AR_DPL(vmread(VMCS_GUEST_SS_ACCESS_RIGHTS)) > 0)
		return false;
	exit_field(VMCS_EXIT_QUALIFICATION,
		   what[byte() % 4] | (byte() % 16) << 8);
	return true;
}

static bool port(void)
{
	static const uint8_t sizes[] = { 0, 1, 3, 0 };
	uint8_t choice = byte();
	uint64_t n = byte() | byte() << 8;

	exit_field(VMCS_EXIT_QUALIFICATION, sizes[choice % 4] |
		   (choice & 0x78) | n << 16);
	return true;
}

static bool hypercall_exit(void)
{
	struct PushRegs *r = &curenv->env_tf.tf_regs;
	uint8_t nr = byte();

	r->reg_rax = nr < 64 ? VMX_VMCALL_IPCSEND + nr % 2 :
		nr < 192 ? nr % 22 : some_number();
	r->reg_rbx = byte() % 4 ? some_gpa(curenv) : byte() % 4;
	if (r->reg_rax == VMX_VMCALL_IPCSEND && nr < 192) {
		r->reg_rbx = VMX_HOST_FS_ENV;
		r->reg_rdx = some_gpa(curenv);
		r->reg_rsi = byte() % 4 ? PTE_P | PTE_U | PTE_W : byte();
	} else if (r->reg_rax == VMX_VMCALL_TIMER) {
		r->reg_rbx = now + curenv->env_vcpu->vc_tsc_offset +
			some_number();
	} else {
		r->reg_rcx = some_number();
	}
	return true;
}

static bool msr(void)
{
	curenv->env_tf.tf_regs.reg_rcx = some_number();
	return true;
}

static bool cpuid_leaf(void)
{
	static const uint32_t base[] = { 0, 0x80000000, 0x40000000, 0 };
	uint8_t leaf = byte();

	curenv->env_tf.tf_regs.reg_rax = base[leaf / 64] + leaf % 64;
	curenv->env_tf.tf_regs.reg_rcx = byte() % 4;
	return true;
}

static bool qualified(void)
{
	exit_field(VMCS_EXIT_QUALIFICATION, some_number());
	return true;
}

static bool in_delivery(void)
{
	maybe_in_delivery();
	return qualified();
}

static const struct {
	uint8_t reason;
	bool (*make)(void);		// false: no exit after all
} exits[] = {
	{ EXIT_REASON_EXCEPTION_OR_NMI, exception },
	{ EXIT_REASON_EXTERNAL_INTERRUPT, interrupt },
	{ EXIT_REASON_TRIPLE_FAULT, qualified },
	{ EXIT_REASON_INTERRUPT_WINDOW, qualified },
	{ EXIT_REASON_TASK_SWITCH, in_delivery },
	{ EXIT_REASON_CPUID, cpuid_leaf },
	{ EXIT_REASON_GETSEC, qualified },
	{ EXIT_REASON_HLT, qualified },
	{ EXIT_REASON_INVD, qualified },
	{ EXIT_REASON_RDPMC, qualified },
	{ EXIT_REASON_VMCALL, hypercall_exit },
	{ EXIT_REASON_VMCALL, hypercall_exit },
	{ EXIT_REASON_VMLAUNCH, qualified },
	{ EXIT_REASON_CR_ACCESS, cr_access },
	{ EXIT_REASON_IO, port },
	{ EXIT_REASON_RDMSR, msr },
	{ EXIT_REASON_WRMSR, msr },
	{ EXIT_REASON_EPT_VIOLATION, ept_violation },
	{ EXIT_REASON_EPT_VIOLATION, ept_violation },
	{ EXIT_REASON_EPT_MISCONFIG, in_delivery },
	{ EXIT_REASON_PREEMPTION_TIMER, qualified },
	{ EXIT_REASON_XSETBV, qualified },
};

// The fields of an exit in which nothing special happened.
static void plain_exit(uint32_t reason)
{
	exit_field(VMCS_EXIT_REASON, reason);
	exit_field(VMCS_EXIT_QUALIFICATION, 0);
	exit_field(VMCS_VMEXIT_INTR_INFO, 0);
	exit_field(VMCS_IDT_VECTORING_INFO, 0);
	exit_field(VMCS_VMENTRY_INTR_INFO,
		   vmread(VMCS_VMENTRY_INTR_INFO) & ~INTR_INFO_VALID);
}

static void run_until_exit(struct Env *e)
{
	for (int steps = 0; input_left() && steps < 8; steps++) {
		uint8_t what = byte();
		size_t i = what % (ARRAY_SIZE(exits) + 6);

		if (i < 3) {
			change_state(e);
			continue;
		}
		if (i < 5) {
			*vmx_register(e, byte() % 16) = some_number();
			continue;
		}
		if (i == 5) {		// some other reason
			plain_exit(byte() % 80);
			if (vmread(VMCS_EXIT_REASON) <= 1 ||
			    (vmread(VMCS_EXIT_REASON) < NEXIT_REASONS &&
			     vmexit_handlers[vmread(VMCS_EXIT_REASON)]))
				continue;
			return;
		}
		plain_exit(exits[i - 6].reason);
		if (exits[i - 6].make())
			return;
	}
	plain_exit(EXIT_REASON_PREEMPTION_TIMER);
}

// --------------------------------------------------------------
// Entries

// The processor refuses a guest whose VMM has set registers that do not fit:
// a failed entry, or, when an event to be injected does not fit any more, an
// instruction that fails. All else is the kernel's fault.
static int refuse(struct Env *e)
{
	const char *why = console_take();
	int64_t rip = vmread(VMCS_GUEST_RIP);
	// A 64-bit guest may execute the last instruction of its lower half.
	bool beyond = rip >> 47 == 1;

	if ((!after[e - envs].set && !beyond) || strstr(why, "HOST_")) {
		cprintf("%s", why);
		CHECK(!"enterable");
	}
	for (const char *line = why; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, "  GUEST_", 8) != 0) {
			exit_field(VMCS_INSTRUCTION_ERROR,
				   VMXERR_ENTRY_CONTROLS);
			return 1;
		}
	exit_field(VMCS_EXIT_REASON, EXIT_REASON_ENTRY_FAILURE |
		   EXIT_REASON_BAD_GUEST_STATE);
	exit_field(VMCS_EXIT_QUALIFICATION, 0);
	return 0;
}

int asm_vmrun(struct Trapframe *tf, uint64_t runs)
{
	struct Env *e = curenv;
	uint64_t rip = vmread(VMCS_GUEST_RIP);
	uint8_t length = byte();
	int len = 1 + length % 15;

	now += length >= 0xf0 ? ms2tsc(SLICE_MS) : 100;
	CHECK(tf == &e->env_tf);
	machine_enter(e, runs);
	if (!after[e - envs].moved && rip != after[e - envs].rip) {
		CHECK(rip == after[e - envs].next);
		CHECK(!(vmread(VMCS_GUEST_INTERRUPTIBILITY) &
			(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)));
	}
	if (broken_rules() > 0)
		return refuse(e);
	machine_entered(e);
	after[e - envs].set = after[e - envs].moved = false;
	exit_field(VMCS_VMEXIT_INSTRUCTION_LEN, len);
	run_until_exit(e);
	rip = vmread(VMCS_GUEST_RIP);
	after[e - envs].rip = rip;
	after[e - envs].next = rip + len;
	if (!(vmread(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_AR_L))
		after[e - envs].next = (uint32_t)(rip + len);
	return 0;
}
