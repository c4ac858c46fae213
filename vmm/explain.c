// A failed VM entry explains itself. The rules are those of the SDM, volume
// 3 (253668-078US), "Checks on VMX Controls", "Checks on Host Control
// Registers, MSRs, and SSP", "Checks on Host Segment and Descriptor-Table
// Registers", "Checks Related to Address-Space Size" and "Checks on the
// Guest State Area", in its order; left out are features that this kernel
// never turns on (PT, CET, MPX, performance counters' MSR, SMM).

#include <inc/mmu.h>
#include <inc/stdio.h>
#include <inc/trap.h>
#include <vmm/explain.h>
#include <vmm/vmcs.h>

enum { ES, CS, SS, DS, FS, GS, LDTR, TR, NSEG };

struct check {
	const struct vmcs_view *vmcs;
	int broken;			// rules so far

	uint32_t pin, proc, proc2, exit, entry;
	bool unrestricted, long_mode, vm86;
	uint64_t cr0, cr4;
	uint32_t inject;		// entry's interruption information
	struct segment {
		uint64_t base;
		uint32_t limit, ar;
		uint16_t sel;
		bool usable;
	} seg[NSEG];
};

#define GET(f)			(c->vmcs->read(VMCS_##f))
#define RULE(f, holds, why)	rule(c, #f, GET(f), holds, why)

static void rule(struct check *c, const char *name, uint64_t value, bool holds,
		 const char *why)
{
	if (holds)
		return;
	c->broken++;
	cprintf("  %s is 0x%lx: %s\n", name, (unsigned long)value, why);
}

// ---- helpers --------------------------------------------------------------

static bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static bool fits(const struct check *c, uint64_t pa)
{
	return pa >> c->vmcs->maxphyaddr == 0;
}

static bool page_address(const struct check *c, uint64_t pa)
{
	return PGOFF(pa) == 0 && fits(c, pa);
}

static const char *const cr0_names[64] = {
	[0] = " (PE)", [5] = " (NE)", [31] = " (PG)",
};
static const char *const cr4_names[64] = {
	[5] = " (PAE)", [13] = " (VMXE)", [14] = " (SMXE)",
};
static const char *const no_names[64];

// Bits of `must` are 1 in the value, bits outside `may` are 0.
static void fixed_bits(struct check *c, const char *name,
		       const char *const names[64], uint64_t value,
		       uint64_t must, uint64_t may)
{
	uint64_t wrong = (must & ~value) | (value & ~may);

	for (int bit = 0; bit < 64; bit++) {
		if (!(wrong >> bit & 1))
			continue;
		c->broken++;
		cprintf("  %s is 0x%lx: bit %d%s must be %d.\n", name,
			(unsigned long)value, bit,
			names[bit] ? names[bit] : "", (int)(must >> bit & 1));
	}
}

