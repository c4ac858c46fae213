// Intel VMX (SDM volume 3, 253668-078US): the processor's part is turned on
// when the first guest runs; a virtual CPU is a VMCS and what VMX does not
// switch by itself.

#include <inc/assert.h>
#include <inc/error.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <inc/x86.h>
#include <kern/console.h>
#include <kern/trap.h>
#include <kern/tty.h>
#include <vmm/ept.h>
#include <vmm/explain.h>
#include <vmm/vmabi.h>
#include <vmm/vmx.h>

static uint8_t vmxon_regions[NCPU][PGSIZE] __attribute__((aligned(PGSIZE)));
// Shared by all guests: every port exits, and every MSR but those that
// init_bitmaps() lets through.
static uint8_t io_bitmap[2 * PGSIZE] __attribute__((aligned(PGSIZE)));
static uint8_t msr_bitmap[PGSIZE] __attribute__((aligned(PGSIZE)));

// The preemption timer counts when that bit of the TSC changes.
static uint8_t timer_shift;
enum { EXITS_PER_LOOK = 16 };	// at the clock, whether the slice is over

// The guest's own while it runs, not switched by VMX: set when another guest
// used them last. The host uses none of these.
static const uint32_t vcpu_msrs[NVCPU_MSRS] = {
	0xc0000081,		// STAR
	0xc0000082,		// LSTAR
	0xc0000083,		// CSTAR
	0xc0000084,		// FMASK
	0xc0000102,		// KERNEL_GS_BASE
};
// Switched by VMX with each entry and exit.
static const uint32_t vmcs_msrs[] = {
	0x174, 0x175, 0x176,	// SYSENTER_CS, _ESP, _EIP
	0x277,			// PAT
	MSR_EFER,
	0xc0000100, 0xc0000101,	// FS_BASE, GS_BASE
};

// --------------------------------------------------------------
// What the processor can

bool vmx_check_support(void)
{
	uint32_t ecx;

	cpuid(1, 0, NULL, NULL, &ecx, NULL);
	return ecx & 1 << 5;
}

bool vmx_check_ept(void)
{
	const uint64_t needed = EPT_CAP_WALK4 | EPT_CAP_WB | EPT_CAP_INVEPT |
		EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVVPID |
		EPT_CAP_INVVPID_SINGLE;

	// The high halves tell which controls may be 1.
	if (!(rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) >> 32 &
	      PROC_SECONDARY_CONTROLS) ||
	    !(rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32 & PROC2_ENABLE_EPT))
		return false;
	return (rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & needed) == needed;
}

int vmx_check(void)
{
	if (!vmx_check_support()) {
		cprintf("[VMM] VMX extension not supported.\n");
		return -E_NO_VMX;
	}
	if (!vmx_check_ept()) {
		cprintf("[VMM] EPT extension not supported.\n");
		return -E_NO_EPT;
	}
	return 0;
}

void vmx_report(void)
{
	if (sysinfo.si_role == ROLE_HOST)
		return;
	cprintf(vmx_check_support() ?
		"[ERR] VMX extension exposed to guest.\n" :
		"VMX extension hidden from guest\n");
}

// --------------------------------------------------------------
// VMX on and off

static uint32_t vmx_revision(void)
{
	return VMX_BASIC_REVISION(rdmsr(MSR_IA32_VMX_BASIC));
}

static void allow_msr(uint32_t msr)
{
	// Low MSRs in the first KiB, high ones in the second, for reading;
	// the same again for writing (SDM, "MSR-Bitmap Address").
	uint32_t bit = msr & 0x1fff, base = msr >> 31 ? 1024 : 0;

	msr_bitmap[base + bit / 8] &= ~(1 << bit % 8);
	msr_bitmap[2048 + base + bit / 8] &= ~(1 << bit % 8);
}

