// Breaks each rule of vmm/explain.c, one at a time, in a VMCS that was right,
// and expects that rule and no other.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <inc/mmu.h>
#include <vmm/explain.h>
#include <vmm/vmcs.h>

int cprintf(const char *fmt, ...);

struct value { uint32_t field; uint64_t value; };

// A processor as in Bochs's haswell model, but with every control and state.
static const struct value msrs[] = {
	{ MSR_IA32_VMX_BASIC, VMX_BASIC_TRUE_CTLS | 0x2b },
	{ MSR_IA32_VMX_TRUE_PINBASED_CTLS, 0xff00000016 },
	{ MSR_IA32_VMX_TRUE_PROCBASED_CTLS, 0xfffbfffe04006172 },
	{ MSR_IA32_VMX_PROCBASED_CTLS2, 0x37ffff00000000 },
	{ MSR_IA32_VMX_TRUE_EXIT_CTLS, 0x7fffff00036dfb },
	{ MSR_IA32_VMX_TRUE_ENTRY_CTLS, 0xffff000011fb },
	{ MSR_IA32_VMX_MISC, 0x400c0 | 5 },
	{ MSR_IA32_VMX_CR0_FIXED0, CR0_PG | CR0_NE | CR0_PE },
	{ MSR_IA32_VMX_CR0_FIXED1, 0xffffffff },
	{ MSR_IA32_VMX_CR4_FIXED0, CR4_VMXE },
	{ MSR_IA32_VMX_CR4_FIXED1, 0x1767ff },
	{ MSR_IA32_VMX_EPT_VPID_CAP, EPT_CAP_WB | EPT_CAP_WALK4 },
	{ MSR_IA32_VMX_VMFUNC, 1 },
};

enum { PIN = 0x16, PROC = 0x04006172, EXIT = 0x36dfb, ENTRY = 0x11fb };

// A guest in real mode.
static const struct value real_mode[] = {
	{ VMCS_PIN_BASED_CONTROLS, PIN | PIN_EXTERNAL_INTERRUPT_EXITING |
		PIN_NMI_EXITING | PIN_PREEMPTION_TIMER },
	{ VMCS_PROC_BASED_CONTROLS, (uint32_t)PROC | PROC_HLT_EXITING |
		PROC_USE_IO_BITMAPS | PROC_USE_MSR_BITMAPS |
		PROC_SECONDARY_CONTROLS },
	{ VMCS_PROC_BASED_CONTROLS2, PROC2_ENABLE_EPT | PROC2_ENABLE_VPID |
		PROC2_UNRESTRICTED_GUEST },
	{ VMCS_EXIT_CONTROLS, EXIT | EXIT_HOST_ADDRESS_SPACE_SIZE |
		EXIT_LOAD_EFER | EXIT_LOAD_PAT | EXIT_SAVE_PREEMPTION_TIMER },
	{ VMCS_ENTRY_CONTROLS, ENTRY | ENTRY_LOAD_DEBUG_CONTROLS |
		ENTRY_LOAD_PAT | ENTRY_LOAD_EFER },
	{ VMCS_EPT_POINTER, 0x100000 | EPTP_WALK4 | EPTP_WB },
	{ VMCS_VPID, 1 },
	{ VMCS_IO_BITMAP_A, 0x101000 },
	{ VMCS_IO_BITMAP_B, 0x102000 },
	{ VMCS_MSR_BITMAP, 0x103000 },

	{ VMCS_HOST_CS_SELECTOR, 0x08 }, { VMCS_HOST_SS_SELECTOR, 0x10 },
	{ VMCS_HOST_DS_SELECTOR, 0x10 }, { VMCS_HOST_ES_SELECTOR, 0x10 },
	{ VMCS_HOST_TR_SELECTOR, 0x28 },
	{ VMCS_HOST_CR0, CR0_PG | CR0_WP | CR0_NE | CR0_PE },
	{ VMCS_HOST_CR3, 0x1000 },
	{ VMCS_HOST_CR4, CR4_VMXE | CR4_PAE },
	{ VMCS_HOST_EFER, EFER_LMA | EFER_LME | EFER_NXE },
	{ VMCS_HOST_PAT, 0x0007040600070406 },
	{ VMCS_HOST_RIP, KERNBASE + 0x100000 },
	{ VMCS_HOST_TR_BASE, KERNBASE + 0x1000 },

	{ VMCS_GUEST_ES_LIMIT, 0xffff }, { VMCS_GUEST_CS_LIMIT, 0xffff },
	{ VMCS_GUEST_SS_LIMIT, 0xffff }, { VMCS_GUEST_DS_LIMIT, 0xffff },
	{ VMCS_GUEST_FS_LIMIT, 0xffff }, { VMCS_GUEST_GS_LIMIT, 0xffff },
	{ VMCS_GUEST_TR_LIMIT, 0xffff }, { VMCS_GUEST_LDTR_LIMIT, 0xffff },
	{ VMCS_GUEST_GDTR_LIMIT, 0xffff }, { VMCS_GUEST_IDTR_LIMIT, 0xffff },
	{ VMCS_GUEST_CS_ACCESS_RIGHTS, 0x9b },
	{ VMCS_GUEST_ES_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_SS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_DS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_FS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_GS_ACCESS_RIGHTS, 0x93 },
	{ VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x82 },
	{ VMCS_GUEST_TR_ACCESS_RIGHTS, 0x8b },
	{ VMCS_GUEST_CR0, CR0_ET | CR0_NE },
	{ VMCS_GUEST_CR4, CR4_VMXE },
	{ VMCS_GUEST_DR7, 0x400 },
	{ VMCS_GUEST_RIP, 0x7000 },
	{ VMCS_GUEST_RFLAGS, 2 },
	{ VMCS_GUEST_PAT, 0x0007040600070406 },
	{ VMCS_LINK_POINTER, ~0ul },
};

