// Fuzzes what the kernel does for guests and their VMMs under libFuzzer: a
// string of bytes says what guests execute (exits_guest.c), what programs ask
// of the kernel and write into pages that it shares with them, when time
// passes and keys are pressed, when memory runs out. The kernel's code is what
// is in kern/ and vmm/; exits_machine.c is what lies underneath.
#include <setjmp.h>
#include <string.h>

#include <inc/error.h>
#include <inc/syscall.h>
#include <kern/console.h>
#include <kern/env.h>
#include <kern/trap.h>
#include <vmm/ept.h>
#include <vmm/vmabi.h>
#include <vmm/vmx.h>
#include "exits_fuzz.h"
#include "exits_machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input, *end_of_input;
static struct Env *vmm, *other;

// --------------------------------------------------------------
// Numbers

uint8_t byte(void)
{
	return input < end_of_input ? *input++ : 0;
}

bool input_left(void)
{
	return input < end_of_input;
}

static uint64_t word(int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | byte();
	return value;
}

uint64_t some_number(void)
{
	uint8_t choice = byte();

	switch (choice >> 5) {
	case 0:
		return choice;
	case 1:
		return 1ul << byte() % 64;
	case 2:
		return (1ul << byte() % 64) - 1;
	case 3:
		return ~0ul << byte() % 64;
	case 4:
		return word(2);
	case 5:
		return word(4);
	case 6:
		return 0xc0000080 + byte() % 16;
	default:
		return word(8);
	}
}

uint64_t some_gpa(struct Env *e)
{
	static const uint64_t gpas[] = {
		0, BOOT_CMDLINE, BOOT_INFO, GUEST_BOOT, 0x8000,
		IOPHYSMEM - PGSIZE, IOPHYSMEM, EXTPHYSMEM - PGSIZE, EXTPHYSMEM,
		EXTPHYSMEM + PGSIZE, GUEST_MEM_MAX, UTOP, ~0ul,
	};
	uint64_t memory = e && e->env_vm ? e->env_vm->vm_memsz : 0;
	uint8_t choice = byte();

	if (choice < 128)
		return gpas[choice % ARRAY_SIZE(gpas)];
	if (choice < 192)
		return gpas[choice % ARRAY_SIZE(gpas)] + word(2) % PGSIZE;
	if (choice < 224)
		return memory - PGSIZE + word(2) % (2 * PGSIZE);
	return some_number();
}

// --------------------------------------------------------------
// The processor's turns

static jmp_buf back;

// A program goes on in user mode; or another's turn has come.
void env_pop_tf(struct Trapframe *tf)
{
	CHECK(tf == &curenv->env_tf);
	longjmp(back, 1);
}

void sched_yield(void)
{
	longjmp(back, 1);
}

// e leaves the kernel. A program is in user mode then, and curenv; a guest is
// through, and so is a program that did not get there.
static void enter(struct Env *e)
{
	if (setjmp(back) == 0)
		env_run(e);
	if (!kernel_lock)
		lock_kernel(thiscpu);
}

static void program_runs(struct Env *e);

// The processor is e's, if that is runnable, and then theirs to whom it is
// handed over.
static void turn(struct Env *e)
{
	if (e->env_status != ENV_RUNNABLE)
		return;
	lock_kernel(thiscpu);
	sched_unqueue(e);
	thiscpu->cpu_slice_end = now + ms2tsc(SLICE_MS);
	while (e) {
		enter(e);
		if (curenv == e && e->env_type != ENV_TYPE_GUEST)
			program_runs(e);
		e = thiscpu->cpu_next;
		sched_leave();
		thiscpu->cpu_next = NULL;
	}
	unlock_kernel(thiscpu);
}

static struct Env *some_env(uint8_t choice)
{
	static struct Env nobody;
	struct Env *known[] = { vmm, other, fs_env };
	int n = choice % 16;

	if (n < 3)
		return known[n];
	n -= 3;
	for (struct Env *e = envs; e < envs + NENV; e++)
		if (e->env_status != ENV_FREE && e != vmm && e != other &&
		    e != fs_env && n-- == 0)
			return e;
	return &nobody;
}

// --------------------------------------------------------------
// System calls