static void init_bitmaps(void)
{
	if (io_bitmap[0])		// another processor has, guests run
		return;
	memset(io_bitmap, 0xff, sizeof(io_bitmap));
	memset(msr_bitmap, 0xff, sizeof(msr_bitmap));
	for (size_t i = 0; i < ARRAY_SIZE(vcpu_msrs); i++)
		allow_msr(vcpu_msrs[i]);
	for (size_t i = 0; i < ARRAY_SIZE(vmcs_msrs); i++)
		allow_msr(vmcs_msrs[i]);
}

// 0 or -E_VMX_ON. SDM volume 3, "Enabling and Entering VMX Operation".
static int vmx_on(struct CpuInfo *c)
{
	uint64_t control = rdmsr(MSR_IA32_FEATURE_CONTROL);
	uint64_t want = FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMXON;

	if (!(control & FEATURE_CONTROL_LOCKED))
		wrmsr(MSR_IA32_FEATURE_CONTROL, control | want);
	else if (!(control & FEATURE_CONTROL_VMXON)) {
		cprintf("[VMM] VMX is switched off in the BIOS\n");
		return -E_VMX_ON;
	}
	lcr0((rcr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) &
	     rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	lcr4((rcr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0)) &
	     rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	*(uint32_t *)vmxon_regions[c - cpus] = vmx_revision();
	if (!vmxon(PADDR(vmxon_regions[c - cpus])))
		return -E_VMX_ON;
	init_bitmaps();
	timer_shift = VMX_MISC_TIMER_SHIFT(rdmsr(MSR_IA32_VMX_MISC));
	c->cpu_vmxon = true;
	cprintf("VMXON\n");
	return 0;
}

void vmx_write_failed(uint32_t field)
{
	panic("VMWRITE of field 0x%x: %s", field,
	      vmx_instruction_error(vmread(VMCS_INSTRUCTION_ERROR)));
}

// What this processor may still know of the guest's memory is forgotten:
// the EPT's translations, and those tagged with the VPID, which an earlier
// guest may have had.
static void forget_translations(struct Vm *vm, struct Vcpu *vc)
{
	invept(PADDR(vm->vm_eptrt) | EPTP_WALK4 | EPTP_WB);
	invvpid(vc->vc_vpid);
}

// --------------------------------------------------------------
// The VMCS of a new virtual CPU

struct field_value {
	uint32_t field;
	uint64_t value;
};

extern char vmexit_entry[];

// A processor after INIT, but at address 0:GUEST_BOOT and with NE, which VMX
// wants (SDM volume 3, "Processor State After Reset"). Only what is not 0.
static const struct field_value initial_guest_state[] = {
	{ VMCS_GUEST_CS_LIMIT, 0xffff },
	{ VMCS_GUEST_DS_LIMIT, 0xffff },
	{ VMCS_GUEST_ES_LIMIT, 0xffff },
	{ VMCS_GUEST_FS_LIMIT, 0xffff },
	{ VMCS_GUEST_GS_LIMIT, 0xffff },
	{ VMCS_GUEST_SS_LIMIT, 0xffff },
	{ VMCS_GUEST_LDTR_LIMIT, 0xffff },
	{ VMCS_GUEST_TR_LIMIT, 0xffff },
	{ VMCS_GUEST_GDTR_LIMIT, 0xffff },
	{ VMCS_GUEST_IDTR_LIMIT, 0xffff },
	{ VMCS_GUEST_CS_ACCESS_RIGHTS, 0x9b },
	{ VMCS_GUEST_DS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_ES_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_FS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_GS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_SS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x82 },
	{ VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b },
	{ VMCS_GUEST_CR0, CR0_ET | CR0_NE },
	{ VMCS_CR0_READ_SHADOW, CR0_ET },
	{ VMCS_CR0_GUEST_HOST_MASK, GUEST_CR0_OWNED },
	{ VMCS_GUEST_CR4, CR4_VMXE },
	{ VMCS_CR4_GUEST_HOST_MASK, ~(uint64_t)GUEST_CR4_FREE },
	{ VMCS_GUEST_DR7, 0x400 },
	{ VMCS_GUEST_RFLAGS, 0x2 },
	{ VMCS_GUEST_PAT, 0x0007040600070406 },
	{ VMCS_LINK_POINTER, ~0ul },
};

static const struct field_value host_state[] = {
	{ VMCS_HOST_CS_SELECTOR, GD_KT },
	{ VMCS_HOST_SS_SELECTOR, GD_KD },
	{ VMCS_HOST_DS_SELECTOR, GD_KD },
	{ VMCS_HOST_ES_SELECTOR, GD_KD },
};

static void write_fields(const struct field_value *f, size_t n)
{
	for (; n > 0; n--, f++)
		vmwrite(f->field, f->value);
}

// Control words: what we want, and the capability MSRs they are held against
// (the TRUE ones where the processor has them).
static const struct control_word {
	uint32_t field, msr, true_msr, want;
	const char *name;
} control_words[] = {
	{ VMCS_PIN_BASED_CONTROLS, MSR_IA32_VMX_PINBASED_CTLS,
	  MSR_IA32_VMX_TRUE_PINBASED_CTLS,
	  PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING |
	  PIN_PREEMPTION_TIMER, "pin-based" },
	{ VMCS_PROC_BASED_CONTROLS, MSR_IA32_VMX_PROCBASED_CTLS,
	  MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
	  PROC_USE_TSC_OFFSETTING | PROC_HLT_EXITING | PROC_MWAIT_EXITING |
	  PROC_RDPMC_EXITING | PROC_CR8_LOAD_EXITING |
	  PROC_CR8_STORE_EXITING | PROC_USE_IO_BITMAPS |
	  PROC_USE_MSR_BITMAPS | PROC_MONITOR_EXITING |
	  PROC_SECONDARY_CONTROLS,
	  "processor-based" },
	{ VMCS_PROC_BASED_CONTROLS2, MSR_IA32_VMX_PROCBASED_CTLS2,
	  MSR_IA32_VMX_PROCBASED_CTLS2,
	  PROC2_ENABLE_EPT | PROC2_ENABLE_VPID | PROC2_UNRESTRICTED_GUEST,
	  "secondary processor-based" },
	{ VMCS_EXIT_CONTROLS, MSR_IA32_VMX_EXIT_CTLS,
	  MSR_IA32_VMX_TRUE_EXIT_CTLS,
	  EXIT_SAVE_DEBUG_CONTROLS | EXIT_HOST_ADDRESS_SPACE_SIZE |
	  EXIT_ACKNOWLEDGE_INTERRUPT | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
	  EXIT_SAVE_EFER | EXIT_LOAD_EFER | EXIT_SAVE_PREEMPTION_TIMER,
	  "VM-exit" },
	{ VMCS_ENTRY_CONTROLS, MSR_IA32_VMX_ENTRY_CTLS,
	  MSR_IA32_VMX_TRUE_ENTRY_CTLS,
	  ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
	  "VM-entry" },
};

// Writes a control word: what we want, and what must be 1. False, and says
// which bit is missing, when the processor does not have all we want.
static bool write_controls(const struct control_word *w)
{
	bool true_msrs = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CTLS;
	uint64_t cap = rdmsr(true_msrs ? w->true_msr : w->msr);
	uint32_t must = cap, may = cap >> 32, missing = w->want & ~may;

	if (missing) {
		cprintf("[VMM] %s controls: the processor lacks bit %d\n",
			w->name, __builtin_ctz(missing));
		return false;
	}
	vmwrite(w->field, w->want | must);
	return true;
}

// What depends on the processor that runs the guest.
static void write_host_percpu(struct CpuInfo *c)
{
	struct descriptor_ptr gdt = sgdt(), idt = sidt();

	vmwrite(VMCS_HOST_TR_SELECTOR, str());
	vmwrite(VMCS_HOST_TR_BASE, (uintptr_t)&c->cpu_ts);
	vmwrite(VMCS_HOST_GDTR_BASE, gdt.base);
	vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
	vmwrite(VMCS_HOST_CR0, rcr0());
	vmwrite(VMCS_HOST_CR4, rcr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_PAT, rdmsr(0x277));
}

// Fills the current, cleared VMCS. 0 or -E_VMCS_INIT.
static int vmcs_init(struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;

	for (size_t i = 0; i < ARRAY_SIZE(control_words); i++)
		if (!write_controls(&control_words[i]))
			return -E_VMCS_INIT;
	vc->vc_proc_controls = vmread(VMCS_PROC_BASED_CONTROLS);
	write_fields(host_state, ARRAY_SIZE(host_state));
	vmwrite(VMCS_HOST_CR3, kern_cr3);
	vmwrite(VMCS_HOST_RIP, (uintptr_t)vmexit_entry);
	write_fields(initial_guest_state, ARRAY_SIZE(initial_guest_state));
	vmwrite(VMCS_GUEST_RIP, e->env_tf.tf_rip);
	vmwrite(VMCS_EPT_POINTER,
		PADDR(e->env_vm->vm_eptrt) | EPTP_WALK4 | EPTP_WB);
	vmwrite(VMCS_VPID, vc->vc_vpid);
	vmwrite(VMCS_EXCEPTION_BITMAP, vc->vc_exceptions);
	vmwrite(VMCS_IO_BITMAP_A, PADDR(io_bitmap));
	vmwrite(VMCS_IO_BITMAP_B, PADDR(io_bitmap) + PGSIZE);
	vmwrite(VMCS_MSR_BITMAP, PADDR(msr_bitmap));
	vc->vc_tsc_offset = -rdtsc();
	vmwrite(VMCS_TSC_OFFSET, vc->vc_tsc_offset);
	vc->vc_ready = true;
	return 0;
}

// --------------------------------------------------------------
// Virtual CPUs come and go

static void timer_fired(struct timer *t)
{
	vmx_raise_irq((void *)t - offsetof(struct Env, env_timer), IRQ_TIMER);
}

int vmx_alloc(struct Env *e, struct Env *owner, uint64_t memsz, uint64_t rip)
{
	struct Vcpu *vc;

	TAILQ_INSERT_TAIL(&owner->env_guests, e, env_guest_link);
	sysinfo.si_nguest++;
	e->env_vm = vm_alloc(memsz);
	e->env_vcpu = vc = kpage_alloc();
	if (!e->env_vm || !vc || !(vc->vc_vmcs = kpage_alloc()))
		return -E_NO_MEM;
	*(uint32_t *)vc->vc_vmcs = vmx_revision();
	vc->vc_vpid = e - envs + 1;
	// #DB and #AC, so that none can be delivered without end.
	vc->vc_exceptions = 1 << T_DEBUG | 1 << T_ALIGN | 1 << T_MCHK;
	vc->vc_drs[NVCPU_DRS - 1] = 0xffff0ff0;		// DR6 after reset
	e->env_tf.tf_rip = rip;
	e->env_timer.tm_fired = timer_fired;
	e->env_vmdisk = owner->env_vmdisk;
	strlcpy(e->env_name, "guest", ENV_NAME_LEN);
	return 0;
}

void vmx_drop_answer(struct Vcpu *vc)
{
	if (vc->vc_answer_page)
		page_decref(vc->vc_answer_page);
	vc->vc_answer_page = NULL;
	vc->vc_answer = ANSWER_NONE;
}

void vmx_free(struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;
	struct CpuInfo *c = thiscpu;

	if (e->env_parent_id) {		// its VMM lives
		TAILQ_REMOVE(&envs[ENVX(e->env_parent_id)].env_guests, e,
			     env_guest_link);
		vm_gone(e);
	}
	sysinfo.si_nguest--;
	if (vc) {
		// The processor may hold it though another is current. With
		// several processors vmx_leave() has done it.
		if (ncpu == 1 && c->cpu_vmxon && vc->vc_vmcs)
			vmclear(PADDR(vc->vc_vmcs));
		if (c->cpu_vmcs == e)
			c->cpu_vmcs = NULL;
		if (c->cpu_msrs == vc)
			c->cpu_msrs = NULL;
		vmx_drop_answer(vc);
		kpage_free(vc->vc_vmcs);
		kpage_free(vc->vc_out);
		kpage_free(vc->vc_exit);
		kpage_free(vc);
	}
	if (e->env_vm)
		vm_free(e->env_vm);
	e->env_vcpu = NULL;
	e->env_vm = NULL;
}

static void save_msrs(struct Vcpu *vc)
{
	for (int i = 0; i < NVCPU_MSRS; i++)
		vc->vc_msrs[i] = rdmsr(vcpu_msrs[i]);
	vc->vc_drs[0] = rdr0();
	vc->vc_drs[1] = rdr1();
	vc->vc_drs[2] = rdr2();
	vc->vc_drs[3] = rdr3();
	vc->vc_drs[4] = rdr6();
}

static void load_msrs(struct Vcpu *vc)
{
	for (int i = 0; i < NVCPU_MSRS; i++)
		wrmsr(vcpu_msrs[i], vc->vc_msrs[i]);
	ldr0(vc->vc_drs[0]);
	ldr1(vc->vc_drs[1]);
	ldr2(vc->vc_drs[2]);
	ldr3(vc->vc_drs[3]);
	ldr6(vc->vc_drs[4]);
}

// It may run, or be looked at, on another processor next.
static void vmcs_unload(struct CpuInfo *c, struct Vcpu *vc)
{
	vmclear(PADDR(vc->vc_vmcs));
	vc->vc_runs = 0;
	c->cpu_vmcs = NULL;
}

void vmx_leave(struct CpuInfo *c, struct Env *e, uint64_t now)
{
	struct Vcpu *vc = e->env_vcpu;

	vc->vc_last_tsc = now;
	vc->vc_cr2 = rcr2();
	// An exit leaves limits of 64 KiB, and user code must not find
	// descriptors behind the tables' ends.
	cpu_load_tables();
	if (ncpu == 1 || c->cpu_vmcs != e)
		return;
	// Another processor may run it next: nothing of it stays here.
	save_msrs(vc);
	c->cpu_msrs = NULL;
	vmcs_unload(c, vc);
}

// --------------------------------------------------------------
// Running

// Makes e's VMCS this processor's current one, set up the first time. 0,
// -E_VMX_ON or -E_VMCS_INIT.
static int vmcs_load(struct CpuInfo *c, struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;
	int r;

	if (!c->cpu_vmxon && (r = vmx_on(c)) < 0)
		return r;
	if (!vc->vc_ready)
		vmclear(PADDR(vc->vc_vmcs));
	vmptrld(PADDR(vc->vc_vmcs));
	c->cpu_vmcs = e;
	if (!vc->vc_ready && (r = vmcs_init(e)) < 0) {
		vmcs_unload(c, vc);
		return r;
	}
	write_host_percpu(c);
	return 0;
}

int vmx_borrow(struct Env *e)
{
	struct CpuInfo *c = thiscpu;

	return c->cpu_vmcs == e ? 0 : vmcs_load(c, e);
}

void vmx_return(struct Env *e)
{
	if (ncpu > 1)
		vmcs_unload(thiscpu, e->env_vcpu);
}

static uint64_t slice_left(const struct CpuInfo *c)
{
	return c->cpu_slice_end > c->cpu_since ?
		c->cpu_slice_end - c->cpu_since : 0;
}

// Makes e's VMCS and registers this processor's. 0, -E_VMX_ON, -E_VMCS_INIT.
static int vmx_load(struct CpuInfo *c, struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;
	int r;

	if (c->cpu_vmcs != e && (r = vmcs_load(c, e)) < 0)
		return r;
	if (!vc->vc_start_tsc)
		vc->vc_start_tsc = rdtsc();
	if (c->cpu_msrs != vc) {
		if (c->cpu_msrs)
			save_msrs(c->cpu_msrs);
		load_msrs(vc);
		c->cpu_msrs = vc;
	}
	lcr2(vc->vc_cr2);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, slice_left(c) >> timer_shift);
	return 0;
}