// What changes for a guest with 64-bit code, in ring 3.
static const struct value long_mode[] = {
	{ VMCS_ENTRY_CONTROLS, ENTRY | ENTRY_LOAD_DEBUG_CONTROLS |
		ENTRY_LOAD_PAT | ENTRY_LOAD_EFER | ENTRY_IA32E_MODE_GUEST },
	{ VMCS_GUEST_CR0, CR0_PG | CR0_NE | CR0_PE },
	{ VMCS_GUEST_CR4, CR4_VMXE | CR4_PAE },
	{ VMCS_GUEST_EFER, EFER_LMA | EFER_LME },
	{ VMCS_GUEST_CS_SELECTOR, 0x1b }, { VMCS_GUEST_SS_SELECTOR, 0x23 },
	{ VMCS_GUEST_CS_LIMIT, ~0u }, { VMCS_GUEST_SS_LIMIT, ~0u },
	{ VMCS_GUEST_CS_ACCESS_RIGHTS, 0xa0fb },
	{ VMCS_GUEST_SS_ACCESS_RIGHTS, 0xc0f3 },
	{ VMCS_GUEST_DS_ACCESS_RIGHTS, SEG_AR_UNUSABLE },
	{ VMCS_GUEST_LDTR_ACCESS_RIGHTS, 0x10082 },
	{ VMCS_GUEST_RIP, KERNBASE },
	{ VMCS_GUEST_RFLAGS, 0x202 },
};

// And for one with 32-bit PAE paging; and for virtual-8086 mode.
static const struct value pae[] = {
	{ VMCS_GUEST_CR0, CR0_PG | CR0_NE | CR0_PE },
	{ VMCS_GUEST_CR4, CR4_VMXE | CR4_PAE },
};
static const struct value vm86[] = {
	{ VMCS_GUEST_CR0, CR0_NE | CR0_PE },
	{ VMCS_GUEST_RFLAGS, 0x20002 },
	{ VMCS_GUEST_ES_ACCESS_RIGHTS, 0xf3 },
	{ VMCS_GUEST_CS_ACCESS_RIGHTS, 0xf3 },
	{ VMCS_GUEST_SS_ACCESS_RIGHTS, 0xf3 },
	{ VMCS_GUEST_DS_ACCESS_RIGHTS, 0xf3 },
	{ VMCS_GUEST_FS_ACCESS_RIGHTS, 0xf3 },
	{ VMCS_GUEST_GS_ACCESS_RIGHTS, 0xf3 },
};
// Without unrestricted guest: protected mode without 64 bits.
static const struct value restricted[] = {
	{ VMCS_PROC_BASED_CONTROLS2, PROC2_ENABLE_EPT | PROC2_ENABLE_VPID },
	{ VMCS_GUEST_CR0, CR0_PG | CR0_NE | CR0_PE },
};

enum mode { REAL, LONG, PAE, VM86, RESTRICTED, NMODE };
static const struct { const struct value *v; size_t n; } modes[NMODE] = {
	[LONG] = { long_mode, ARRAY_SIZE(long_mode) },
	[PAE] = { pae, ARRAY_SIZE(pae) },
	[VM86] = { vm86, ARRAY_SIZE(vm86) },
	[RESTRICTED] = { restricted, ARRAY_SIZE(restricted) },
};

#define INJECT(type, vector)	(INTR_INFO_VALID | (type) | (vector))
#define AR(seg)			VMCS_GUEST_##seg##_ACCESS_RIGHTS