// Arguments, a letter each: e environment, v a page's address, p address of
// something, g guest-physical address, m permissions, n number, z size, k
// small number, b yes or no.
static const struct {
	uint8_t nr;
	const char *arguments;
} calls[] = {
	{ SYS_env_mkguest, "mn" }, { SYS_env_set_status, "ek" },
	{ SYS_env_destroy, "e" }, { SYS_env_wait, "e" }, { SYS_exit, "n" },
	{ SYS_page_alloc, "evm" }, { SYS_page_map, "evevm" },
	{ SYS_page_unmap, "ev" }, { SYS_page_wait, "pkk" },
	{ SYS_page_wake, "p" }, { SYS_ipc_try_send, "envm" },
	{ SYS_ipc_send, "envm" }, { SYS_ipc_recv, "v" },
	{ SYS_ipc_call, "envmv" }, { SYS_sleep, "k" }, { SYS_cputs, "pz" },
	{ SYS_cgetc, "" }, { SYS_exofork, "" },
	{ SYS_env_set_trapframe, "ep" }, { SYS_env_set_name, "ep" },
	{ SYS_ept_map, "evegk" }, { SYS_ept_map, "evegk" },
	{ SYS_vmx_list_vms, "pz" }, { SYS_vmx_sel_resume, "e" },
	{ SYS_vm_ask, "eknn" }, { SYS_vm_ask, "eknn" },
	{ SYS_vm_record, "ev" }, { SYS_vm_next, "ek" }, { SYS_vm_next, "ek" },
	{ SYS_vm_next, "en" }, { SYS_vm_regs, "epb" },
	{ SYS_vm_regs, "epb" }, { SYS_vm_memory, "egpzb" },
	{ SYS_vm_memory, "egpzb" }, { SYS_vm_interrupt, "en" },
	{ SYS_vm_stop, "e" }, { SYS_vm_cputs, "epz" }, { SYS_vm_cgetc, "e" },
};

static uintptr_t some_va(bool page)
{
	static const uintptr_t bad[] = {
		0, 8, UTOP, UTOP + PGSIZE, UENVS, ULIM - 8, ULIM, KERNBASE << 9,
		1ul << 47, ~0ul << 47, -PGSIZE, ~0ul,
	};
	uint8_t choice = byte();
	uintptr_t va = USER_BASE + choice % NUSER * PGSIZE;

	if (choice >= 240)
		return bad[choice % ARRAY_SIZE(bad)];
	if (page)
		return choice >= 224 ? va + 1 : va;
	if (choice >= 128)		// over the page's end, or up to it
		return va + PGSIZE - byte() * 4;
	return va + choice / 16 * 8;
}

static uint64_t argument(char kind)
{
	static const uint64_t sizes[] = { 0, 1, 8, 64, 512, PGSIZE,
		PGSIZE + 1, ~0ul };
	static const uint64_t perms[] = {
		PTE_P | PTE_U | PTE_W, PTE_P | PTE_U,
		PTE_P | PTE_U | PTE_W | PTE_NOEXEC, EXTPHYSMEM,
		2 * EXTPHYSMEM,
	};
	uint8_t choice;

	switch (kind) {
	case 'e':
		choice = byte();
		return choice < 240 ? some_env(choice)->env_id : word(4);
	case 'v':
		return some_va(true);
	case 'p':
		return some_va(false);
	case 'g':
		return some_gpa(some_env(3)) & (byte() % 2 ? ~0ul : -PGSIZE);
	case 'm':
		choice = byte();
		return choice < 240 ? perms[choice % ARRAY_SIZE(perms)] :
			some_number();
	case 'z':
		choice = byte();
		return choice < 128 ? sizes[choice % 8] : word(2) % PGSIZE;
	case 'k':
		return byte() % 9;
	case 'b':
		return byte() % 2;
	default:
		return some_number();
	}
}

static int64_t call(struct Env *e, const uint64_t *a)
{
	struct PushRegs *r = &e->env_tf.tf_regs;

	r->reg_rax = a[0];
	r->reg_rdx = a[1];
	r->reg_rcx = a[2];
	r->reg_rbx = a[3];
	r->reg_rdi = a[4];
	r->reg_rsi = a[5];
	syscall_dispatch(e);
	return r->reg_rax;
}

// What the call has done to a guest, its next entry is to know.
static void note(const uint64_t *a, int64_t result)
{
	if (a[0] == SYS_env_mkguest && result > 0)
		guest_new(&envs[ENVX(result)]);
	else if (a[0] == SYS_vm_regs && result == 0 && (a[3] & 1))
		guest_registers_set(&envs[ENVX(a[1])]);
}

static void some_call(struct Env *e)
{
	size_t i = byte() % ARRAY_SIZE(calls);
	uint64_t a[6] = { calls[i].nr };

	for (int n = 0; calls[i].arguments[n]; n++)
		a[n + 1] = argument(calls[i].arguments[n]);
	note(a, call(e, a));
}

// --------------------------------------------------------------
// What a VMM does, other than anything