#define FIXED_BITS(f, names, msr, zero_too)				\
	fixed_bits(c, #f, names, GET(f),				\
		   c->vmcs->rdmsr(msr##_FIXED0) & ~(zero_too),		\
		   c->vmcs->rdmsr(msr##_FIXED1))

// One word of controls against its capability MSR: the TRUE one, where the
// processor has those, allows more zeroes.
static void control_bits(struct check *c, const char *name, uint32_t value,
			 uint32_t msr, uint32_t true_msr)
{
	bool true_ctls = c->vmcs->rdmsr(MSR_IA32_VMX_BASIC) &
			 VMX_BASIC_TRUE_CTLS;
	uint64_t cap = c->vmcs->rdmsr(true_ctls ? true_msr : msr);

	fixed_bits(c, name, no_names, value, (uint32_t)cap, cap >> 32);
}

static bool pat_valid(uint64_t pat)
{
	for (int i = 0; i < 8; i++, pat >>= 8)
		if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3)
			return false;
	return true;
}

static bool efer_valid(uint64_t efer)
{
	return !(efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE));
}

static uint32_t inject_type(const struct check *c)
{
	return c->inject & INTR_INFO_TYPE;
}

static bool injects(const struct check *c, uint32_t type)
{
	return c->inject & INTR_INFO_VALID && inject_type(c) == type;
}

// ---- "Checks on VMX Controls" ---------------------------------------------

static void check_reserved_controls(struct check *c)
{
	control_bits(c, "PIN_BASED_CONTROLS", c->pin,
		     MSR_IA32_VMX_PINBASED_CTLS,
		     MSR_IA32_VMX_TRUE_PINBASED_CTLS);
	control_bits(c, "PROC_BASED_CONTROLS", c->proc,
		     MSR_IA32_VMX_PROCBASED_CTLS,
		     MSR_IA32_VMX_TRUE_PROCBASED_CTLS);
	if (c->proc & PROC_SECONDARY_CONTROLS)
		control_bits(c, "PROC_BASED_CONTROLS2", c->proc2,
			     MSR_IA32_VMX_PROCBASED_CTLS2,
			     MSR_IA32_VMX_PROCBASED_CTLS2);
	control_bits(c, "EXIT_CONTROLS", c->exit, MSR_IA32_VMX_EXIT_CTLS,
		     MSR_IA32_VMX_TRUE_EXIT_CTLS);
	control_bits(c, "ENTRY_CONTROLS", c->entry, MSR_IA32_VMX_ENTRY_CTLS,
		     MSR_IA32_VMX_TRUE_ENTRY_CTLS);
}

#define PAGE_RULE(f)							\
	RULE(f, page_address(c, GET(f)),				\
	     "it must be the physical address of a page.")

static void check_bitmaps(struct check *c)
{
	if (c->proc & PROC_USE_IO_BITMAPS) {
		PAGE_RULE(IO_BITMAP_A);
		PAGE_RULE(IO_BITMAP_B);
	}
	if (c->proc & PROC_USE_MSR_BITMAPS)
		PAGE_RULE(MSR_BITMAP);
	if (c->proc2 & PROC2_VMCS_SHADOWING) {
		PAGE_RULE(VMREAD_BITMAP);
		PAGE_RULE(VMWRITE_BITMAP);
	}
	if (c->proc2 & PROC2_EPT_VIOLATION_VE)
		PAGE_RULE(VIRT_EXCEPTION_INFO_ADDR);
	if (c->proc2 & PROC2_ENABLE_PML)
		PAGE_RULE(PML_ADDRESS);
}

static void check_nmi_controls(struct check *c)
{
	RULE(PIN_BASED_CONTROLS,
	     c->pin & PIN_NMI_EXITING || !(c->pin & PIN_VIRTUAL_NMIS),
	     "virtual NMIs (bit 5) need NMI exiting (bit 3).");
	RULE(PROC_BASED_CONTROLS, c->pin & PIN_VIRTUAL_NMIS ||
	     !(c->proc & PROC_NMI_WINDOW_EXITING),
	     "NMI-window exiting (bit 22) needs virtual NMIs.");
}

static void check_apic_controls(struct check *c)
{
	const uint32_t tpr_users = PROC2_VIRTUALIZE_X2APIC |
		PROC2_APIC_REGISTER_VIRT | PROC2_VIRTUAL_INTR_DELIVERY;

	if (c->proc & PROC_USE_TPR_SHADOW) {
		PAGE_RULE(VIRTUAL_APIC_ADDR);
		RULE(TPR_THRESHOLD, c->proc2 & PROC2_VIRTUAL_INTR_DELIVERY ||
		     GET(TPR_THRESHOLD) < 16, "bits 31:4 must be 0.");
	} else {
		RULE(PROC_BASED_CONTROLS2, !(c->proc2 & tpr_users),
		     "bits 4, 8 and 9 need the TPR shadow.");
	}
	if (c->proc2 & PROC2_VIRTUALIZE_APIC_ACCESSES) {
		PAGE_RULE(APIC_ACCESS_ADDR);
		RULE(PROC_BASED_CONTROLS2,
		     !(c->proc2 & PROC2_VIRTUALIZE_X2APIC),
		     "virtualized APIC and x2APIC exclude each other.");
	}
	RULE(PIN_BASED_CONTROLS, c->pin & PIN_EXTERNAL_INTERRUPT_EXITING ||
	     !(c->proc2 & PROC2_VIRTUAL_INTR_DELIVERY),
	     "virtual interrupt delivery needs external-interrupt exiting.");
}

static void check_posted_interrupts(struct check *c)
{
	if (!(c->pin & PIN_POSTED_INTERRUPTS))
		return;
	RULE(PROC_BASED_CONTROLS2, c->proc2 & PROC2_VIRTUAL_INTR_DELIVERY,
	     "posted interrupts need virtual interrupt delivery.");
	RULE(EXIT_CONTROLS, c->exit & EXIT_ACKNOWLEDGE_INTERRUPT,
	     "posted interrupts need acknowledging on exit (bit 15).");
	RULE(POSTED_INTR_VECTOR, GET(POSTED_INTR_VECTOR) < 256,
	     "bits 15:8 must be 0.");
	RULE(POSTED_INTR_DESC_ADDR, GET(POSTED_INTR_DESC_ADDR) % 64 == 0 &&
	     fits(c, GET(POSTED_INTR_DESC_ADDR)),
	     "it must be a physical address, a multiple of 64.");
}

static void check_eptp(struct check *c)
{
	uint64_t cap = c->vmcs->rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	uint64_t eptp = GET(EPT_POINTER), type = eptp & 7;

	RULE(EPT_POINTER, (type == EPTP_WB && cap & EPT_CAP_WB) ||
	     (type == EPTP_UC && cap & EPT_CAP_UC),
	     "the memory type (bits 2:0) must be 6, write-back.");
	RULE(EPT_POINTER, (eptp & 0x38) == EPTP_WALK4,
	     "the walk length less one (bits 5:3) must be 3.");
	RULE(EPT_POINTER, !(eptp & EPTP_ACCESSED_DIRTY) ||
	     cap & EPT_CAP_ACCESSED_DIRTY,
	     "this processor has no accessed and dirty flags (bit 6).");
	RULE(EPT_POINTER, !(eptp & 0xf80) && fits(c, eptp),
	     "bits 11:7 and those above the physical address must be 0.");
}

static void check_paging_controls(struct check *c)
{
	bool ept = c->proc2 & PROC2_ENABLE_EPT;

	RULE(CR3_TARGET_COUNT, GET(CR3_TARGET_COUNT) <=
	     VMX_MISC_CR3_TARGETS(c->vmcs->rdmsr(MSR_IA32_VMX_MISC)),
	     "the processor has fewer CR3-target values.");
	if (c->proc2 & PROC2_ENABLE_VPID)
		RULE(VPID, GET(VPID) != 0, "0 is the host's.");
	if (ept)
		check_eptp(c);
	RULE(PROC_BASED_CONTROLS2, ept || !c->unrestricted,
	     "an unrestricted guest (bit 7) needs EPT (bit 1).");
	RULE(PROC_BASED_CONTROLS2, ept || !(c->proc2 & PROC2_ENABLE_PML),
	     "page-modification logging (bit 17) needs EPT (bit 1).");
	if (c->proc2 & PROC2_ENABLE_VMFUNC)
		fixed_bits(c, "VMFUNC_CONTROLS", no_names,
			   GET(VMFUNC_CONTROLS), 0,
			   c->vmcs->rdmsr(MSR_IA32_VMX_VMFUNC));
}

#define MSR_AREA_RULE(count, addr)					\
	RULE(addr, GET(count) == 0 || msr_area(c, GET(addr), GET(count)), \
	     "the area must lie in physical memory, aligned to 16.")

static bool msr_area(const struct check *c, uint64_t pa, uint64_t count)
{
	return pa % 16 == 0 && fits(c, pa) && fits(c, pa + count * 16 - 1);
}

static void check_exit_entry_controls(struct check *c)
{
	RULE(EXIT_CONTROLS, c->pin & PIN_PREEMPTION_TIMER ||
	     !(c->exit & EXIT_SAVE_PREEMPTION_TIMER),
	     "saving the preemption timer (bit 22) needs the timer.");
	MSR_AREA_RULE(VMEXIT_MSR_STORE_COUNT, VMEXIT_MSR_STORE_ADDR);
	MSR_AREA_RULE(VMEXIT_MSR_LOAD_COUNT, VMEXIT_MSR_LOAD_ADDR);
	MSR_AREA_RULE(VMENTRY_MSR_LOAD_COUNT, VMENTRY_MSR_LOAD_ADDR);
	RULE(ENTRY_CONTROLS, !(c->entry &
	     (ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL_MONITOR)),
	     "entry to SMM (bits 10 and 11) is for SMM only.");
}

// Exceptions that push an error code; in real mode none does.
static bool has_error_code(const struct check *c)
{
	const uint32_t vectors = 1u << T_DBLFLT | 1u << T_TSS | 1u << T_SEGNP |
		1u << T_STACK | 1u << T_GPFLT | 1u << T_PGFLT | 1u << T_ALIGN;
	uint32_t vector = c->inject & INTR_INFO_VECTOR;

	return injects(c, INTR_TYPE_HW_EXCEPTION) && vector < 32 &&
	       vectors >> vector & 1 &&
	       (!c->unrestricted || c->cr0 & CR0_PE);
}

static bool vector_fits_type(const struct check *c)
{
	uint32_t vector = c->inject & INTR_INFO_VECTOR;

	switch (inject_type(c)) {
	case INTR_TYPE_NMI:
		return vector == T_NMI;
	case INTR_TYPE_HW_EXCEPTION:
		return vector < 32;
	case INTR_TYPE_OTHER:
		return vector == 0;
	}
	return true;
}

static bool has_instruction_length(const struct check *c)
{
	return injects(c, INTR_TYPE_SW_INTERRUPT) ||
	       injects(c, INTR_TYPE_PRIV_SW_EXCEPTION) ||
	       injects(c, INTR_TYPE_SW_EXCEPTION);
}

static void check_injection(struct check *c)
{
	uint64_t misc = c->vmcs->rdmsr(MSR_IA32_VMX_MISC);
	uint64_t len = GET(VMENTRY_INSTRUCTION_LEN);

	if (!(c->inject & INTR_INFO_VALID))
		return;
	RULE(VMENTRY_INTR_INFO, inject_type(c) != 1u << 8,
	     "type 1 (bits 10:8) is reserved.");
	RULE(VMENTRY_INTR_INFO, vector_fits_type(c),
	     "the vector does not fit the type (bits 10:8).");
	RULE(VMENTRY_INTR_INFO, !(c->inject & 0x7ffff000),
	     "bits 30:12 must be 0.");
	RULE(VMENTRY_INTR_INFO,
	     !!(c->inject & INTR_INFO_ERROR_CODE) == has_error_code(c),
	     "bit 11 must be 1 just for exceptions with an error code.");
	RULE(VMENTRY_ERROR_CODE, !(c->inject & INTR_INFO_ERROR_CODE) ||
	     GET(VMENTRY_ERROR_CODE) < 1 << 16, "bits 31:16 must be 0.");
	RULE(VMENTRY_INSTRUCTION_LEN, !has_instruction_length(c) ||
	     (len <= 15 && (len > 0 || misc & VMX_MISC_INJECT_LEN0)),
	     "software interrupts need their length, 1 to 15.");
}

static void check_controls(struct check *c)
{
	check_reserved_controls(c);
	check_bitmaps(c);
	check_nmi_controls(c);
	check_apic_controls(c);
	check_posted_interrupts(c);
	check_paging_controls(c);
	check_exit_entry_controls(c);
	check_injection(c);
}

// ---- host state -----------------------------------------------------------

#define CANONICAL_RULE(f)						\
	RULE(f, canonical(GET(f)), "the address is not canonical.")

static void check_host_registers(struct check *c)
{
	uint64_t efer = GET(HOST_EFER);
	bool host64 = c->exit & EXIT_HOST_ADDRESS_SPACE_SIZE;
	uint64_t lm = host64 ? EFER_LMA | EFER_LME : 0;

	FIXED_BITS(HOST_CR0, cr0_names, MSR_IA32_VMX_CR0, 0ul);
	FIXED_BITS(HOST_CR4, cr4_names, MSR_IA32_VMX_CR4, 0ul);
	RULE(HOST_CR3, fits(c, GET(HOST_CR3)),
	     "bits above the physical address must be 0.");
	CANONICAL_RULE(HOST_SYSENTER_ESP);
	CANONICAL_RULE(HOST_SYSENTER_EIP);
	if (c->exit & EXIT_LOAD_PAT)
		RULE(HOST_PAT, pat_valid(GET(HOST_PAT)),
		     "each byte must be a memory type: 0, 1, 4, 5, 6 or 7.");
	if (c->exit & EXIT_LOAD_EFER) {
		RULE(HOST_EFER, efer_valid(efer), "reserved bits must be 0.");
		RULE(HOST_EFER, (efer & (EFER_LMA | EFER_LME)) == lm,
		     "LMA and LME (bits 10, 8) must equal exit control 9.");
	}
}

#define HOST_SELECTOR_RULE(f)						\
	RULE(f, !(GET(f) & 7), "RPL and TI (bits 2:0) must be 0.")

static void check_host_segments(struct check *c)
{
	HOST_SELECTOR_RULE(HOST_ES_SELECTOR);
	HOST_SELECTOR_RULE(HOST_CS_SELECTOR);
	HOST_SELECTOR_RULE(HOST_SS_SELECTOR);
	HOST_SELECTOR_RULE(HOST_DS_SELECTOR);
	HOST_SELECTOR_RULE(HOST_FS_SELECTOR);
	HOST_SELECTOR_RULE(HOST_GS_SELECTOR);
	HOST_SELECTOR_RULE(HOST_TR_SELECTOR);
	RULE(HOST_CS_SELECTOR, GET(HOST_CS_SELECTOR) != 0, "it is needed.");
	RULE(HOST_TR_SELECTOR, GET(HOST_TR_SELECTOR) != 0, "it is needed.");
	CANONICAL_RULE(HOST_FS_BASE);
	CANONICAL_RULE(HOST_GS_BASE);
	CANONICAL_RULE(HOST_TR_BASE);
	CANONICAL_RULE(HOST_GDTR_BASE);
	CANONICAL_RULE(HOST_IDTR_BASE);
}

// This host is always in 64-bit mode when it enters a guest.
static void check_host_mode(struct check *c)
{
	RULE(EXIT_CONTROLS, c->exit & EXIT_HOST_ADDRESS_SPACE_SIZE,
	     "bit 9 must be 1: the host is in 64-bit mode.");
	RULE(HOST_CR4, GET(HOST_CR4) & CR4_PAE,
	     "PAE (bit 5) must be 1 for a 64-bit host.");
	CANONICAL_RULE(HOST_RIP);
}

static void check_host(struct check *c)
{
	check_host_registers(c);
	check_host_segments(c);
	check_host_mode(c);
}

// ---- guest: control registers and MSRs ------------------------------------

static void check_guest_crs(struct check *c)
{
	uint64_t real_mode = c->unrestricted ? CR0_PE | CR0_PG : 0;

	FIXED_BITS(GUEST_CR0, cr0_names, MSR_IA32_VMX_CR0, real_mode);
	RULE(GUEST_CR0, !(c->cr0 & CR0_PG) || c->cr0 & CR0_PE,
	     "paging (bit 31) needs protection (bit 0).");
	FIXED_BITS(GUEST_CR4, cr4_names, MSR_IA32_VMX_CR4, 0ul);
	if (c->long_mode) {
		RULE(GUEST_CR0, c->cr0 & CR0_PG,
		     "a 64-bit guest needs paging (bit 31).");
		RULE(GUEST_CR4, c->cr4 & CR4_PAE,
		     "a 64-bit guest needs PAE (bit 5).");
	} else {
		RULE(GUEST_CR4, !(c->cr4 & CR4_PCIDE),
		     "PCIDE (bit 17) is for 64-bit guests.");
	}
	RULE(GUEST_CR3, fits(c, GET(GUEST_CR3)),
	     "bits above the physical address must be 0.");
}

static void check_guest_msrs(struct check *c)
{
	uint64_t efer = GET(GUEST_EFER);

	if (c->entry & ENTRY_LOAD_DEBUG_CONTROLS) {
		RULE(GUEST_DEBUGCTL, !(GET(GUEST_DEBUGCTL) & ~0xdfc7ul),
		     "reserved bits must be 0.");
		RULE(GUEST_DR7, GET(GUEST_DR7) >> 32 == 0,
		     "bits 63:32 must be 0.");
	}
	CANONICAL_RULE(GUEST_SYSENTER_ESP);
	CANONICAL_RULE(GUEST_SYSENTER_EIP);
	if (c->entry & ENTRY_LOAD_PAT)
		RULE(GUEST_PAT, pat_valid(GET(GUEST_PAT)),
		     "each byte must be a memory type: 0, 1, 4, 5, 6 or 7.");
	if (!(c->entry & ENTRY_LOAD_EFER))
		return;
	RULE(GUEST_EFER, efer_valid(efer), "reserved bits must be 0.");
	RULE(GUEST_EFER, !!(efer & EFER_LMA) == c->long_mode,
	     "LMA (bit 10) must equal entry control 9.");
	RULE(GUEST_EFER, !(c->cr0 & CR0_PG) ||
	     !!(efer & EFER_LMA) == !!(efer & EFER_LME),
	     "LMA (bit 10) must equal LME (bit 8) while paging is on.");
}

// ---- guest: segments ------------------------------------------------------

static void seg_rule(struct check *c, int i, bool holds, const char *why)
{
	static const char *const names[] = {
		"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR",
	};
	const struct segment *s = &c->seg[i];

	if (holds)
		return;
	c->broken++;
	cprintf("  GUEST_%s (selector 0x%x, base 0x%lx, limit 0x%x, access "
		"rights 0x%x): %s\n", names[i], s->sel, (unsigned long)s->base,
		s->limit, s->ar, why);
}

// What holds for each segment that is not marked unusable.
static void check_access_rights(struct check *c, int i)
{
	const struct segment *s = &c->seg[i];
	bool system = i == LDTR || i == TR;

	seg_rule(c, i, !(s->ar & SEG_AR_S) == system,
		 system ? "S (bit 4) must be 0: it is no code or data." :
		 "S (bit 4) must be 1: it is code or data.");
	seg_rule(c, i, s->ar & SEG_AR_P, "P (bit 7) must be 1.");
	seg_rule(c, i, !(s->ar & 0xfffe0f00),
		 "bits 31:17 and 11:8 must be 0.");
	seg_rule(c, i, (s->limit & 0xfff) == 0xfff || !(s->ar & SEG_AR_G),
		 "G (bit 15) must be 0 for a limit not in pages.");
	seg_rule(c, i, s->limit < 1 << 20 || s->ar & SEG_AR_G,
		 "G (bit 15) must be 1 for a limit above 1 MiB.");
}

static void check_vm86_segment(struct check *c, int i)
{
	const struct segment *s = &c->seg[i];

	seg_rule(c, i, s->base == (uint64_t)s->sel << 4,
		 "in virtual-8086 mode the base is 16 times the selector.");
	seg_rule(c, i, s->limit == 0xffff,
		 "in virtual-8086 mode the limit is 0xffff.");
	seg_rule(c, i, s->ar == 0xf3,
		 "in virtual-8086 mode the access rights are 0xf3.");
}

static void check_cs(struct check *c)
{
	const struct segment *s = &c->seg[CS];
	uint32_t type = s->ar & SEG_AR_TYPE, dpl = SEG_AR_DPL(s->ar);
	uint32_t ss_dpl = SEG_AR_DPL(c->seg[SS].ar);
	bool code = (type & 9) == 9;

	seg_rule(c, CS, code || (type == 3 && c->unrestricted),
		 c->unrestricted ?
		 "the type must be 3, 9, 11, 13 or 15: accessed." :
		 "the type must be 9, 11, 13 or 15: code, accessed.");
	if (type == 3)
		seg_rule(c, CS, dpl == 0, "DPL must be 0 with type 3.");
	else if (type & SEG_AR_EXPAND_DOWN)
		seg_rule(c, CS, dpl <= ss_dpl,
			 "DPL of conforming code must not be above SS's.");
	else
		seg_rule(c, CS, dpl == ss_dpl, "DPL must be SS's.");
	seg_rule(c, CS, !c->long_mode || !(s->ar & SEG_AR_L) ||
		 !(s->ar & SEG_AR_DB),
		 "L and D (bits 13 and 14) exclude each other.");
	seg_rule(c, CS, s->base >> 32 == 0, "base bits 63:32 must be 0.");
	check_access_rights(c, CS);
}

static void check_ss(struct check *c)
{
	const struct segment *s = &c->seg[SS];
	uint32_t type = s->ar & SEG_AR_TYPE, dpl = SEG_AR_DPL(s->ar);
	uint32_t cs_type = c->seg[CS].ar & SEG_AR_TYPE;

	seg_rule(c, SS, c->unrestricted || (s->sel & 3) ==
		 (c->seg[CS].sel & 3), "RPL must be CS's.");
	seg_rule(c, SS, c->unrestricted || dpl == (s->sel & 3u),
		 "DPL must be RPL.");
	seg_rule(c, SS, (cs_type != 3 && c->cr0 & CR0_PE) || dpl == 0,
		 "DPL must be 0 in real mode and with CS of type 3.");
	if (s->usable)
		seg_rule(c, SS, type == 3 || type == 7,
			 "the type must be 3 or 7: writable, accessed.");
}

static void check_data_segment(struct check *c, int i)
{
	const struct segment *s = &c->seg[i];
	uint32_t type = s->ar & SEG_AR_TYPE;

	seg_rule(c, i, type & SEG_AR_ACCESSED, "it must be accessed (bit 0).");
	seg_rule(c, i, !(type & SEG_AR_CODE) || type & SEG_AR_WRITABLE,
		 "code (bit 3) must be readable (bit 1).");
	seg_rule(c, i, c->unrestricted || type > 11 ||
		 SEG_AR_DPL(s->ar) >= (s->sel & 3u),
		 "DPL must not be below RPL.");
}

static void check_data_segments(struct check *c)
{
	for (int i = ES; i <= GS; i++) {
		const struct segment *s = &c->seg[i];

		if (i == CS || !s->usable)
			continue;
		if (i != SS)
			check_data_segment(c, i);
		if (i < FS)
			seg_rule(c, i, s->base >> 32 == 0,
				 "base bits 63:32 must be 0.");
		check_access_rights(c, i);
	}
}

static void check_tr_ldtr(struct check *c)
{
	const struct segment *tr = &c->seg[TR], *ldtr = &c->seg[LDTR];
	uint32_t type = tr->ar & SEG_AR_TYPE;

	seg_rule(c, TR, !(tr->sel & 4), "TI (selector bit 2) must be 0.");
	seg_rule(c, TR, tr->usable, "it must not be unusable (bit 16).");
	seg_rule(c, TR, type == SEG_TYPE_TSS_BUSY ||
		 (type == SEG_TYPE_TSS16_BUSY && !c->long_mode),
		 c->long_mode ? "the type must be 11: busy 64-bit TSS." :
		 "the type must be 11 or 3: busy TSS.");
	check_access_rights(c, TR);
	if (!ldtr->usable)
		return;
	seg_rule(c, LDTR, !(ldtr->sel & 4), "TI (selector bit 2) must be 0.");
	seg_rule(c, LDTR, (ldtr->ar & SEG_AR_TYPE) == SEG_TYPE_LDT,
		 "the type must be 2, or bit 16 set: unusable.");
	seg_rule(c, LDTR, canonical(ldtr->base), "base is not canonical.");
	check_access_rights(c, LDTR);
}

static void check_guest_segments(struct check *c)
{
	if (c->vm86) {
		for (int i = ES; i <= GS; i++)
			check_vm86_segment(c, i);
	} else {
		check_cs(c);
		check_ss(c);
		check_data_segments(c);
	}
	check_tr_ldtr(c);
	CANONICAL_RULE(GUEST_FS_BASE);
	CANONICAL_RULE(GUEST_GS_BASE);
	CANONICAL_RULE(GUEST_TR_BASE);
	CANONICAL_RULE(GUEST_GDTR_BASE);
	CANONICAL_RULE(GUEST_IDTR_BASE);
	RULE(GUEST_GDTR_LIMIT, GET(GUEST_GDTR_LIMIT) < 1 << 16,
	     "bits 31:16 must be 0.");
	RULE(GUEST_IDTR_LIMIT, GET(GUEST_IDTR_LIMIT) < 1 << 16,
	     "bits 31:16 must be 0.");
}

// ---- guest: the rest ------------------------------------------------------

static void check_guest_rip_rflags(struct check *c)
{
	uint64_t rflags = GET(GUEST_RFLAGS);
	bool code64 = c->long_mode && c->seg[CS].ar & SEG_AR_L;

	if (code64)
		CANONICAL_RULE(GUEST_RIP);
	else
		RULE(GUEST_RIP, GET(GUEST_RIP) >> 32 == 0,
		     "bits 63:32 must be 0 outside 64-bit code.");
	RULE(GUEST_RFLAGS, rflags & 2, "bit 1 must be 1.");
	RULE(GUEST_RFLAGS, !(rflags & ~0x3f7fd7ul),
	     "bits 63:22, 15, 5 and 3 must be 0.");
	RULE(GUEST_RFLAGS, !c->vm86 || (!c->long_mode && c->cr0 & CR0_PE),
	     "VM (bit 17) is for protected mode of 32 bits.");
	RULE(GUEST_RFLAGS, !injects(c, INTR_TYPE_EXTERNAL) || rflags & FL_IF,
	     "IF (bit 9) must be 1 when an interrupt is injected.");
}

static bool activity_takes_injection(const struct check *c, uint64_t activity)
{
	uint32_t vector = c->inject & INTR_INFO_VECTOR;
	bool exception = injects(c, INTR_TYPE_HW_EXCEPTION);

	if (!(c->inject & INTR_INFO_VALID) || activity == ACTIVITY_ACTIVE)
		return true;
	if (activity == ACTIVITY_WAIT_SIPI)
		return false;
	if (injects(c, INTR_TYPE_NMI) || (exception && vector == T_MCHK))
		return true;
	if (activity == ACTIVITY_SHUTDOWN)
		return false;
	return injects(c, INTR_TYPE_EXTERNAL) || injects(c, INTR_TYPE_OTHER) ||
	       (exception && vector == T_DEBUG);
}

static void check_activity(struct check *c)
{
	uint64_t misc = c->vmcs->rdmsr(MSR_IA32_VMX_MISC);
	uint64_t activity = GET(GUEST_ACTIVITY_STATE);

	RULE(GUEST_ACTIVITY_STATE, activity == ACTIVITY_ACTIVE ||
	     (activity <= ACTIVITY_WAIT_SIPI &&
	      misc & VMX_MISC_HLT << (activity - 1)),
	     "the processor does not have that state.");
	RULE(GUEST_ACTIVITY_STATE, activity != ACTIVITY_HLT ||
	     SEG_AR_DPL(c->seg[SS].ar) == 0, "only ring 0 halts.");
	RULE(GUEST_ACTIVITY_STATE, activity == ACTIVITY_ACTIVE ||
	     !(GET(GUEST_INTERRUPTIBILITY) &
	       (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)),
	     "it must be active (0) while STI or MOV SS blocks.");
	RULE(GUEST_ACTIVITY_STATE, activity_takes_injection(c, activity),
	     "the event to inject does not end that state.");
}

static void check_interruptibility(struct check *c)
{
	uint64_t block = GET(GUEST_INTERRUPTIBILITY);
	bool sti = block & INTERRUPTIBILITY_STI;
	bool mov_ss = block & INTERRUPTIBILITY_MOV_SS;

	RULE(GUEST_INTERRUPTIBILITY, block < 1 << 5, "bits 31:5 must be 0.");
	RULE(GUEST_INTERRUPTIBILITY, !sti || !mov_ss,
	     "STI and MOV SS (bits 0 and 1) exclude each other.");
	RULE(GUEST_INTERRUPTIBILITY, !sti || GET(GUEST_RFLAGS) & FL_IF,
	     "blocking by STI (bit 0) needs RFLAGS.IF.");
	RULE(GUEST_INTERRUPTIBILITY, (!sti && !mov_ss) ||
	     !injects(c, INTR_TYPE_EXTERNAL),
	     "bits 0 and 1 must be 0 when an interrupt is injected.");
	RULE(GUEST_INTERRUPTIBILITY, (!sti && !mov_ss) ||
	     !injects(c, INTR_TYPE_NMI),
	     "bits 0 and 1 must be 0 when an NMI is injected.");
	RULE(GUEST_INTERRUPTIBILITY, !(block & INTERRUPTIBILITY_SMI),
	     "blocking by SMI (bit 2) is for SMM only.");
	RULE(GUEST_INTERRUPTIBILITY, !(block & INTERRUPTIBILITY_NMI) ||
	     !(c->pin & PIN_VIRTUAL_NMIS) || !injects(c, INTR_TYPE_NMI),
	     "blocking by NMI (bit 3) while an NMI is injected.");
}

static void check_pending_debug(struct check *c)
{
	uint64_t pending = GET(GUEST_PENDING_DEBUG), btf = 2;
	bool blocked = GET(GUEST_INTERRUPTIBILITY) &
		(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
	bool step = GET(GUEST_RFLAGS) & FL_TF && !(GET(GUEST_DEBUGCTL) & btf);

	RULE(GUEST_PENDING_DEBUG, !(pending & ~0x1500ful),
	     "reserved bits must be 0.");
	if (blocked || GET(GUEST_ACTIVITY_STATE) == ACTIVITY_HLT)
		RULE(GUEST_PENDING_DEBUG,
		     !!(pending & PENDING_DEBUG_BS) == step,
		     "BS (bit 14) must tell whether it is single-stepped.");
}

#define PDPTE_RULE(f)							\
	RULE(f, !(GET(f) & 1) || (!(GET(f) & 0x1e6) && fits(c, GET(f))), \
	     "reserved bits must be 0.")

static void check_guest_memory(struct check *c)
{
	const uint64_t pae = CR4_PAE;
	uint64_t link = GET(LINK_POINTER);

	RULE(LINK_POINTER, link == ~0ul || (page_address(c, link) &&
	     c->proc2 & PROC2_VMCS_SHADOWING),
	     "it must be ~0 without VMCS shadowing.");
	if (!(c->cr0 & CR0_PG) || !(c->cr4 & pae) || c->long_mode ||
	    !(c->proc2 & PROC2_ENABLE_EPT))
		return;
	PDPTE_RULE(GUEST_PDPTE0);
	PDPTE_RULE(GUEST_PDPTE1);
	PDPTE_RULE(GUEST_PDPTE2);
	PDPTE_RULE(GUEST_PDPTE3);
}

static void check_guest(struct check *c)
{
	check_guest_crs(c);
	check_guest_msrs(c);
	check_guest_segments(c);
	check_guest_rip_rflags(c);
	check_activity(c);
	check_interruptibility(c);
	check_pending_debug(c);
	check_guest_memory(c);
}

// ---- all of it ------------------------------------------------------------

// The fields of the eight segments lie beside each other.
static void read_segments(struct check *c)
{
	uint64_t (*read)(uint32_t) = c->vmcs->read;

	for (int i = 0; i < NSEG; i++) {
		struct segment *s = &c->seg[i];

		s->sel = read(VMCS_GUEST_ES_SELECTOR + 2 * i);
		s->base = read(VMCS_GUEST_ES_BASE + 2 * i);
		s->limit = read(VMCS_GUEST_ES_LIMIT + 2 * i);
		s->ar = read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * i);
		s->usable = !(s->ar & SEG_AR_UNUSABLE);
	}
}

int vmx_explain_rules(const struct vmcs_view *vmcs)
{
	struct check check = { .vmcs = vmcs }, *c = &check;

	c->pin = GET(PIN_BASED_CONTROLS);
	c->proc = GET(PROC_BASED_CONTROLS);
	if (c->proc & PROC_SECONDARY_CONTROLS)
		c->proc2 = GET(PROC_BASED_CONTROLS2);
	c->exit = GET(EXIT_CONTROLS);
	c->entry = GET(ENTRY_CONTROLS);
	c->unrestricted = c->proc2 & PROC2_UNRESTRICTED_GUEST;
	c->long_mode = c->entry & ENTRY_IA32E_MODE_GUEST;
	c->vm86 = GET(GUEST_RFLAGS) >> 17 & 1;
	c->cr0 = GET(GUEST_CR0);
	c->cr4 = GET(GUEST_CR4);
	c->inject = GET(VMENTRY_INTR_INFO);
	read_segments(c);

	check_controls(c);
	check_host(c);
	check_guest(c);
	return c->broken;
}

// Texts of "VM Instruction Error Numbers".
static const char *const errors[] = {
	[VMXERR_VMCALL_IN_ROOT] =
		"VMCALL executed in VMX root operation",
	[VMXERR_VMCLEAR_ADDRESS] =
		"VMCLEAR with invalid physical address",
	[VMXERR_VMCLEAR_VMXON_POINTER] =
		"VMCLEAR with VMXON pointer",
	[VMXERR_VMLAUNCH_NOT_CLEAR] =
		"VMLAUNCH with non-clear VMCS",
	[VMXERR_VMRESUME_NOT_LAUNCHED] =
		"VMRESUME with non-launched VMCS",
	[VMXERR_VMRESUME_AFTER_VMXOFF] =
		"VMRESUME after VMXOFF",
	[VMXERR_ENTRY_CONTROLS] =
		"VM entry with invalid control field(s)",
	[VMXERR_ENTRY_HOST_STATE] =
		"VM entry with invalid host-state field(s)",
	[VMXERR_VMPTRLD_ADDRESS] =
		"VMPTRLD with invalid physical address",
	[VMXERR_VMPTRLD_VMXON_POINTER] =
		"VMPTRLD with VMXON pointer",
	[VMXERR_VMPTRLD_REVISION] =
		"VMPTRLD with incorrect VMCS revision identifier",
	[VMXERR_UNSUPPORTED_FIELD] =
		"VMREAD/VMWRITE from/to unsupported VMCS component",
	[VMXERR_VMWRITE_READ_ONLY] =
		"VMWRITE to read-only VMCS component",
	[VMXERR_VMXON_IN_ROOT] =
		"VMXON executed in VMX root operation",
	[VMXERR_ENTRY_EXECUTIVE_POINTER] =
		"VM entry with invalid executive-VMCS pointer",
	[VMXERR_ENTRY_EXECUTIVE_NOT_LAUNCHED] =
		"VM entry with non-launched executive VMCS",
	[VMXERR_ENTRY_EXECUTIVE_NOT_VMXON] =
		"VM entry with executive-VMCS pointer not VMXON pointer",
	[VMXERR_VMCALL_NOT_CLEAR] =
		"VMCALL with non-clear VMCS",
	[VMXERR_VMCALL_EXIT_CONTROLS] =
		"VMCALL with invalid VM-exit control fields",
	[VMXERR_VMCALL_MSEG_REVISION] =
		"VMCALL with incorrect MSEG revision identifier",
	[VMXERR_VMXOFF_DUAL_MONITOR] =
		"VMXOFF under dual-monitor treatment of SMIs and SMM",
	[VMXERR_VMCALL_SMM_FEATURES] =
		"VMCALL with invalid SMM-monitor features",
	[VMXERR_ENTRY_EXECUTIVE_CONTROLS] =
		"VM entry with invalid controls in the executive VMCS",
	[VMXERR_ENTRY_MOV_SS] =
		"VM entry with events blocked by MOV SS",
	[VMXERR_INVALID_INVEPT_OPERAND] =
		"invalid operand to INVEPT/INVVPID",
};

const char *vmx_instruction_error(uint32_t err)
{
	if (err < ARRAY_SIZE(errors) && errors[err])
		return errors[err];
	return "unknown VM-instruction error";
}