void vmx_interrupt_window(struct Vcpu *vc, bool on)
{
	uint32_t want = vc->vc_proc_controls & ~PROC_INTERRUPT_WINDOW_EXITING;

	if (on)
		want |= PROC_INTERRUPT_WINDOW_EXITING;
	if (want != vc->vc_proc_controls)
		vmwrite(VMCS_PROC_BASED_CONTROLS, want);
	vc->vc_proc_controls = want;
}

// Delivers the first interrupt that is due, or asks for an exit as soon as
// the guest can take it.
static void inject_irq(struct Vcpu *vc)
{
	int irq = __builtin_ctz(vc->vc_irqs);
	int vector = IRQ_OFFSET + irq;
	bool can = (vmread(VMCS_GUEST_RFLAGS) & FL_IF) &&
		!(vmread(VMCS_GUEST_INTERRUPTIBILITY) &
		  (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)) &&
		!vmread(VMCS_GUEST_PENDING_DEBUG) &&	// it would get lost
		!(vmread(VMCS_VMENTRY_INTR_INFO) & INTR_INFO_VALID);

	if (can) {
		vc->vc_irqs &= ~(1u << irq);
		if (1u << irq == VC_VECTOR)
			vector = vc->vc_vector;
		vmwrite(VMCS_VMENTRY_INTR_INFO, INTR_INFO_VALID |
			INTR_TYPE_EXTERNAL | vector);
	}
	vmx_interrupt_window(vc, vc->vc_irqs != 0);
}