static int64_t ask(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3,
		   uint64_t a4, uint64_t a5)
{
	const uint64_t a[] = { nr, a1, a2, a3, a4, a5 };
	int64_t r = call(curenv, a);

	note(a, r);
	return r;
}

// A guest that its VMM is told of, as far as memory allows.
static void make_guest(void)
{
	uint8_t kinds = byte();
	envid_t guest = ask(SYS_env_mkguest, 2 * EXTPHYSMEM, GUEST_BOOT, 0, 0,
			    0);

	if (guest < 0)
		return;
	ask(SYS_vm_record, guest, USER_BASE + kinds % 4 * PGSIZE, 0, 0, 0);
	for (int kind = VM_ASK_PORT; kind <= VM_ASK_REST; kind++)
		if (kinds >> kind & 1)
			ask(SYS_vm_ask, guest, kind, 0,
			    kind == VM_ASK_EXCEPTION ? 31 : 0xffff, 0);
	ask(SYS_env_set_status, guest, ENV_RUNNABLE, 0, 0, 0);
}

// The page that e has at va, as it sees it.
static void *page_of(struct Env *e, uintptr_t va)
{
	pte_t *pte;
	struct PageInfo *pp = page_lookup(e->env_pml4e, va, &pte);

	return pp && (*pte & PTE_W) ? page2kva(pp) : NULL;
}

static void write_answer(struct Env *e)
{
	struct vm_exit *x = page_of(e, USER_BASE + byte() % 4 * PGSIZE);
	uint8_t choice = byte();

	if (!x)
		return;
	x->vx_answer = choice % 8 < 6 ? choice % 4 : byte();
	x->vx_vector = choice & 8 ? byte() % 32 : byte();
	x->vx_error = byte();
	x->vx_vector ^= choice & 16 ? word(4) : 0;
	x->vx_msr.data = some_number();
}

// Registers with which something is wrong, or nothing: buf is what it has.
static void change_registers(struct Env *e)
{
	envid_t guest = some_env(3 + byte() % 2)->env_id;
	uint64_t buf = USER_BASE + 8 * PGSIZE;
	struct vm_regs *regs = page_of(e, buf);

	if (!regs || ask(SYS_vm_regs, guest, buf, false, 0, 0) < 0)
		return;
	for (int n = byte() % 8; n > 0; n--) {
		size_t i = byte() % (sizeof(*regs) / 8);

		((uint64_t *)regs)[i] = some_number();
	}
	ask(SYS_vm_regs, guest, buf, true, 0, 0);
}

static void scribble(struct Env *e)
{
	uint8_t *page = page_of(e, USER_BASE + byte() % NUSER * PGSIZE);
	size_t at = word(2) % PGSIZE;

	for (int n = byte() % 32; page && n > 0 && at < PGSIZE; n--)
		page[at++] = byte();
}

// What a file server does: it answers, perhaps with a page, and waits.
static void serve(struct Env *e)
{
	uint8_t choice = byte();

	ask(SYS_ipc_try_send, e->env_ipc_from, choice,
	    choice % 4 ? USER_BASE + choice % NUSER * PGSIZE : UTOP,
	    PTE_P | PTE_U | (choice & 64 ? PTE_W : 0), 0);
	ask(SYS_ipc_recv, choice & 128 ? UTOP : USER_BASE, 0, 0, 0, 0);
}

// Its guest is to be interrupted, or to stop.
static void disturb(void)
{
	envid_t guest = some_env(3)->env_id;
	uint8_t vector = byte();

	if (vector % 4)
		ask(SYS_vm_interrupt, guest, vector, 0, 0, 0);
	else
		ask(SYS_vm_stop, guest, 0, 0, 0, 0);
}

static void program_step(struct Env *e)
{
	if (e == fs_env && byte() % 4) {
		serve(e);
		return;
	}
	switch (byte() % 10) {
	case 0:
		make_guest();
		break;
	case 1:
		write_answer(e);
		break;
	case 2:
		write_answer(e);
		ask(SYS_vm_next, some_env(3 + byte() % 2)->env_id, byte() % 2,
		    0, 0, 0);
		break;
	case 3:
		change_registers(e);
		break;
	case 4:
		scribble(e);
		break;
	case 5:
		disturb();
		break;
	default:
		some_call(e);
	}
}

static void program_runs(struct Env *e)
{
	if (e == vmm && TAILQ_EMPTY(&e->env_guests))
		make_guest();
	if (e == fs_env && !e->env_ipc_from)
		ask(SYS_ipc_recv, USER_BASE, 0, 0, 0, 0);
	for (int n = 1 + byte() % 4; n > 0 && curenv == e &&
	     e->env_status == ENV_RUNNING; n--)
		program_step(e);
}