// Fields XORed with values; what is then said.
#define BAD			0x8000000000000000ul	// no canonical address
#define WIDE			(1ul << 40)		// beyond physical ones
static const struct test {
	enum mode mode;
	const char *says;
	struct value change[5];
} tests[] = {
	// controls
	{ REAL, "PIN_BASED_CONTROLS is 0x5d: bit 1 must be 1.",
	  { { VMCS_PIN_BASED_CONTROLS, 2 } } },
	{ REAL, "PIN_BASED_CONTROLS is 0x15f: bit 8 must be 0.",
	  { { VMCS_PIN_BASED_CONTROLS, 0x100 } } },
	{ REAL, "PROC_BASED_CONTROLS is 0x960061f0: bit 1 must be 1.",
	  { { VMCS_PROC_BASED_CONTROLS, 2 } } },
	{ REAL, "PROC_BASED_CONTROLS2 is 0x8000a2: bit 23 must be 0.",
	  { { VMCS_PROC_BASED_CONTROLS2, 1 << 23 } } },
	{ REAL, "EXIT_CONTROLS is 0x10636ffb: bit 28 must be 0.",
	  { { VMCS_EXIT_CONTROLS, 1 << 28 | EXIT_LOAD_PAT } } },
	{ REAL, "ENTRY_CONTROLS is 0x1d1ff: bit 16 must be 0.",
	  { { VMCS_ENTRY_CONTROLS, 1 << 16 } } },
	{ REAL, "IO_BITMAP_A is 0x101800: it must be the physical address",
	  { { VMCS_IO_BITMAP_A, 0x800 } } },
	{ REAL, "IO_BITMAP_B is", { { VMCS_IO_BITMAP_B, WIDE } } },
	{ REAL, "MSR_BITMAP is 0x103001:", { { VMCS_MSR_BITMAP, 1 } } },
	{ REAL, "VMREAD_BITMAP is 0x1:",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_VMCS_SHADOWING },
	    { VMCS_VMREAD_BITMAP, 1 } } },
	{ REAL, "VMWRITE_BITMAP is 0x1:",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_VMCS_SHADOWING },
	    { VMCS_VMWRITE_BITMAP, 1 } } },
	{ REAL, "VIRT_EXCEPTION_INFO_ADDR is 0x1:",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_EPT_VIOLATION_VE },
	    { VMCS_VIRT_EXCEPTION_INFO_ADDR, 1 } } },
	{ REAL, "PML_ADDRESS is 0x1:",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_ENABLE_PML },
	    { VMCS_PML_ADDRESS, 1 } } },
	{ REAL, "virtual NMIs (bit 5) need NMI exiting",
	  { { VMCS_PIN_BASED_CONTROLS, PIN_VIRTUAL_NMIS |
	      PIN_NMI_EXITING } } },
	{ REAL, "NMI-window exiting (bit 22) needs virtual NMIs.",
	  { { VMCS_PROC_BASED_CONTROLS, PROC_NMI_WINDOW_EXITING } } },
	{ REAL, "VIRTUAL_APIC_ADDR is 0x1:",
	  { { VMCS_PROC_BASED_CONTROLS, PROC_USE_TPR_SHADOW },
	    { VMCS_VIRTUAL_APIC_ADDR, 1 } } },
	{ REAL, "TPR_THRESHOLD is 0x10: bits 31:4",
	  { { VMCS_PROC_BASED_CONTROLS, PROC_USE_TPR_SHADOW },
	    { VMCS_TPR_THRESHOLD, 16 } } },
	{ REAL, "bits 4, 8 and 9 need the TPR shadow.",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_APIC_REGISTER_VIRT } } },
	{ REAL, "APIC_ACCESS_ADDR is 0x1:",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_VIRTUALIZE_APIC_ACCESSES },
	    { VMCS_APIC_ACCESS_ADDR, 1 } } },
	{ REAL, "virtualized APIC and x2APIC exclude each other.",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_VIRTUALIZE_APIC_ACCESSES |
	      PROC2_VIRTUALIZE_X2APIC },
	    { VMCS_PROC_BASED_CONTROLS, PROC_USE_TPR_SHADOW } } },
	{ REAL, "interrupt delivery needs external-interrupt exiting.",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_VIRTUAL_INTR_DELIVERY },
	    { VMCS_PROC_BASED_CONTROLS, PROC_USE_TPR_SHADOW },
	    { VMCS_PIN_BASED_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING } } },
	{ REAL, "posted interrupts need virtual interrupt delivery.",
	  { { VMCS_PIN_BASED_CONTROLS, PIN_POSTED_INTERRUPTS },
	    { VMCS_EXIT_CONTROLS, EXIT_ACKNOWLEDGE_INTERRUPT } } },