void vmx_inject(int vector, uint32_t error)
{
	const uint32_t with_error = 1 << T_DBLFLT | 1 << T_TSS | 1 << T_SEGNP |
		1 << T_STACK | 1 << T_GPFLT | 1 << T_PGFLT | 1 << T_ALIGN;
	uint32_t info = INTR_INFO_VALID | INTR_TYPE_HW_EXCEPTION | vector;

	// In real mode exceptions have no error code.
	if ((with_error >> vector & 1) &&
	    (vmread(VMCS_GUEST_CR0) & CR0_PE)) {
		info |= INTR_INFO_ERROR_CODE;
		vmwrite(VMCS_VMENTRY_ERROR_CODE, error);
	}
	vmwrite(VMCS_VMENTRY_INTR_INFO, info);
}

// Is delivered as soon as it can be, once more.
static void requeue_interrupt(struct Vcpu *vc, int vector)
{
	if (vector >= IRQ_OFFSET && vector < IRQ_OFFSET + 30) {
		vc->vc_irqs |= 1u << (vector - IRQ_OFFSET);
	} else if (!(vc->vc_irqs & VC_VECTOR)) {
		vc->vc_irqs |= VC_VECTOR;
		vc->vc_vector = vector;
	}
}

bool vmx_inject_second(struct Env *e, int vector, uint32_t error)
{
	const uint32_t contributory = 1 << T_DIVIDE | 1 << T_TSS |
		1 << T_SEGNP | 1 << T_STACK | 1 << T_GPFLT;
	const uint32_t faults = contributory | 1 << T_PGFLT;
	uint32_t info = vmread(VMCS_VMENTRY_INTR_INFO);
	int first = info & INTR_INFO_VECTOR;

	if (!(info & INTR_INFO_VALID)) {
		vmx_inject(vector, error);
		return true;
	}
	if ((info & INTR_INFO_TYPE) == INTR_TYPE_EXTERNAL) {
		requeue_interrupt(e->env_vcpu, first);
	} else if ((info & INTR_INFO_TYPE) == INTR_TYPE_HW_EXCEPTION) {
		if (first == T_DBLFLT && (faults >> vector & 1))
			return false;
		if ((contributory >> first & contributory >> vector & 1) ||
		    (first == T_PGFLT && (faults >> vector & 1))) {
			vector = T_DBLFLT;
			error = 0;
		}
	}
	vmx_inject(vector, error);
	return true;
}

