// What an exit was about and how its guest stands, for whoever has to find
// out why. SDM volume 3 (253668-078US), "VM-Exit Information Fields".

#include <inc/stdio.h>
#include <inc/x86.h>
#include <kern/trap.h>
#include <vmm/explain.h>
#include <vmm/vmx.h>

static const char *const reasons[] = {
	[EXIT_REASON_EXCEPTION_OR_NMI] = "exception or NMI",
	[EXIT_REASON_EXTERNAL_INTERRUPT] = "external interrupt",
	[EXIT_REASON_TRIPLE_FAULT] = "triple fault",
	[EXIT_REASON_INIT] = "INIT signal",
	[EXIT_REASON_SIPI] = "start-up IPI",
	[EXIT_REASON_IO_SMI] = "I/O SMI",
	[EXIT_REASON_OTHER_SMI] = "other SMI",
	[EXIT_REASON_INTERRUPT_WINDOW] = "interrupt window",
	[EXIT_REASON_NMI_WINDOW] = "NMI window",
	[EXIT_REASON_TASK_SWITCH] = "task switch",
	[EXIT_REASON_CPUID] = "CPUID",
	[EXIT_REASON_GETSEC] = "GETSEC",
	[EXIT_REASON_HLT] = "HLT",
	[EXIT_REASON_INVD] = "INVD",
	[EXIT_REASON_INVLPG] = "INVLPG",
	[EXIT_REASON_RDPMC] = "RDPMC",
	[EXIT_REASON_RDTSC] = "RDTSC",
	[EXIT_REASON_RSM] = "RSM",
	[EXIT_REASON_VMCALL] = "VMCALL",
	[EXIT_REASON_VMCLEAR] = "VMCLEAR",
	[EXIT_REASON_VMLAUNCH] = "VMLAUNCH",
	[EXIT_REASON_VMPTRLD] = "VMPTRLD",
	[EXIT_REASON_VMPTRST] = "VMPTRST",
	[EXIT_REASON_VMREAD] = "VMREAD",
	[EXIT_REASON_VMRESUME] = "VMRESUME",
	[EXIT_REASON_VMWRITE] = "VMWRITE",
	[EXIT_REASON_VMXOFF] = "VMXOFF",
	[EXIT_REASON_VMXON] = "VMXON",
	[EXIT_REASON_CR_ACCESS] = "control register access",
	[EXIT_REASON_MOV_DR] = "MOV DR",
	[EXIT_REASON_IO] = "I/O instruction",
	[EXIT_REASON_RDMSR] = "RDMSR",
	[EXIT_REASON_WRMSR] = "WRMSR",
	[EXIT_REASON_BAD_GUEST_STATE] = "VM entry: invalid guest state",
	[EXIT_REASON_BAD_MSR_LOAD] = "VM entry: MSR loading",
	[EXIT_REASON_MWAIT] = "MWAIT",
	[EXIT_REASON_MONITOR_TRAP_FLAG] = "monitor trap flag",
	[EXIT_REASON_MONITOR] = "MONITOR",
	[EXIT_REASON_PAUSE] = "PAUSE",
	[EXIT_REASON_MACHINE_CHECK] = "VM entry: machine check",
	[EXIT_REASON_TPR_BELOW_THRESHOLD] = "TPR below threshold",
	[EXIT_REASON_APIC_ACCESS] = "APIC access",
	[EXIT_REASON_VIRTUALIZED_EOI] = "virtualized EOI",
	[EXIT_REASON_GDTR_IDTR_ACCESS] = "access to GDTR or IDTR",
	[EXIT_REASON_LDTR_TR_ACCESS] = "access to LDTR or TR",
	[EXIT_REASON_EPT_VIOLATION] = "EPT violation",
	[EXIT_REASON_EPT_MISCONFIG] = "EPT misconfiguration",
	[EXIT_REASON_INVEPT] = "INVEPT",
	[EXIT_REASON_RDTSCP] = "RDTSCP",
	[EXIT_REASON_PREEMPTION_TIMER] = "preemption timer",
	[EXIT_REASON_INVVPID] = "INVVPID",
	[EXIT_REASON_WBINVD] = "WBINVD",
	[EXIT_REASON_XSETBV] = "XSETBV",
	[EXIT_REASON_APIC_WRITE] = "APIC write",
	[EXIT_REASON_RDRAND] = "RDRAND",
	[EXIT_REASON_INVPCID] = "INVPCID",
	[EXIT_REASON_VMFUNC] = "VMFUNC",
	[EXIT_REASON_ENCLS] = "ENCLS",
	[EXIT_REASON_RDSEED] = "RDSEED",
	[EXIT_REASON_PML_FULL] = "page-modification log full",
	[EXIT_REASON_XSAVES] = "XSAVES",
	[EXIT_REASON_XRSTORS] = "XRSTORS",
};