// --------------------------------------------------------------
// What must always hold

// Pages that a table of a guest's EPT maps, from gpa on.
static uint32_t check_ept(const struct Vm *vm, const epte_t *table, int level,
			  uint64_t gpa)
{
	uint32_t n = 0;

	for (uint64_t i = 0; i < 512;
	     i++, gpa += (uint64_t)PGSIZE << 9 * level) {
		if (!epte_present(table[i]))
			continue;
		CHECK(pa2page(epte_addr(table[i]))->pp_ref > 0);
		if (level > 0) {
			n += check_ept(vm, epte_page_vaddr(table[i]),
				       level - 1, gpa);
			continue;
		}
		CHECK(vm_has_memory(vm, gpa) && ept_perm_ok(table[i] & 7));
		n++;
	}
	return n;
}

static void check_guest(struct Env *e)
{
	struct Vcpu *vc = e->env_vcpu;
	struct Env *owner = &envs[ENVX(e->env_parent_id)];
	bool posted = vc->vc_record == RECORD_POSTED;
	bool given = vc->vc_record == RECORD_GIVEN;

	CHECK(check_ept(e->env_vm, e->env_vm->vm_eptrt, 3, 0) ==
	      e->env_vm->vm_pages);
	CHECK(owner->env_id == e->env_parent_id);
	CHECK((e->env_status == ENV_BLOCKED && e->env_wait_for == WAIT_VMM) ==
	      (posted || given));
	CHECK((e->env_queue == &owner->env_events) == posted);
	CHECK(vc->vc_cr8 < 16 && vc->vc_out_len <= PGSIZE);
	CHECK(!posted || owner->env_status != ENV_BLOCKED ||
	      owner->env_wait_for != WAIT_VM_EXIT);
}

// Nobody waits for one who is gone.
static void check_queue(struct Env *e)
{
	size_t at = (char *)e->env_queue - (char *)envs;

	if (e->env_queue && at < sizeof(envs))
		CHECK(envs[at / sizeof(*envs)].env_status != ENV_FREE);
}

static void check_all(void)
{
	for (struct Env *e = envs; e < envs + NENV; e++) {
		CHECK(e->env_status != ENV_RUNNING &&
		      e->env_status != ENV_DYING);
		if (e->env_status == ENV_FREE)
			continue;
		check_queue(e);
		if (e->env_type == ENV_TYPE_GUEST)
			check_guest(e);
	}
}

// --------------------------------------------------------------

static struct Env *new_program(envid_t parent, enum EnvType type)
{
	struct Env *e;

	if (env_alloc(&e, parent, type) < 0)
		CHECK(!"memory for the programs");
	sched_ready(e);
	for (int i = 6; i < 12; i++) {
		struct PageInfo *pp = page_alloc(ALLOC_ZERO);

		CHECK(pp && page_insert(e->env_pml4e, pp,
					USER_BASE + i * PGSIZE, PTE_U |
					(i == 9 ? 0 : PTE_W)) == 0);
	}
	return e;
}

static void begin(void)
{
	static bool made;

	if (!made)
		machine_init();
	made = true;
	machine_reset(1 + byte() % 2);
	fs_env = new_program(0, ENV_TYPE_FS);
	other = new_program(0, ENV_TYPE_USER);
	vmm = new_program(other->env_id, ENV_TYPE_USER);
}

// Everybody ends; the file server, whose slot is never used again, too.
static void finish(void)
{
	page_fail_at = 0;
	check_all();
	fs_env = NULL;
	lock_kernel(thiscpu);
	for (struct Env *e = envs; e < envs + NENV; e++)
		if (e->env_status != ENV_FREE)
			env_destroy(e, EXIT_KILLED);
	unlock_kernel(thiscpu);
}

static void step(void)
{
	switch (byte() % 16) {
	case 0 ... 5:
		turn(some_env(3 + byte() % 8));
		break;
	case 6 ... 9:
		turn(byte() % 2 ? vmm : some_env(byte()));
		break;
	case 10 ... 11:
		turn(fs_env);
		break;
	case 12:
		here = byte() % ncpu;
		break;
	case 13:
		now += 1ul << byte() % 40;
		clock_interrupt();
		break;
	case 14:
		cons_input(byte() % 4 ? byte() : '\033');
		break;
	default:
		page_fail_at = byte() % 16;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	end_of_input = data + size;
	begin();
	turn(vmm);
	turn(fs_env);
	while (input_left())
		step();
	finish();
	machine_reset(1);
	return 0;
}