void vmx_raise(struct Env *e, uint32_t what)
{
	struct Vcpu *vc = e->env_vcpu;

	vc->vc_irqs |= what;
	if (e->env_status == ENV_BLOCKED && e->env_wait_for == WAIT_HLT &&
	    vc->vc_hlt_if) {
		vc->vc_halted = false;
		env_restart(e);
	} else if (e->env_status == ENV_RUNNING && e != curenv) {
		cpu_kick(&cpus[e->env_cpunum]);
	}
}

void vmx_raise_irq(struct Env *e, int irq)
{
	vmx_raise(e, 1u << irq);
}

// An event whose delivery the exit interrupted is delivered again (SDM
// volume 3, "Information for VM Exits That Occur During Event Delivery").
static void reinject(void)
{
	uint32_t info = vmread(VMCS_IDT_VECTORING_INFO);

	if (!(info & INTR_INFO_VALID))
		return;
	// In real mode exceptions have no error code, but Bochs says so.
	if (!(vmread(VMCS_GUEST_CR0) & CR0_PE))
		info &= ~INTR_INFO_ERROR_CODE;
	// Bit 12 is undefined there and reserved here.
	vmwrite(VMCS_VMENTRY_INTR_INFO, info & ~INTR_INFO_NMI_UNBLOCKING);
	vmwrite(VMCS_VMENTRY_ERROR_CODE,
		vmread(VMCS_IDT_VECTORING_ERROR_CODE));
	vmwrite(VMCS_VMENTRY_INSTRUCTION_LEN,
		vmread(VMCS_VMEXIT_INSTRUCTION_LEN));
}