#define POSTED								\
	{ VMCS_PIN_BASED_CONTROLS, PIN_POSTED_INTERRUPTS },		\
	{ VMCS_PROC_BASED_CONTROLS2, PROC2_VIRTUAL_INTR_DELIVERY },	\
	{ VMCS_PROC_BASED_CONTROLS, PROC_USE_TPR_SHADOW }
	{ REAL, "posted interrupts need acknowledging on exit", { POSTED } },
	{ REAL, "POSTED_INTR_VECTOR is 0x100: bits 15:8 must be 0.",
	  { POSTED, { VMCS_EXIT_CONTROLS, EXIT_ACKNOWLEDGE_INTERRUPT },
	    { VMCS_POSTED_INTR_VECTOR, 0x100 } } },
	{ REAL, "POSTED_INTR_DESC_ADDR is 0x20: it must be a physical",
	  { POSTED, { VMCS_EXIT_CONTROLS, EXIT_ACKNOWLEDGE_INTERRUPT },
	    { VMCS_POSTED_INTR_DESC_ADDR, 0x20 } } },
	{ REAL, "LINK_POINTER is 0xfffffffffffffffe: it must be ~0",
	  { { VMCS_LINK_POINTER, 1 } } },
	{ REAL, "EPT_POINTER is 0x10001d: the memory type",
	  { { VMCS_EPT_POINTER, 3 } } },
	{ REAL, "EPT_POINTER is 0x100018: the memory type",
	  { { VMCS_EPT_POINTER, 6 } } },
	{ REAL, "EPT_POINTER is 0x100016: the walk length",
	  { { VMCS_EPT_POINTER, 8 } } },
	{ REAL, "no accessed and dirty flags",
	  { { VMCS_EPT_POINTER, EPTP_ACCESSED_DIRTY } } },
	{ REAL, "EPT_POINTER is 0x10009e: bits 11:7",
	  { { VMCS_EPT_POINTER, 0x80 } } },
	{ REAL, "bits 11:7", { { VMCS_EPT_POINTER, WIDE } } },
	{ REAL, "CR3_TARGET_COUNT is 0x5: the processor has fewer",
	  { { VMCS_CR3_TARGET_COUNT, 5 } } },
	{ REAL, "VPID is 0x0: 0 is the host's.", { { VMCS_VPID, 1 } } },
	{ REAL, "an unrestricted guest (bit 7) needs EPT",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_ENABLE_EPT } } },
	{ RESTRICTED, "page-modification logging (bit 17) needs EPT",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_ENABLE_EPT |
	      PROC2_ENABLE_PML } } },
	{ REAL, "VMFUNC_CONTROLS is 0x2: bit 1 must be 0.",
	  { { VMCS_PROC_BASED_CONTROLS2, PROC2_ENABLE_VMFUNC },
	    { VMCS_VMFUNC_CONTROLS, 2 } } },
	{ REAL, "saving the preemption timer (bit 22) needs",
	  { { VMCS_PIN_BASED_CONTROLS, PIN_PREEMPTION_TIMER } } },
	{ REAL, "VMEXIT_MSR_STORE_ADDR is 0x8: the area",
	  { { VMCS_VMEXIT_MSR_STORE_COUNT, 1 },
	    { VMCS_VMEXIT_MSR_STORE_ADDR, 8 } } },
	{ REAL, "VMEXIT_MSR_LOAD_ADDR is 0xfffffffff0: the area",
	  { { VMCS_VMEXIT_MSR_LOAD_COUNT, 2 },
	    { VMCS_VMEXIT_MSR_LOAD_ADDR, WIDE - 16 } } },
	{ REAL, "VMENTRY_MSR_LOAD_ADDR is 0x8: the area",
	  { { VMCS_VMENTRY_MSR_LOAD_COUNT, 1 },
	    { VMCS_VMENTRY_MSR_LOAD_ADDR, 8 } } },
	{ REAL, "entry to SMM", { { VMCS_ENTRY_CONTROLS, ENTRY_TO_SMM } } },

	// injection
	{ LONG, "type 1 (bits 10:8) is reserved.",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(1 << 8, 1) } } },
	{ LONG, "the vector does not fit the type",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_NMI, 3) } } },
	{ LONG, "the vector does not fit the type",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_HW_EXCEPTION, 32) } } },
	{ LONG, "the vector does not fit the type",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_OTHER, 1) } } },
	{ LONG, "VMENTRY_INTR_INFO is 0x80001020: bits 30:12 must be 0.",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(0x1000, 32) } } },
	{ LONG, "bit 11 must be 1 just for",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_HW_EXCEPTION, 14) } } },
	{ REAL, "bit 11 must be 1 just for",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_HW_EXCEPTION, 13) |
	      INTR_INFO_ERROR_CODE } } },
	{ LONG, "VMENTRY_ERROR_CODE is 0x10000: bits 31:16",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_HW_EXCEPTION, 13) |
	      INTR_INFO_ERROR_CODE }, { VMCS_VMENTRY_ERROR_CODE, 1 << 16 } } },
	{ LONG, "software interrupts need their length",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_SW_INTERRUPT, 48) } } },
	{ LONG, "software interrupts need their length",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_SW_EXCEPTION, 3) },
	    { VMCS_VMENTRY_INSTRUCTION_LEN, 16 } } },
	{ REAL, "GUEST_RFLAGS is 0x2: IF (bit 9) must be 1",
	  { { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_EXTERNAL, 32) } } },

	// host state
	{ REAL, "HOST_CR0 is 0x80010001: bit 5 (NE) must be 1.",
	  { { VMCS_HOST_CR0, CR0_NE } } },
	{ REAL, "HOST_CR4 is 0x20: bit 13 (VMXE) must be 1.",
	  { { VMCS_HOST_CR4, CR4_VMXE } } },
	{ REAL, "HOST_CR4 is 0x3020: bit 12 must be 0.",
	  { { VMCS_HOST_CR4, 1 << 12 } } },
	{ REAL, "HOST_CR4 is 0x2000: PAE (bit 5)",
	  { { VMCS_HOST_CR4, CR4_PAE } } },
	{ REAL, "HOST_CR3 is", { { VMCS_HOST_CR3, WIDE } } },
	{ REAL, "HOST_SYSENTER_ESP is 0x8000000000000000: the address is not",
	  { { VMCS_HOST_SYSENTER_ESP, BAD } } },
	{ REAL, "HOST_SYSENTER_EIP", { { VMCS_HOST_SYSENTER_EIP, BAD } } },
	{ REAL, "HOST_PAT is 0x7040600070402:", { { VMCS_HOST_PAT, 4 } } },
	{ REAL, "HOST_EFER is 0xd02: reserved", { { VMCS_HOST_EFER, 2 } } },
	{ REAL, "HOST_EFER is 0x900: LMA and LME",
	  { { VMCS_HOST_EFER, EFER_LMA } } },
	{ REAL, "HOST_ES_SELECTOR is 0x11: RPL and TI",
	  { { VMCS_HOST_ES_SELECTOR, 1 } } },
	{ REAL, "HOST_CS_SELECTOR is 0xb: RPL and TI",
	  { { VMCS_HOST_CS_SELECTOR, 3 } } },
	{ REAL, "HOST_SS_SELECTOR is 0x14: RPL and TI",
	  { { VMCS_HOST_SS_SELECTOR, 4 } } },
	{ REAL, "HOST_DS_SELECTOR", { { VMCS_HOST_DS_SELECTOR, 1 } } },
	{ REAL, "HOST_FS_SELECTOR", { { VMCS_HOST_FS_SELECTOR, 1 } } },
	{ REAL, "HOST_GS_SELECTOR", { { VMCS_HOST_GS_SELECTOR, 1 } } },
	{ REAL, "HOST_TR_SELECTOR is 0x29: RPL and TI",
	  { { VMCS_HOST_TR_SELECTOR, 1 } } },
	{ REAL, "HOST_CS_SELECTOR is 0x0: it is needed.",
	  { { VMCS_HOST_CS_SELECTOR, 8 } } },
	{ REAL, "HOST_TR_SELECTOR is 0x0: it is needed.",
	  { { VMCS_HOST_TR_SELECTOR, 0x28 } } },
	{ REAL, "HOST_FS_BASE", { { VMCS_HOST_FS_BASE, BAD } } },
	{ REAL, "HOST_GS_BASE", { { VMCS_HOST_GS_BASE, BAD } } },
	{ REAL, "HOST_TR_BASE", { { VMCS_HOST_TR_BASE, BAD } } },
	{ REAL, "HOST_GDTR_BASE", { { VMCS_HOST_GDTR_BASE, BAD } } },
	{ REAL, "HOST_IDTR_BASE", { { VMCS_HOST_IDTR_BASE, BAD } } },
	{ REAL, "EXIT_CONTROLS is 0x476dfb: bit 9 must be 1",
	  { { VMCS_EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE_SIZE |
	      EXIT_LOAD_EFER | EXIT_LOAD_PAT | EXIT_SAVE_PAT } } },
	{ REAL, "HOST_RIP is 0x7fff800000100000: the address",
	  { { VMCS_HOST_RIP, BAD } } },

	// control registers and MSRs
	{ REAL, "GUEST_CR0 is 0x10: bit 5 (NE) must be 1.",
	  { { VMCS_GUEST_CR0, CR0_NE } } },
	{ RESTRICTED, "GUEST_CR0 is 0x21: bit 31 (PG) must be 1.",
	  { { VMCS_GUEST_CR0, CR0_PG } } },
	{ REAL, "paging (bit 31) needs protection",
	  { { VMCS_GUEST_CR0, CR0_PG } } },
	{ REAL, "GUEST_CR4 is 0x0: bit 13 (VMXE) must be 1.",
	  { { VMCS_GUEST_CR4, CR4_VMXE } } },
	{ LONG, "a 64-bit guest needs paging",
	  { { VMCS_GUEST_CR0, CR0_PG } } },
	{ LONG, "GUEST_CR4 is 0x2000: a 64-bit guest needs PAE",
	  { { VMCS_GUEST_CR4, CR4_PAE } } },
	{ REAL, "PCIDE (bit 17) is for 64-bit guests.",
	  { { VMCS_GUEST_CR4, CR4_PCIDE } } },
	{ REAL, "GUEST_CR3 is 0x10000000000: bits above",
	  { { VMCS_GUEST_CR3, WIDE } } },
	{ REAL, "GUEST_DEBUGCTL is 0x8:", { { VMCS_GUEST_DEBUGCTL, 8 } } },
	{ REAL, "GUEST_DR7 is", { { VMCS_GUEST_DR7, 1ul << 32 } } },
	{ REAL, "GUEST_SYSENTER_ESP", { { VMCS_GUEST_SYSENTER_ESP, BAD } } },
	{ REAL, "GUEST_SYSENTER_EIP", { { VMCS_GUEST_SYSENTER_EIP, BAD } } },
	{ REAL, "GUEST_PAT is 0x7040600070403", { { VMCS_GUEST_PAT, 5 } } },
	{ REAL, "GUEST_PAT is 0x7040600070408", { { VMCS_GUEST_PAT, 14 } } },
	{ REAL, "GUEST_EFER is 0x1000: reserved",
	  { { VMCS_GUEST_EFER, 0x1000 } } },
	{ REAL, "GUEST_EFER is 0x400: LMA (bit 10) must equal entry",
	  { { VMCS_GUEST_EFER, EFER_LMA } } },
	{ LONG, "GUEST_EFER is 0x0: LMA (bit 10) must equal entry",
	  { { VMCS_GUEST_EFER, EFER_LMA | EFER_LME } } },
	{ LONG, "LMA (bit 10) must equal LME",
	  { { VMCS_GUEST_EFER, EFER_LME } } },

	// segments
	{ REAL, "GUEST_CS (selector 0x0, base 0x0, limit 0xffff, access "
	  "rights 0x9a): the type must be 3, 9",
	  { { AR(CS), SEG_AR_ACCESSED } } },
	{ RESTRICTED, "the type must be 9, 11, 13 or 15: code, accessed.",
	  { { AR(CS), SEG_AR_CODE } } },
	{ REAL, "DPL must be 0 with type 3.",
	  { { AR(CS), SEG_AR_CODE | 3 << 5 } } },
	{ LONG, "DPL must be SS's.", { { AR(CS), 3 << 5 } } },
	{ REAL, "DPL of conforming code must not be above SS's.",
	  { { AR(CS), SEG_AR_EXPAND_DOWN | 3 << 5 } } },
	{ LONG, "L and D (bits 13 and 14) exclude each other.",
	  { { AR(CS), SEG_AR_DB } } },
	{ REAL, "GUEST_CS (selector 0x0, base 0x100000000, limit 0xffff",
	  { { VMCS_GUEST_CS_BASE, 1ul << 32 } } },
	{ REAL, "S (bit 4) must be 1: it is code or data.",
	  { { AR(ES), SEG_AR_S } } },
	{ REAL, "GUEST_TR (selector 0x0, base 0x0, limit 0xffff, access "
	  "rights 0x9b): S (bit 4) must be 0", { { AR(TR), SEG_AR_S } } },
	{ REAL, "P (bit 7) must be 1.", { { AR(DS), SEG_AR_P } } },
	{ REAL, "bits 31:17 and 11:8", { { AR(FS), 0x100 } } },
	{ REAL, "bits 31:17 and 11:8", { { AR(GS), 0x20000 } } },
	{ REAL, "G (bit 15) must be 0", { { AR(DS), SEG_AR_G },
	    { VMCS_GUEST_DS_LIMIT, 1 } } },
	{ LONG, "G (bit 15) must be 1", { { AR(SS), SEG_AR_G } } },
	{ RESTRICTED, "GUEST_SS (selector 0x1, base 0x0, limit 0xffff, access "
	  "rights 0xb3): RPL must be CS's.",
	  { { VMCS_GUEST_SS_SELECTOR, 1 }, { AR(SS), 1 << 5 },
	    { AR(CS), 1 << 5 } } },
	{ RESTRICTED, "DPL must be RPL.",
	  { { AR(SS), 1 << 5 }, { AR(CS), 1 << 5 } } },
	{ REAL, "DPL must be 0 in real mode",
	  { { AR(SS), 3 << 5 }, { AR(CS), 3 << 5 } } },
	{ REAL, "the type must be 3 or 7: writable, accessed.",
	  { { AR(SS), SEG_AR_ACCESSED } } },
	{ REAL, "GUEST_DS (selector 0x0, base 0x0, limit 0xffff, access "
	  "rights 0x92): it must be accessed (bit 0).",
	  { { AR(DS), SEG_AR_ACCESSED } } },
	{ REAL, "code (bit 3) must be readable",
	  { { AR(ES), SEG_AR_CODE | SEG_AR_WRITABLE } } },
	{ RESTRICTED, "DPL must not be below RPL.",
	  { { VMCS_GUEST_DS_SELECTOR, 3 } } },
	{ REAL, "GUEST_ES (selector 0x0, base 0x100000000",
	  { { VMCS_GUEST_ES_BASE, 1ul << 32 } } },
	{ REAL, "GUEST_FS_BASE", { { VMCS_GUEST_FS_BASE, BAD } } },
	{ REAL, "GUEST_GS_BASE", { { VMCS_GUEST_GS_BASE, BAD } } },
	{ REAL, "GUEST_TR_BASE", { { VMCS_GUEST_TR_BASE, BAD } } },
	{ REAL, "GUEST_GDTR_BASE", { { VMCS_GUEST_GDTR_BASE, BAD } } },
	{ REAL, "GUEST_IDTR_BASE", { { VMCS_GUEST_IDTR_BASE, BAD } } },
	{ REAL, "GUEST_GDTR_LIMIT is 0x1ffff",
	  { { VMCS_GUEST_GDTR_LIMIT, 0x10000 } } },
	{ REAL, "GUEST_IDTR_LIMIT is 0x1ffff",
	  { { VMCS_GUEST_IDTR_LIMIT, 0x10000 } } },
	{ REAL, "TI (selector bit 2)", { { VMCS_GUEST_TR_SELECTOR, 4 } } },
	{ REAL, "it must not be unusable", { { AR(TR), SEG_AR_UNUSABLE } } },
	{ REAL, "the type must be 11 or 3: busy TSS.", { { AR(TR), 2 } } },
	{ LONG, "the type must be 11: busy 64-bit TSS.", { { AR(TR), 8 } } },
	{ REAL, "TI (selector bit 2)", { { VMCS_GUEST_LDTR_SELECTOR, 4 } } },
	{ REAL, "the type must be 2, or bit 16", { { AR(LDTR), 1 } } },
	{ REAL, "base is not canonical.", { { VMCS_GUEST_LDTR_BASE, BAD } } },
	{ VM86, "the base is 16 times the selector.",
	  { { VMCS_GUEST_DS_SELECTOR, 1 } } },
	{ VM86, "the limit is 0xffff.", { { VMCS_GUEST_ES_LIMIT, 1 } } },
	{ VM86, "the access rights are 0xf3.", { { AR(GS), 0x60 } } },

	// the rest
	{ LONG, "GUEST_RIP is 0x7fff800000000000: the address is not",
	  { { VMCS_GUEST_RIP, BAD } } },
	{ REAL, "bits 63:32 must be 0 outside 64-bit code.",
	  { { VMCS_GUEST_RIP, 1ul << 32 } } },
	{ REAL, "GUEST_RFLAGS is 0x0: bit 1 must be 1.",
	  { { VMCS_GUEST_RFLAGS, 2 } } },
	{ REAL, "GUEST_RFLAGS is 0xa: bits 63:22",
	  { { VMCS_GUEST_RFLAGS, 8 } } },
	{ VM86, "VM (bit 17) is for protected mode",
	  { { VMCS_GUEST_CR0, CR0_PE } } },
	{ REAL, "the processor does not have that state.",
	  { { VMCS_GUEST_ACTIVITY_STATE, 3 } } },
	{ REAL, "the processor does not have that state.",
	  { { VMCS_GUEST_ACTIVITY_STATE, 4 } } },
	{ LONG, "only ring 0 halts.",
	  { { VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT } } },
	{ REAL, "it must be active (0) while STI",
	  { { VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT },
	    { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_MOV_SS } } },
	{ REAL, "the event to inject does not end that state.",
	  { { VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN },
	    { VMCS_GUEST_RFLAGS, 0x200 },
	    { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_EXTERNAL, 32) } } },
	{ REAL, "the event to inject does not end that state.",
	  { { VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT },
	    { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_HW_EXCEPTION, 6) } } },
	{ REAL, "GUEST_INTERRUPTIBILITY is 0x20: bits 31:5",
	  { { VMCS_GUEST_INTERRUPTIBILITY, 0x20 } } },
	{ LONG, "STI and MOV SS (bits 0 and 1) exclude",
	  { { VMCS_GUEST_INTERRUPTIBILITY, 3 } } },
	{ REAL, "blocking by STI (bit 0) needs RFLAGS.IF.",
	  { { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_STI } } },
	{ LONG, "bits 0 and 1 must be 0 when an interrupt is injected.",
	  { { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_STI },
	    { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_EXTERNAL, 32) } } },
	{ LONG, "bits 0 and 1 must be 0 when an NMI is injected.",
	  { { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_MOV_SS },
	    { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_NMI, 2) } } },
	{ LONG, "blocking by SMI (bit 2) is for SMM only.",
	  { { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_SMI } } },
	{ LONG, "blocking by NMI (bit 3) while an NMI is injected.",
	  { { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_NMI },
	    { VMCS_PIN_BASED_CONTROLS, PIN_VIRTUAL_NMIS },
	    { VMCS_VMENTRY_INTR_INFO, INJECT(INTR_TYPE_NMI, 2) } } },
	{ REAL, "GUEST_PENDING_DEBUG is 0x10: reserved",
	  { { VMCS_GUEST_PENDING_DEBUG, 0x10 } } },
	{ LONG, "BS (bit 14) must tell",
	  { { VMCS_GUEST_INTERRUPTIBILITY, INTERRUPTIBILITY_STI },
	    { VMCS_GUEST_RFLAGS, 0x100 } } },
	{ REAL, "BS (bit 14) must tell",
	  { { VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT },
	    { VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_BS } } },
	{ PAE, "GUEST_PDPTE0 is 0x3:", { { VMCS_GUEST_PDPTE0, 3 } } },
	{ PAE, "GUEST_PDPTE1 is 0x21:", { { VMCS_GUEST_PDPTE1, 0x21 } } },
	{ PAE, "GUEST_PDPTE2 is", { { VMCS_GUEST_PDPTE2, WIDE | 1 } } },
	{ PAE, "GUEST_PDPTE3 is 0x5:", { { VMCS_GUEST_PDPTE3, 5 } } },
};