const char *vmx_exit_reason_name(uint32_t reason)
{
	if (reason < ARRAY_SIZE(reasons) && reasons[reason])
		return reasons[reason];
	return "unknown";
}

// ---- the exit's qualification ---------------------------------------------

static void dump_exception(uint64_t qual)
{
	uint32_t info = vmread(VMCS_VMEXIT_INTR_INFO);
	uint32_t vector = info & INTR_INFO_VECTOR;

	cprintf("  %s, vector %u", trapname(vector), vector);
	if (info & INTR_INFO_ERROR_CODE)
		cprintf(", error 0x%lx", vmread(VMCS_VMEXIT_INTR_ERROR_CODE));
	if (vector == T_PGFLT)
		cprintf(", address 0x%lx", qual);
	cprintf("\n");
}

static void dump_cr_access(uint64_t qual)
{
	static const char *const types[] = {
		"write to", "read from", "CLTS:", "LMSW:",
	};

	cprintf("  %s CR%lu, register %lu\n", types[CR_ACCESS_TYPE(qual)],
		CR_ACCESS_NUMBER(qual), CR_ACCESS_REGISTER(qual));
}

static void dump_io(uint64_t qual)
{
	cprintf("  %s%s port 0x%lx, %lu bytes\n",
		qual & IO_QUAL_STRING ? "string " : "",
		qual & IO_QUAL_IN ? "in from" : "out to",
		IO_QUAL_PORT(qual), IO_QUAL_SIZE(qual));
}

static void dump_msr(const struct PushRegs *r)
{
	cprintf("  MSR 0x%x, value 0x%x%08x\n", (uint32_t)r->reg_rcx,
		(uint32_t)r->reg_rdx, (uint32_t)r->reg_rax);
}

static void dump_ept(uint64_t qual)
{
	cprintf("  %s%s%s of guest-physical 0x%lx",
		qual & EPT_QUAL_READ ? "read" : "",
		qual & EPT_QUAL_WRITE ? "write" : "",
		qual & EPT_QUAL_FETCH ? "fetch" : "",
		vmread(VMCS_GUEST_PHYSICAL_ADDRESS));
	if (qual & EPT_QUAL_LINEAR_VALID)
		cprintf(", linear 0x%lx%s",
			vmread(VMCS_GUEST_LINEAR_ADDRESS),
			qual & EPT_QUAL_TRANSLATED ? "" : " (its tables)");
	cprintf(", mapped %c%c%c\n", EPT_QUAL_MAPPED(qual) & 1 ? 'R' : '-',
		EPT_QUAL_MAPPED(qual) & 2 ? 'W' : '-',
		EPT_QUAL_MAPPED(qual) & 4 ? 'X' : '-');
}

static void dump_exit(const struct PushRegs *r)
{
	uint32_t reason = vmread(VMCS_EXIT_REASON);
	uint32_t basic = EXIT_REASON_BASIC(reason);
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	cprintf("exit reason 0x%x (%s), qualification 0x%lx\n", reason,
		vmx_exit_reason_name(basic), qual);
	if (basic == EXIT_REASON_EXCEPTION_OR_NMI)
		dump_exception(qual);
	else if (basic == EXIT_REASON_CR_ACCESS)
		dump_cr_access(qual);
	else if (basic == EXIT_REASON_IO)
		dump_io(qual);
	else if (basic == EXIT_REASON_RDMSR || basic == EXIT_REASON_WRMSR)
		dump_msr(r);
	else if (basic == EXIT_REASON_EPT_VIOLATION)
		dump_ept(qual);
	else if (basic == EXIT_REASON_VMCALL)
		cprintf("  hypercall %lu\n", r->reg_rax);
}

// ---- the guest ------------------------------------------------------------