// Nobody handles the exit, or there was no entry.
static void abort_guest(struct Env *e, bool entered)
{
	if (vm_post_rest(e, VM_EXIT_UNHANDLED, vmread(VMCS_EXIT_REASON),
			 vmread(VMCS_EXIT_QUALIFICATION)))
		return;
	if (!entered)
		vmx_explain_entry_failure();
	cprintf("Unhandled VMEXIT, aborting guest.\n");
	vmx_dump(e);
	env_destroy(e, EXIT_KILLED);
}

// After an exit, with the kernel lock.
static void vmexit(struct Env *e)
{
	uint32_t reason = vmread(VMCS_EXIT_REASON);

	if (reason & EXIT_REASON_ENTRY_FAILURE) {
		e->env_vcpu->vc_runs--;		// it was not launched
		abort_guest(e, false);
		return;
	}
	reinject();
	reason = EXIT_REASON_BASIC(reason);
	if (reason >= NEXIT_REASONS || !vmexit_handlers[reason] ||
	    !vmexit_handlers[reason](e))
		abort_guest(e, true);
}

void vmx_slice_over(struct Env *e)
{
	struct CpuInfo *c = thiscpu;

	// Interrupts that wait are taken now: Bochs lets none end a guest
	// that was entered with its own interrupts off.
	unlock_kernel(c);
	sti();
	pause();
	cli();
	lock_kernel(c);
	if (e->env_status == ENV_DYING)
		env_reap_dying();
	else if (e->env_status == ENV_RUNNING)
		sched_ready(e);
}

