// VM exits: one row of the table for each reason that is handled, and the
// hypercalls. A handler answers true when the guest may go on (or wait, or
// has ended with a message); the others end it with a dump.

#include <inc/error.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <inc/x86.h>
#include <kern/env.h>
#include <kern/trap.h>
#include <kern/tty.h>
#include <vmm/ept.h>
#include <vmm/vmabi.h>
#include <vmm/vmx.h>

static void end_guest(struct Env *e, const char *why, uint64_t what)
{
	cprintf("[%08x] guest %s %lx at rip %lx: ended\n", e->env_id, why,
		what, vmread(VMCS_GUEST_RIP));
	env_destroy(e, EXIT_KILLED);
}

void skip_insn(void)
{
	uint64_t rip = vmread(VMCS_GUEST_RIP) +
		vmread(VMCS_VMEXIT_INSTRUCTION_LEN);
	uint32_t blocking = vmread(VMCS_GUEST_INTERRUPTIBILITY);

	// Outside 64-bit mode the instruction pointer has 32 bits.
	if (rip >> 32 && !(vmread(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_AR_L))
		rip = (uint32_t)rip;
	vmwrite(VMCS_GUEST_RIP, rip);
	// STI and MOV SS block for one instruction, and that was it.
	if (blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmwrite(VMCS_GUEST_INTERRUPTIBILITY, blocking &
			~(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	// A single step ends behind it.
	if (vmread(VMCS_GUEST_RFLAGS) & FL_TF)
		vmwrite(VMCS_GUEST_PENDING_DEBUG,
			vmread(VMCS_GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

// --------------------------------------------------------------
// Events

// Tells the VMM of an exception, if it asked.
static bool post_exception(struct Env *e, int vector, uint32_t error)
{
	struct vm_exit *x;

	if (!vm_asked(e->env_vm, VM_ASK_EXCEPTION, vector))
		return false;
	x = vm_record(e, VM_EXIT_EXCEPTION);
	x->vx_vector = vector;
	x->vx_error = error;
	vm_post(e);
	return true;
}

// The instruction that exited raises an exception.
static bool raise(struct Env *e, int vector)
{
	if (!post_exception(e, vector, 0))
		vmx_inject(vector, 0);
	return true;
}

// The processor leaves all that a debug exception changes to us (SDM volume 3,
// "Architectural State Before a VM Exit").
static void inject_debug(uint32_t info, uint64_t qual)
{
	const uint64_t gd = 1 << 13;	// in DR7: accesses to DR0-7 fault

	ldr6((rdr6() & ~0xful) | (qual & 0x600f));
	vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~gd);
	if ((info & INTR_INFO_TYPE) == INTR_TYPE_PRIV_SW_EXCEPTION)
		skip_insn();		// INT1 is a trap
	vmx_inject(T_DEBUG, 0);
}

static bool handle_exception(struct Env *e)
{
	uint32_t info = vmread(VMCS_VMEXIT_INTR_INFO);
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);
	int vector = info & INTR_INFO_VECTOR;

	if ((info & INTR_INFO_TYPE) == INTR_TYPE_NMI) {
		cprintf("NMI on CPU %d\n", cpunum());
		__asm__ volatile("int $2");	// its IRET lets others come
		return true;
	}
	if (vector == T_MCHK) {
		__asm__ volatile("int $18");		// the host's
		return true;
	}
	if (vector == T_PGFLT)		// CR2, which was not set
		lcr2(qual);
	if (post_exception(e, vector, vmread(VMCS_VMEXIT_INTR_ERROR_CODE)))
		return true;
	switch (vector) {
	case T_DEBUG:
		inject_debug(info, qual);
		return true;
	case T_ALIGN:
		vmx_inject(T_ALIGN, 0);
		return true;
	}
	return false;
}

static bool handle_interrupt(struct Env *e)
{
	(void)e;
	irq_dispatch(vmread(VMCS_VMEXIT_INTR_INFO) & INTR_INFO_VECTOR);
	return true;
}

static bool handle_interrupt_window(struct Env *e)
{
	vmx_interrupt_window(e->env_vcpu, false);
	return true;
}

static bool handle_triple_fault(struct Env *e)
{
	if (!vm_post_rest(e, VM_EXIT_SHUTDOWN, 0, 0))
		end_guest(e, "triple fault", 0);
	return true;
}

static bool handle_preemption(struct Env *e)
{
	vmx_slice_over(e);
	return true;
}

static bool handle_hlt(struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;

	if (vm_asked(e->env_vm, VM_ASK_HLT, 0)) {
		vm_record(e, VM_EXIT_HLT);
		vm_post(e);
		return true;
	}
	skip_insn();
	vc->vc_hlt_if = vmread(VMCS_GUEST_RFLAGS) & FL_IF;
	vc->vc_halted = !(vc->vc_irqs && vc->vc_hlt_if);
	if (vc->vc_halted)
		env_block(e, WAIT_HLT, NULL);
	return true;
}

// --------------------------------------------------------------
// Memory

static bool handle_ept_violation(struct Env *e)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);
	uintptr_t gpa = vmread(VMCS_GUEST_PHYSICAL_ADDRESS);
	struct vm_exit *x;
	int r = -E_ACCESS;

	if (!EPT_QUAL_MAPPED(qual))
		r = vm_demand_page(e->env_vm, ROUNDDOWN(gpa, PGSIZE));
	if (r == 0)
		return true;
	if (vm_asked(e->env_vm, VM_ASK_MEMORY, 0)) {
		x = vm_record(e, VM_EXIT_MEMORY);
		x->vx_memory.gpa = gpa;
		x->vx_memory.read = qual & EPT_QUAL_READ;
		x->vx_memory.write = qual & EPT_QUAL_WRITE;
		x->vx_memory.exec = qual & EPT_QUAL_FETCH;
		x->vx_memory.exhausted = r == -E_NO_MEM;
		vm_post(e);
	} else if (r == -E_ACCESS) {
		end_guest(e, "may not access (so) physical", gpa);
	} else if (r == -E_INVAL) {
		end_guest(e, "has no memory at physical", gpa);
	} else {
		end_guest(e, "finds no memory left for physical", gpa);
	}
	return true;
}

// --------------------------------------------------------------
// Instructions that the guest does not have, or not so

static bool inject_ud(struct Env *e)
{
	return raise(e, T_ILLOP);
}

static bool inject_gp(struct Env *e)
{
	return raise(e, T_GPFLT);
}

static bool handle_task_switch(struct Env *e)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);

	if (!vm_post_rest(e, VM_EXIT_UNHANDLED, EXIT_REASON_TASK_SWITCH, qual))
		end_guest(e, "switches tasks, to selector", qual & 0xffff);
	return true;
}

static bool handle_invd(struct Env *e)
{
	(void)e;
	skip_insn();		// the caches are the host's to write back
	return true;
}

static void post_port(struct Env *e, uint64_t qual)
{
	struct vm_exit *x = vm_record(e, VM_EXIT_PORT);
	struct Vcpu *vc = e->env_vcpu;

	x->vx_port.port = IO_QUAL_PORT(qual);
	x->vx_port.size = vc->vc_port_size = IO_QUAL_SIZE(qual);
	x->vx_port.write = vc->vc_write = !(qual & IO_QUAL_IN);
	if (vc->vc_write)
		x->vx_port.data = e->env_tf.tf_regs.reg_rax &
			(0xffffffff >> (32 - 8 * vc->vc_port_size));
	vm_post(e);
}

// No device answers: input reads ones, output goes nowhere.
static bool handle_io(struct Env *e)
{
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);
	uint64_t *rax = &e->env_tf.tf_regs.reg_rax;

	if (qual & IO_QUAL_STRING) {
		if (!vm_post_rest(e, VM_EXIT_UNHANDLED, EXIT_REASON_IO, qual))
			end_guest(e, "uses INS or OUTS on port",
				  IO_QUAL_PORT(qual));
		return true;
	}
	if (vm_asked(e->env_vm, VM_ASK_PORT, IO_QUAL_PORT(qual))) {
		post_port(e, qual);
		return true;
	}
	if (qual & IO_QUAL_IN) {
		if (IO_QUAL_SIZE(qual) == 1)
			*rax |= 0xff;
		else if (IO_QUAL_SIZE(qual) == 2)
			*rax |= 0xffff;
		else
			*rax = 0xffffffff;
	}
	skip_insn();
	return true;
}