static void dump_registers(const struct PushRegs *r)
{
	cprintf("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n",
		r->reg_rax, r->reg_rbx, r->reg_rcx, r->reg_rdx);
	cprintf("  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n",
		r->reg_rsi, r->reg_rdi, r->reg_rbp, vmread(VMCS_GUEST_RSP));
	cprintf("  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n",
		r->reg_r8, r->reg_r9, r->reg_r10, r->reg_r11);
	cprintf("  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n",
		r->reg_r12, r->reg_r13, r->reg_r14, r->reg_r15);
	cprintf("  rip %016lx  rflags %08lx\n", vmread(VMCS_GUEST_RIP),
		vmread(VMCS_GUEST_RFLAGS));
	cprintf("  cr0 %08lx  cr3 %016lx  cr4 %08lx  efer %08lx\n",
		vmread(VMCS_GUEST_CR0), vmread(VMCS_GUEST_CR3),
		vmread(VMCS_GUEST_CR4), vmread(VMCS_GUEST_EFER));
}

// The fields of the eight segments lie beside each other.
static void dump_segments(void)
{
	static const char names[][5] = {
		"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr",
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
		cprintf("  %-4s %04lx  base %016lx  limit %08lx  ar %05lx\n",
			names[i], vmread(VMCS_GUEST_ES_SELECTOR + 2 * i),
			vmread(VMCS_GUEST_ES_BASE + 2 * i),
			vmread(VMCS_GUEST_ES_LIMIT + 2 * i),
			vmread(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * i));
	cprintf("  gdtr       base %016lx  limit %08lx\n",
		vmread(VMCS_GUEST_GDTR_BASE), vmread(VMCS_GUEST_GDTR_LIMIT));
	cprintf("  idtr       base %016lx  limit %08lx\n",
		vmread(VMCS_GUEST_IDTR_BASE), vmread(VMCS_GUEST_IDTR_LIMIT));
}

static void dump_events(void)
{
	uint64_t vectoring = vmread(VMCS_IDT_VECTORING_INFO);
	uint64_t entry = vmread(VMCS_VMENTRY_INTR_INFO);

	cprintf("  activity %lu  interruptibility %lx  pending debug %lx\n",
		vmread(VMCS_GUEST_ACTIVITY_STATE),
		vmread(VMCS_GUEST_INTERRUPTIBILITY),
		vmread(VMCS_GUEST_PENDING_DEBUG));
	if (vectoring & INTR_INFO_VALID)
		cprintf("  while delivering event %lx\n", vectoring);
	if (entry & INTR_INFO_VALID)
		cprintf("  event to be injected %lx\n", entry);
}

void vmx_dump(const struct Env *e)
{
	const struct PushRegs *r = &e->env_tf.tf_regs;

	cprintf("[%08x] ", e->env_id);
	dump_exit(r);
	dump_registers(r);
	dump_segments();
	dump_events();
}

bool vmcs_peek(uint32_t field, uint64_t *value)
{
	bool failed;

	__asm__ volatile("vmread %2, %1" : "=@ccbe"(failed), "=rm"(*value)
			 : "r"((uint64_t)field));
	return !failed;
}

bool vmcs_poke(uint32_t field, uint64_t value)
{
	bool failed;

	__asm__ volatile("vmwrite %1, %2" : "=@ccbe"(failed)
			 : "rm"(value), "r"((uint64_t)field) : "memory");
	return !failed;
}

// ---- entries that fail ----------------------------------------------------

static uint64_t current_vmcs_read(uint32_t field)
{
	return vmread(field);
}

static uint64_t cpu_rdmsr(uint32_t msr)
{
	return rdmsr(msr);
}

static int cpu_maxphyaddr(void)
{
	uint32_t eax;

	cpuid(0x80000008, 0, &eax, NULL, NULL, NULL);
	return eax & 0xff;
}

void vmx_explain_entry_failure(void)
{
	struct vmcs_view vmcs = {
		current_vmcs_read, cpu_rdmsr, cpu_maxphyaddr(),
	};
	uint32_t reason = vmread(VMCS_EXIT_REASON);

	if (reason & EXIT_REASON_ENTRY_FAILURE)
		cprintf("VM entry failed: exit reason 0x%x, qualification "
			"0x%lx\n", reason, vmread(VMCS_EXIT_QUALIFICATION));
	if (vmx_explain_rules(&vmcs) == 0)
		cprintf("  The VMCS breaks no rule that is known here.\n");
}
