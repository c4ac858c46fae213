// The registers of a guest, between the VMCS and inc/vmabi.h.

#include <vmm/vmabi.h>

// VMCS fields of segment i of VM_CS..VM_TR: the SDM numbers them ES, CS, SS,
// DS, FS, GS, LDTR, TR, two apart.
static const uint8_t seg_order[VM_NSEGS] = {
	[VM_ES] = 0, [VM_CS] = 2, [VM_SS] = 4, [VM_DS] = 6, [VM_FS] = 8,
	[VM_GS] = 10, [VM_LDTR] = 12, [VM_TR] = 14,
};

static void get_segment(int i, struct vm_segment *s)
{
	uint32_t n = seg_order[i];

	s->selector = vmread(VMCS_GUEST_ES_SELECTOR + n);
	s->base = vmread(VMCS_GUEST_ES_BASE + n);
	s->limit = vmread(VMCS_GUEST_ES_LIMIT + n);
	s->rights = vmread(VMCS_GUEST_ES_ACCESS_RIGHTS + n);
}

static void set_segment(int i, const struct vm_segment *s)
{
	uint32_t n = seg_order[i];

	vmwrite(VMCS_GUEST_ES_SELECTOR + n, s->selector);
	vmwrite(VMCS_GUEST_ES_BASE + n, s->base);
	vmwrite(VMCS_GUEST_ES_LIMIT + n, s->limit);
	vmwrite(VMCS_GUEST_ES_ACCESS_RIGHTS + n, s->rights & 0x1f0ff);
}

void vmx_get_regs(struct Env *e, struct vm_regs *r)
{
	*r = (struct vm_regs){
		.rip = vmread(VMCS_GUEST_RIP),
		.rflags = vmread(VMCS_GUEST_RFLAGS),
		.cr0 = (vmread(VMCS_GUEST_CR0) & ~GUEST_CR0_OWNED) |
			(vmread(VMCS_CR0_READ_SHADOW) & GUEST_CR0_OWNED),
		.cr2 = e->env_vcpu->vc_cr2,
		.cr3 = vmread(VMCS_GUEST_CR3),
		.cr4 = vmread(VMCS_GUEST_CR4) & GUEST_CR4_FREE,
		.efer = vmread(VMCS_GUEST_EFER),
		.gdtr_base = vmread(VMCS_GUEST_GDTR_BASE),
		.idtr_base = vmread(VMCS_GUEST_IDTR_BASE),
		.gdtr_limit = vmread(VMCS_GUEST_GDTR_LIMIT),
		.idtr_limit = vmread(VMCS_GUEST_IDTR_LIMIT),
	};
	for (int i = 0; i < VM_NGPRS; i++)
		r->gpr[i] = i == VM_RSP ? vmread(VMCS_GUEST_RSP) :
			*vmx_register(e, i);
	for (int i = 0; i < VM_NSEGS; i++)
		get_segment(i, &r->seg[i]);
}

// What does not fit together is found when the guest is entered, and
// explained.
void vmx_set_regs(struct Env *e, const struct vm_regs *r)
{
	// As in a processor, LMA follows from the others. (Bochs enters, and
	// then panics, with LMA and IA-32e mode but no paging.)
	bool lma = (r->efer & EFER_LME) && (r->cr0 & CR0_PG);
	uint64_t entry = vmread(VMCS_ENTRY_CONTROLS);

	for (int i = 0; i < VM_NGPRS; i++)
		if (i == VM_RSP)
			vmwrite(VMCS_GUEST_RSP, r->gpr[i]);
		else
			*vmx_register(e, i) = r->gpr[i];
	for (int i = 0; i < VM_NSEGS; i++)
		set_segment(i, &r->seg[i]);
	vmwrite(VMCS_GUEST_RIP, r->rip);
	vmwrite(VMCS_GUEST_RFLAGS, (r->rflags & 0x3f7fd5) | 2);
	vmwrite(VMCS_GUEST_CR0, (r->cr0 & ~GUEST_CR0_OWNED &
				 0xffffffff) | CR0_NE | CR0_ET);
	vmwrite(VMCS_CR0_READ_SHADOW, r->cr0 | CR0_ET);
	e->env_vcpu->vc_cr2 = r->cr2;
	vmwrite(VMCS_GUEST_CR3, r->cr3);
	vmwrite(VMCS_GUEST_CR4, (r->cr4 & GUEST_CR4_FREE) | CR4_VMXE);
	vmwrite(VMCS_GUEST_EFER, (r->efer & (EFER_SCE | EFER_LME | EFER_NXE)) |
		(lma ? EFER_LMA : 0));
	vmwrite(VMCS_ENTRY_CONTROLS, lma ? entry | ENTRY_IA32E_MODE_GUEST :
		entry & ~(uint64_t)ENTRY_IA32E_MODE_GUEST);
	vmwrite(VMCS_GUEST_GDTR_BASE, r->gdtr_base);
	vmwrite(VMCS_GUEST_IDTR_BASE, r->idtr_base);
	vmwrite(VMCS_GUEST_GDTR_LIMIT, r->gdtr_limit & 0xffff);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, r->idtr_limit & 0xffff);
	if ((r->cr0 & CR0_PG) && (r->cr4 & CR4_PAE) && !lma)
		vmx_load_pdptes(e);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_GUEST_PENDING_DEBUG, 0);
}