// --------------------------------------------------------------
// CPUID: the processor's, without what is not virtualized.

enum {	// leaf 1, ECX and EDX
	CPUID1_ECX_VMX = 1u << 5,
	CPUID1_ECX_HIDDEN = 1u << 2 | 1u << 3 | 1u << 4 | // DTES64 MONITOR DS
		1u << 6 | 1u << 7 | 1u << 8 |	// SMX EST TM2
		1u << 11 | 1u << 12 |		// SDBG FMA
		1u << 15 | 1u << 17 | 1u << 18 | // PDCM PCID DCA
		1u << 21 | 1u << 24 |		// x2APIC TSC-deadline
		1u << 26 | 1u << 27 | 1u << 28 | 1u << 29, // XSAVE AVX F16C
	CPUID1_ECX_HYPERVISOR = 1u << 31,
	CPUID1_EDX_HIDDEN = 1u << 7 | 1u << 9 | 1u << 12 | // MCE APIC MTRR
		1u << 14 | 1u << 21 | 1u << 22 | // MCA DS ACPI
		1u << 28 | 1u << 29 | 1u << 31,	// HTT TM PBE
	// leaf 7, EBX: FSGSBASE BMI1 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT
	CPUID7_EBX_SHOWN = 1u << 0 | 1u << 3 | 1u << 7 | 1u << 8 | 1u << 9 |
		1u << 18 | 1u << 19 | 1u << 20 | 1u << 23,
	CPUID7_ECX_SHOWN = 1u << 2,		// UMIP
	CPUIDX_EDX_HIDDEN = 1u << 27,		// RDTSCP
	CPUIDX_ECX_HIDDEN = 1u << 2,		// SVM
};

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static void cpuid_filter(uint32_t leaf, uint32_t subleaf,
			 struct cpuid_regs *r)
{
	switch (leaf) {
	case 1:
		r->ebx = (r->ebx & 0xffff) | 1 << 16;	// APIC id 0, one CPU
		r->ecx = (r->ecx & ~CPUID1_ECX_HIDDEN) |
			CPUID1_ECX_HYPERVISOR;
		r->edx &= ~CPUID1_EDX_HIDDEN;
		break;
	case 4:
		r->eax &= 0x3fff;		// caches of one processor
		break;
	case 7:
		*r = (struct cpuid_regs){ .ebx = r->ebx & CPUID7_EBX_SHOWN,
			.ecx = r->ecx & CPUID7_ECX_SHOWN };
		if (subleaf > 0)
			*r = (struct cpuid_regs){ 0 };
		break;
	case 0x40000000:
		*r = (struct cpuid_regs){ leaf, 0x20534f4a, 0x4a206e6f,
			0x2020534f };		// "JOS on JOS  "
		break;
	case 0x80000001:
		r->ecx &= ~CPUIDX_ECX_HIDDEN;
		r->edx &= ~CPUIDX_EDX_HIDDEN;
		break;
	case 0: case 2: case 0x15: case 0x16: case 0x80000000:
	case 0x80000002: case 0x80000003: case 0x80000004:
	case 0x80000006: case 0x80000007: case 0x80000008:
		break;
	default:	// PMU, XSAVE, topology, power, ...: nothing there
		*r = (struct cpuid_regs){ 0 };
	}
}