static uint64_t vmcs[0x8000];
static char output[4096];
static size_t length;
static int failures;

int cprintf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(output + length, sizeof(output) - length, fmt, ap);
	va_end(ap);
	length += n;
	if (length >= sizeof(output))
		abort();
	return n;
}

static uint64_t read_vmcs(uint32_t field)
{
	return vmcs[field];
}

static uint64_t read_msr(uint32_t msr)
{
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].field == msr)
			return msrs[i].value;
	printf("MSR 0x%x was not expected\n", msr);
	abort();
}

static void set(const struct value *v, size_t n)
{
	for (; n > 0; n--, v++)
		vmcs[v->field] = v->value;
}

static int explain(enum mode mode, const struct value *change, size_t n)
{
	struct vmcs_view view = { read_vmcs, read_msr, 40 };

	memset(vmcs, 0, sizeof(vmcs));
	set(real_mode, ARRAY_SIZE(real_mode));
	set(modes[mode].v, modes[mode].n);
	for (; n > 0; n--, change++)
		vmcs[change->field] ^= change->value;
	length = 0;
	output[0] = '\0';
	return vmx_explain_rules(&view);
}

static void failed(const char *what, const char *expected)
{
	failures++;
	printf("%s: expected '%s', got:\n%s", what, expected, output);
}

int main(void)
{
	for (int mode = 0; mode < NMODE; mode++)
		if (explain(mode, NULL, 0) != 0)
			failed("a right VMCS", "nothing");
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		const struct test *t = &tests[i];

		if (explain(t->mode, t->change,
			    ARRAY_SIZE(t->change)) != 1 ||
		    !strstr(output, t->says))
			failed("a broken rule", t->says);
		fputs(output, stdout);
	}
	if (!strstr(vmx_instruction_error(7), "invalid control field") ||
	    !strstr(vmx_instruction_error(8), "invalid host-state field") ||
	    !strstr(vmx_instruction_error(4), "VMLAUNCH with non-clear") ||
	    !strstr(vmx_instruction_error(5), "VMRESUME with non-launched"))
		failed("vmx_instruction_error", "the manual's text");
	for (uint32_t err = 0; err < 40; err++)
		if (strlen(vmx_instruction_error(err)) < 10)
			failed("vmx_instruction_error", "a text");
	printf("%zu rules broken, %d failures\n", ARRAY_SIZE(tests), failures);
	return failures != 0;
}