// Enters the guest once. The kernel lock is not held meanwhile.
static void vmx_enter(struct CpuInfo *c, struct Env *e)
{
	struct Vm *vm = e->env_vm;
	struct Vcpu *vc = e->env_vcpu;
	uint32_t *seen = &vm->vm_seen[e->env_cpunum];
	int failed;

	// The preemption timer counts whole units of the guest's own time, and
	// cheap exits one after the other may come to none.
	if (vc->vc_exits % EXITS_PER_LOOK == 0 &&
	    rdtsc() >= c->cpu_slice_end) {
		vmx_slice_over(e);
		return;
	}
	if (*seen != vm->vm_generation) {
		*seen = vm->vm_generation;
		vm->vm_flushes++;
		forget_translations(vm, vc);
	}
	if (vc->vc_irqs) {
		if (vc->vc_irqs & VC_STOP) {
			vm_post_stopped(e);
			return;
		}
		if (!(vc->vc_proc_controls & PROC_INTERRUPT_WINDOW_EXITING))
			inject_irq(vc);
	}
	clock_program(c, ~0ul);	// slices: see vmx_load
	unlock_kernel(c);
	failed = asm_vmrun(&e->env_tf, ++vc->vc_runs);
	lock_kernel(c);
	vc->vc_exits++;
	if (e->env_status == ENV_DYING) {
		// An interrupt is acknowledged already.
		if (!failed && vmread(VMCS_EXIT_REASON) ==
		    EXIT_REASON_EXTERNAL_INTERRUPT)
			vmexit_handlers[EXIT_REASON_EXTERNAL_INTERRUPT](e);
		env_reap_dying();
		return;
	}
	if (failed) {
		vc->vc_runs--;
		cprintf("VM entry failed: %s\n", vmx_instruction_error(
				vmread(VMCS_INSTRUCTION_ERROR)));
		abort_guest(e, false);
		return;
	}
	vmexit(e);
}