// MSRs that a guest does not have.
static bool post_msr(struct Env *e, bool write)
{
	struct PushRegs *r = &e->env_tf.tf_regs;
	struct vm_exit *x;

	if (!vm_asked(e->env_vm, VM_ASK_MSR, r->reg_rcx))
		return raise(e, T_GPFLT);
	x = vm_record(e, VM_EXIT_MSR);
	x->vx_msr.index = r->reg_rcx;
	x->vx_msr.write = e->env_vcpu->vc_write = write;
	if (write)
		x->vx_msr.data = (uint32_t)r->reg_rax | r->reg_rdx << 32;
	vm_post(e);
	return true;
}

static bool handle_rdmsr(struct Env *e)
{
	return post_msr(e, false);
}

static bool handle_wrmsr(struct Env *e)
{
	return post_msr(e, true);
}

static bool handle_cpuid(struct Env *e)
{
	struct PushRegs *regs = &e->env_tf.tf_regs;
	uint32_t leaf = regs->reg_rax, subleaf = regs->reg_rcx;
	struct cpuid_regs r;

	cpuid(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
	if (leaf == 1)
		r.ecx &= ~CPUID1_ECX_VMX;
	cpuid_filter(leaf, subleaf, &r);
	if (vm_asked(e->env_vm, VM_ASK_CPUID, leaf)) {
		struct vm_exit *x = vm_record(e, VM_EXIT_CPUID);

		x->vx_cpuid.leaf = leaf;
		x->vx_cpuid.subleaf = subleaf;
		memcpy(&x->vx_cpuid.eax, &r, sizeof(r));
		vm_post(e);
		return true;
	}
	regs->reg_rax = r.eax;
	regs->reg_rbx = r.ebx;
	regs->reg_rcx = r.ecx;
	regs->reg_rdx = r.edx;
	skip_insn();
	return true;
}

// --------------------------------------------------------------
// Control registers

// PAE paging without long mode: the processor reads the four top entries when
// CR3 is loaded or paging turned on, so we do (SDM volume 3, "PDPTE
// Registers"). False: a reserved bit is set, or there is no memory.
bool vmx_load_pdptes(struct Env *e)
{
	enum { RESERVED = 0x1e6 };
	uintptr_t cr3 = vmread(VMCS_GUEST_CR3) & 0xffffffe0;
	const uint64_t *mem = vm_access(e->env_vm, cr3, 32, __EPTE_READ);
	uint64_t pdpte[4];
	uint32_t widths;		// low byte: bits of physical addresses

	if (!mem)
		return false;
	memcpy(pdpte, mem, sizeof(pdpte));
	cpuid(0x80000008, 0, &widths, NULL, NULL, NULL);
	for (int i = 0; i < 4; i++)
		if ((pdpte[i] & PTE_P) &&
		    ((pdpte[i] & RESERVED) || pdpte[i] >> (widths & 0xff)))
			return false;
	for (int i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, pdpte[i]);
	return true;
}

// Long mode begins or ends with paging.
static void set_long_mode(uint64_t efer, bool on)
{
	uint64_t controls = vmread(VMCS_ENTRY_CONTROLS);

	vmwrite(VMCS_GUEST_EFER, on ? efer | EFER_LMA : efer & ~EFER_LMA);
	vmwrite(VMCS_ENTRY_CONTROLS, on ? controls | ENTRY_IA32E_MODE_GUEST :
		controls & ~(uint64_t)ENTRY_IA32E_MODE_GUEST);
}

// Paging is turned on, with `efer` and `cr4` as they are. Same result.
static bool enable_paging(struct Env *e, uint64_t efer, uint64_t cr4)
{
	if (!(efer & EFER_LME))
		return !(cr4 & CR4_PAE) || vmx_load_pdptes(e);
	if (!(cr4 & CR4_PAE) ||
	    (vmread(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_AR_L) ||
	    (vmread(VMCS_GUEST_TR_ACCESS_RIGHTS) & SEG_AR_TYPE) !=
	    SEG_TYPE_TSS_BUSY)
		return false;
	set_long_mode(efer, true);
	return true;
}

// MOV to CR0 (SDM volume 2, "MOV—Move to/from Control Registers"). False:
// the value is illegal.
static bool write_cr0(struct Env *e, uint64_t v)
{
	const uint64_t known = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET |
		CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
	uint64_t old = vmread(VMCS_GUEST_CR0), efer = vmread(VMCS_GUEST_EFER);
	uint64_t cr4 = vmread(VMCS_GUEST_CR4);

	if (v >> 32 || ((v & CR0_PG) && !(v & CR0_PE)) ||
	    ((v & CR0_NW) && !(v & CR0_CD)))
		return false;
	v = (v & known) | CR0_ET;
	if ((v & CR0_PG) && !(old & CR0_PG)) {
		if (!enable_paging(e, efer, cr4))
			return false;
	} else if (!(v & CR0_PG) && (old & CR0_PG) && (efer & EFER_LMA)) {
		if (vmread(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_AR_L)
			return false;
		set_long_mode(efer, false);
	} else if ((v & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA) &&
		   ((v ^ vmread(VMCS_CR0_READ_SHADOW)) & (CR0_CD | CR0_NW)) &&
		   !vmx_load_pdptes(e)) {
		return false;
	}
	if ((v ^ old) & CR0_PG)		// old translations go with paging
		e->env_vm->vm_generation++;
	vmwrite(VMCS_CR0_READ_SHADOW, v);
	vmwrite(VMCS_GUEST_CR0, (v & ~GUEST_CR0_OWNED) | CR0_NE);
	return true;
}

uint64_t *vmx_register(struct Env *e, int number)
{
	// In the order of instruction encodings; RSP is elsewhere.
	static const uint8_t offset[16] = {
		offsetof(struct PushRegs, reg_rax),
		offsetof(struct PushRegs, reg_rcx),
		offsetof(struct PushRegs, reg_rdx),
		offsetof(struct PushRegs, reg_rbx), 0,
		offsetof(struct PushRegs, reg_rbp),
		offsetof(struct PushRegs, reg_rsi),
		offsetof(struct PushRegs, reg_rdi),
		offsetof(struct PushRegs, reg_r8),
		offsetof(struct PushRegs, reg_r9),
		offsetof(struct PushRegs, reg_r10),
		offsetof(struct PushRegs, reg_r11),
		offsetof(struct PushRegs, reg_r12),
		offsetof(struct PushRegs, reg_r13),
		offsetof(struct PushRegs, reg_r14),
		offsetof(struct PushRegs, reg_r15),
	};

	return (void *)&e->env_tf.tf_regs + offset[number];
}

// MOV to or from CR8. The real one is the task priority of the host's own
// APIC. The guest has none, so it keeps the number, and that is all.
static bool handle_cr8(struct Env *e, uint64_t *reg, bool write)
{
	if (!write)
		*reg = e->env_vcpu->vc_cr8;
	else if (*reg > 15)
		return false;
	else
		e->env_vcpu->vc_cr8 = *reg;
	return true;
}

// What exits are accesses to CR8, and writing a bit of CR0 or CR4 that is not
// the guest's to set (or that of CR0 which the shadow does not show); LMSW
// and CLTS reach none of those.
static bool handle_cr_access(struct Env *e)
{
	enum { RSP = 4 };
	uint64_t qual = vmread(VMCS_EXIT_QUALIFICATION);
	uint64_t rsp = vmread(VMCS_GUEST_RSP);
	int number = CR_ACCESS_REGISTER(qual);
	uint64_t *reg = number == RSP ? &rsp : vmx_register(e, number);
	bool write = CR_ACCESS_TYPE(qual) == CR_ACCESS_MOV_TO;
	bool ok = false;		// CR4: all those bits read 0

	if (CR_ACCESS_NUMBER(qual) == 8)
		ok = handle_cr8(e, reg, write);
	else if (CR_ACCESS_NUMBER(qual) == 0 &&
		 (vmread(VMCS_GUEST_CS_ACCESS_RIGHTS) & SEG_AR_L))
		ok = write_cr0(e, *reg);
	else if (CR_ACCESS_NUMBER(qual) == 0)
		ok = write_cr0(e, (uint32_t)*reg);
	if (!ok)
		return raise(e, T_GPFLT);
	if (number == RSP && !write)
		vmwrite(VMCS_GUEST_RSP, rsp);
	skip_insn();
	return true;
}

// --------------------------------------------------------------
// Hypercalls (inc/vmx.h). A result of -E_RESTART: the guest waits, and calls
// again when it goes on.

// Multiboot information about the guest's memory: usable up to the VGA hole
// and from 1 MiB on.
static int64_t vmcall_mbmap(struct Env *e, struct PushRegs *r)
{
	uint64_t high = e->env_vm->vm_memsz - EXTPHYSMEM;
	const struct {
		struct multiboot_info info;
		struct multiboot_mmap mmap[3];
	} mb = {
		{ .flags = MBI_MMAP, .mmap_length = sizeof(mb.mmap),
		  .mmap_addr = BOOT_INFO + sizeof(mb.info) },
		{ { 20, 0, 0, IOPHYSMEM, 0, MB_RAM },
		  { 20, IOPHYSMEM, 0, EXTPHYSMEM - IOPHYSMEM, 0, MB_RESERVED },
		  { 20, EXTPHYSMEM, 0, high, high >> 32, MB_RAM } },
	};
	void *mem = vm_access(e->env_vm, BOOT_INFO, sizeof(mb), __EPTE_WRITE);

	if (!mem)
		return -E_FAULT;
	memcpy(mem, &mb, sizeof(mb));
	r->reg_rbx = BOOT_INFO;
	return 0;
}

static int64_t vmcall_ipcsend(struct Env *e, struct PushRegs *r)
{
	int64_t ret;

	if (r->reg_rbx != VMX_HOST_FS_ENV)
		return -E_INVAL;
	ret = sys_ipc_send(fs_env->env_id, r->reg_rcx, (void *)r->reg_rdx,
			   r->reg_rsi);
	if (ret == 0) {
		vmx_drop_answer(e->env_vcpu);
		e->env_vcpu->vc_answer = ANSWER_DUE;
	}
	return ret;
}

static int64_t vmcall_ipcrecv(struct Env *e, struct PushRegs *r)
{
	if (r->reg_rbx < UTOP && (PGOFF(r->reg_rbx) ||
				  !vm_has_memory(e->env_vm, r->reg_rbx)))
		return -E_INVAL;
	return ipc_receive(fs_env, r->reg_rbx);
}

static int64_t vmcall_nothing(struct Env *e, struct PushRegs *r)
{
	(void)e;
	(void)r;
	return 0;
}

static int64_t vmcall_backtohost(struct Env *e, struct PushRegs *r)
{
	(void)r;
	tty_release(e);
	return 0;
}

static int64_t vmcall_getdiskimgnum(struct Env *e, struct PushRegs *r)
{
	(void)r;
	return e->env_vmdisk;
}

static int64_t vmcall_no_sys(struct Env *e, struct PushRegs *r)
{
	(void)e;
	(void)r;
	return -E_NO_SYS;
}

static int64_t vmcall_yield(struct Env *e, struct PushRegs *r)
{
	(void)r;
	sched_ready(e);
	return 0;
}

static int64_t vmcall_cons_write(struct Env *e, struct PushRegs *r)
{
	size_t n = r->reg_rcx;
	const char *s;

	if (n > PGSIZE)
		return -E_INVAL;
	s = vm_access(e->env_vm, r->reg_rbx, n, __EPTE_READ);
	if (!s)
		return -E_FAULT;
	tty_guest_write(e, s, n);
	if (!e->env_vcpu->vc_calls_console) {
		e->env_vcpu->vc_calls_console = true;
		vmx_raise_irq(e, IRQ_SERIAL);	// it may have input already
	}
	if (rdtsc() >= thiscpu->cpu_slice_end)
		sched_ready(e);		// the console is slow
	return 0;
}

static int64_t vmcall_cons_read(struct Env *e, struct PushRegs *r)
{
	(void)r;
	return tty_guest_getc(e);
}

static int64_t vmcall_timer(struct Env *e, struct PushRegs *r)
{
	if (r->reg_rbx)
		timer_arm(&e->env_timer,
			  r->reg_rbx - e->env_vcpu->vc_tsc_offset);
	else
		timer_cancel(&e->env_timer);
	return 0;
}

static int64_t vmcall_tsc_khz(struct Env *e, struct PushRegs *r)
{
	(void)e;
	(void)r;
	return sysinfo.si_tsc_khz;
}

static int64_t vmcall_poweroff(struct Env *e, struct PushRegs *r)
{
	int status = r->reg_rbx & 0x7fffffff;

	if (!vm_asked(e->env_vm, VM_ASK_REST, 0)) {
		env_destroy(e, status);
		return 0;
	}
	vm_record(e, VM_EXIT_POWEROFF)->vx_status = status;
	vm_post(e);
	return -E_RESTART;	// its VMM answers
}

static const struct vmcall {
	int64_t (*call)(struct Env *e, struct PushRegs *r);
	bool user;			// ring 3 may use it
} vmcalls[] = {
	[VMX_VMCALL_MBMAP] = { vmcall_mbmap, false },
	[VMX_VMCALL_IPCSEND] = { vmcall_ipcsend, true },
	[VMX_VMCALL_IPCRECV] = { vmcall_ipcrecv, true },
	[VMX_VMCALL_LAPICEOI] = { vmcall_nothing, false },
	[VMX_VMCALL_BACKTOHOST] = { vmcall_backtohost, false },
	[VMX_VMCALL_GETDISKIMGNUM] = { vmcall_getdiskimgnum, true },
	[VMX_VMCALL_ALLOC_CPU] = { vmcall_no_sys, false },
	[VMX_VMCALL_GUEST_YIELD] = { vmcall_yield, false },
	[VMX_VMCALL_CPUNUM] = { vmcall_no_sys, false },
	[VMX_VMCALL_CONS_WRITE] = { vmcall_cons_write, false },
	[VMX_VMCALL_CONS_READ] = { vmcall_cons_read, false },
	[VMX_VMCALL_TIMER] = { vmcall_timer, false },
	[VMX_VMCALL_TSC_KHZ] = { vmcall_tsc_khz, false },
	[VMX_VMCALL_POWEROFF] = { vmcall_poweroff, false },
};

static bool handle_vmcall(struct Env *e)
{
	struct PushRegs *r = &e->env_tf.tf_regs;
	const struct vmcall *c;
	int64_t result;

	if (r->reg_rax >= ARRAY_SIZE(vmcalls) ||
	    !(c = &vmcalls[r->reg_rax])->call)
		result = -E_NO_SYS;
	else if (!c->user &&
		 SEG_AR_DPL(vmread(VMCS_GUEST_SS_ACCESS_RIGHTS)) == 3)
		result = -E_ACCESS;
	else
		result = c->call(e, r);
	// It may have ended, or waits and calls again.
	if (e->env_status == ENV_FREE || result == -E_RESTART)
		return true;
	r->reg_rax = result;
	skip_insn();
	return true;
}

// --------------------------------------------------------------

bool (*const vmexit_handlers[NEXIT_REASONS])(struct Env *e) = {
	[EXIT_REASON_EXCEPTION_OR_NMI] = handle_exception,
	[EXIT_REASON_EXTERNAL_INTERRUPT] = handle_interrupt,
	[EXIT_REASON_TRIPLE_FAULT] = handle_triple_fault,
	[EXIT_REASON_INTERRUPT_WINDOW] = handle_interrupt_window,
	[EXIT_REASON_TASK_SWITCH] = handle_task_switch,
	[EXIT_REASON_CPUID] = handle_cpuid,
	[EXIT_REASON_GETSEC] = inject_ud,
	[EXIT_REASON_HLT] = handle_hlt,
	[EXIT_REASON_INVD] = handle_invd,
	[EXIT_REASON_RDPMC] = inject_gp,
	[EXIT_REASON_VMCALL] = handle_vmcall,
	[EXIT_REASON_VMCLEAR] = inject_ud,
	[EXIT_REASON_VMLAUNCH] = inject_ud,
	[EXIT_REASON_VMPTRLD] = inject_ud,
	[EXIT_REASON_VMPTRST] = inject_ud,
	[EXIT_REASON_VMREAD] = inject_ud,
	[EXIT_REASON_VMRESUME] = inject_ud,
	[EXIT_REASON_VMWRITE] = inject_ud,
	[EXIT_REASON_VMXOFF] = inject_ud,
	[EXIT_REASON_VMXON] = inject_ud,
	[EXIT_REASON_CR_ACCESS] = handle_cr_access,
	[EXIT_REASON_IO] = handle_io,
	[EXIT_REASON_RDMSR] = handle_rdmsr,
	[EXIT_REASON_WRMSR] = handle_wrmsr,
	[EXIT_REASON_MWAIT] = inject_ud,
	[EXIT_REASON_MONITOR] = inject_ud,
	[EXIT_REASON_EPT_VIOLATION] = handle_ept_violation,
	[EXIT_REASON_INVEPT] = inject_ud,
	[EXIT_REASON_PREEMPTION_TIMER] = handle_preemption,
	[EXIT_REASON_INVVPID] = inject_ud,
	[EXIT_REASON_XSETBV] = inject_gp,
};