void vmx_run(struct Env *e)
{
	struct CpuInfo *c = thiscpu;
	int r = vmx_load(c, e);

	if (r < 0) {
		cprintf("[VMM] guest %08x cannot run: %e\n", e->env_id, r);
		env_destroy(e, EXIT_KILLED);
	}
	else if (e->env_vcpu->vc_record == RECORD_ANSWERED)
		vm_complete(e);
	while (c->cpu_env == e && e->env_status == ENV_RUNNING)
		vmx_enter(c, e);
	sched_yield();
}

// --------------------------------------------------------------
// For users

int vmx_list(struct vm_info *buf, size_t n)
{
	struct vm_info info;
	int count = 0;

	if (sysinfo.si_nguest == 0)
		return 0;
	for (struct Env *e = envs; e < envs + NENV; e++) {
		const struct Vcpu *vc = e->env_vcpu;

		if (e->env_status == ENV_FREE || !vc || !e->env_vm)
			continue;
		if ((size_t)count++ >= n)
			continue;
		info = (struct vm_info){
			.vi_env = e->env_id, .vi_disk = e->env_vmdisk,
			.vi_runs = e->env_runs,
			.vi_pages = e->env_vm->vm_pages,
			// VMCS, virtual CPU, memory object
			.vi_tables = vm_tables(e->env_vm) + 3 +
				(vc->vc_out != NULL) + (vc->vc_exit != NULL),
			.vi_mem = e->env_vm->vm_memsz,
			.vi_exits = vc->vc_exits,
			.vi_start_tsc = vc->vc_start_tsc,
			.vi_last_tsc = vc->vc_last_tsc,
			.vi_lost = vc->vc_out_lost,
			.vi_flushes = e->env_vm->vm_flushes,
		};
		memcpy(buf++, &info, sizeof(info));	// of any alignment
	}
	return count;
}

void vmx_keep_output(struct Env *e, const char *s, size_t n)
{
	struct Vcpu *vc = e->env_vcpu;

	if (!vc->vc_out)
		vc->vc_out = kpage_alloc();
	for (; n > 0; n--, s++) {
		if (!vc->vc_out) {
			vc->vc_out_lost++;
			continue;
		}
		vc->vc_out[(vc->vc_out_head + vc->vc_out_len) % PGSIZE] = *s;
		if (vc->vc_out_len < PGSIZE) {
			vc->vc_out_len++;
		} else {
			vc->vc_out_head = (vc->vc_out_head + 1) % PGSIZE;
			vc->vc_out_lost++;
		}
	}
}

void vmx_show_output(struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;
	size_t tail = MIN(vc->vc_out_len, PGSIZE - vc->vc_out_head);

	if (vc->vc_out_lost)
		cprintf("[%lu characters lost]\n", vc->vc_out_lost);
	vc->vc_out_lost = 0;
	if (vc->vc_out_len) {
		cons_write(vc->vc_out + vc->vc_out_head, tail);
		cons_write(vc->vc_out, vc->vc_out_len - tail);
	}
	vc->vc_out_head = vc->vc_out_len = 0;
}
