// Environments: made, run, ended.

#include <inc/elf.h>
#include <inc/error.h>
#include <inc/string.h>
#include <kern/tty.h>
#include <kern/env.h>
#include <kern/trap.h>
#include <vmm/vmx.h>

struct Env envs[NENV];
struct Env *fs_env;
static struct EnvQueue env_free_list;	// slots that served before
static int env_next;			// slots from here on never did

enum { ENVGENSHIFT = 12 };		// >= LOG2NENV

void env_init(void)
{
	TAILQ_INIT(&env_free_list);
}

// --------------------------------------------------------------
// Making

// The address space: the kernel's half and what it shows are shared, UVPT
// shows the tables themselves.
static int env_setup_vm(struct Env *e)
{
	uint64_t *pml4e = kpage_alloc();

	if (!pml4e)
		return -E_NO_MEM;
	pml4e[PML4(UINFO)] = kern_pml4e[PML4(UINFO)];
	memcpy(pml4e + 256, kern_pml4e + 256, PGSIZE / 2);
	e->env_pml4e = pml4e;
	e->env_cr3 = PADDR(pml4e);
	pml4e[PML4(UVPT)] = e->env_cr3 | PTE_P | PTE_U | PTE_NX;
	return 0;
}

// A slot that never served, else the one that is free longest: so a status
// can be asked for (sys_env_wait) as long as possible.
static struct Env *env_slot(void)
{
	struct Env *e = TAILQ_FIRST(&env_free_list);

	if (env_next < NENV)
		return &envs[env_next++];
	if (e)
		TAILQ_REMOVE(&env_free_list, e, env_link);
	return e;
}

// The state of the x87 and SSE registers after a reset, but all exceptions
// masked (SDM volume 1, "FXSAVE Area").
static void fpu_init(uint8_t *area)
{
	memset(area, 0, 512);
	*(uint16_t *)area = 0x37f;
	*(uint32_t *)(area + 24) = 0x1f80;
}

int env_alloc(struct Env **out, envid_t parent, enum EnvType type)
{
	struct Env *e = env_slot();
	int32_t generation;

	if (!e)
		return -E_NO_FREE_ENV;
	generation = (e->env_id + (1 << ENVGENSHIFT)) & ~(NENV - 1);
	if (generation <= 0)
		generation = 1 << ENVGENSHIFT;
	memset(e, 0, sizeof(*e));
	e->env_id = generation | (e - envs);
	e->env_parent_id = parent;
	e->env_type = type;
	TAILQ_INIT(&e->env_waiters);
	TAILQ_INIT(&e->env_senders);
	TAILQ_INIT(&e->env_guests);
	TAILQ_INIT(&e->env_unborn);
	TAILQ_INIT(&e->env_events);
	fpu_init(e->env_fpu);
	if (type != ENV_TYPE_GUEST && env_setup_vm(e) < 0) {
		TAILQ_INSERT_TAIL(&env_free_list, e, env_link);
		return -E_NO_MEM;
	}
	e->env_status = ENV_NOT_RUNNABLE;
	e->env_tf.tf_cs = GD_UT | 3;
	e->env_tf.tf_ss = GD_UD | 3;
	e->env_tf.tf_rsp = USTACKTOP;
	e->env_tf.tf_eflags = FL_IF;
	sysinfo.si_nenv++;
	*out = e;
	return 0;
}

// A fresh page at va; env_create's way of memory.
static void *env_page(struct Env *e, uintptr_t va, uint64_t perm)
{
	struct PageInfo *pp = page_lookup(e->env_pml4e, va, NULL);

	if (!pp) {
		pp = page_alloc(ALLOC_ZERO);
		if (!pp || page_insert(e->env_pml4e, pp, va, perm) < 0)
			panic("no memory for the first programs");
	}
	return page2kva(pp);
}

static void load_segment(struct Env *e, const uint8_t *file,
			 const struct Proghdr *ph)
{
	uint64_t perm = PTE_U;

	if (ph->p_flags & ELF_PROG_FLAG_WRITE)
		perm |= PTE_W;
	if (!(ph->p_flags & ELF_PROG_FLAG_EXEC))
		perm |= PTE_NOEXEC | PTE_NX;
	for (uint64_t i = 0; i < ph->p_memsz; ) {
		uintptr_t va = ph->p_va + i;
		size_t n = MIN(PGSIZE - PGOFF(va), ph->p_memsz - i);
		void *page = env_page(e, ROUNDDOWN(va, PGSIZE), perm);

		if (i < ph->p_filesz)
			memcpy(page + PGOFF(va), file + ph->p_offset + i,
			       MIN(n, ph->p_filesz - i));
		i += n;
	}
}

struct Env *env_create(const uint8_t *file, const char *name,
		       enum EnvType type)
{
	const struct Elf *elf = (const void *)file;
	const struct Proghdr *ph = (const void *)(file + elf->e_phoff);
	struct Env *e;

	if (elf->e_magic != ELF_MAGIC || env_alloc(&e, 0, type) < 0)
		panic("cannot start %s", name);
	strlcpy(e->env_name, name, ENV_NAME_LEN);
	for (int i = 0; i < elf->e_phnum; i++)
		if (ph[i].p_type == ELF_PROG_LOAD)
			load_segment(e, file, &ph[i]);
	env_page(e, USTACKTOP - PGSIZE, PTE_U | PTE_W | PTE_NOEXEC | PTE_NX);
	e->env_tf.tf_rip = elf->e_entry;
	if (type == ENV_TYPE_FS) {
		e->env_tf.tf_eflags |= FL_IOPL_3;	// drives the disk
		fs_env = e;
	}
	sched_ready(e);
	return e;
}

void env_conceive(struct Env *parent, struct Env *e)
{
	TAILQ_INSERT_TAIL(&parent->env_unborn, e, env_guest_link);
}

void env_born(struct Env *e)
{
	if (!e->env_guest_link.tqe_prev)
		return;
	TAILQ_REMOVE(&envs[ENVX(e->env_parent_id)].env_unborn, e,
		     env_guest_link);
	e->env_guest_link.tqe_prev = NULL;
}

// --------------------------------------------------------------
// Ending

// Gives back a table of an address space and all below it. Level 0 is a
// table of pages.
static void free_table(physaddr_t pa, int level)
{
	uint64_t *table = KADDR(pa);

	for (int i = 0; i < 512; i++) {
		if (!(table[i] & PTE_P))
			continue;
		if (level > 0)
			free_table(PTE_ADDR(table[i]), level - 1);
		else
			page_decref(pa2page(PTE_ADDR(table[i])));
	}
	page_decref(pa2page(pa));
}

static void env_free_vm(struct Env *e)
{
	if (e->env_pml4e[0] & PTE_P)
		free_table(PTE_ADDR(e->env_pml4e[0]), 2);
	e->env_pml4e[0] = 0;
	kpage_free(e->env_pml4e);
	e->env_pml4e = NULL;
}

// Takes e out of the list of those who wait for a page.
static void page_unwait(struct Env *e)
{
	struct PageInfo *pp = pa2page(e->env_wait_va);
	struct Env **link = &pp->pp_waiters;

	while (*link != e)
		link = &(*link)->env_page_next;
	*link = e->env_page_next;
}

static void env_free(struct Env *e, int status)
{
	struct Env *w;

	if (e->env_queue)
		TAILQ_REMOVE(e->env_queue, e, env_link);
	if (e->env_status == ENV_BLOCKED && e->env_wait_for == WAIT_PAGE)
		page_unwait(e);
	timer_cancel(&e->env_timer);
	tty_env_gone(e);
	while ((w = TAILQ_FIRST(&e->env_guests))) {
		TAILQ_REMOVE(&e->env_guests, w, env_guest_link);
		w->env_parent_id = 0;
		env_destroy(w, EXIT_KILLED);
	}
	while ((w = TAILQ_FIRST(&e->env_unborn)))
		env_destroy(w, EXIT_KILLED);
	if (e->env_type == ENV_TYPE_GUEST) {
		vmx_free(e);
	} else {
		env_born(e);
		env_free_vm(e);
	}
	e->env_status = ENV_FREE;
	e->env_queue = NULL;
	e->env_exit_status = status;
	sysinfo.si_nenv--;
	// Nobody takes the file server's place: all trust its id.
	if (e != fs_env)
		TAILQ_INSERT_TAIL(&env_free_list, e, env_link);
	// Whoever wants something of it learns that it is gone.
	while ((w = TAILQ_FIRST(&e->env_waiters))) {
		w->env_ipc_recving = false;
		env_wake(w, w->env_wait_for == WAIT_ENV ? status : -E_BAD_ENV);
	}
	env_restart_all(&e->env_senders);
}

void env_destroy(struct Env *e, int status)
{
	if (e == curenv) {
		struct CpuInfo *c = thiscpu;

		if (e->env_type == ENV_TYPE_GUEST)
			vmx_leave(c, e, rdtsc());
		lcr3(kern_cr3);
		c->cpu_env = NULL;
		env_free(e, status);
	} else if (e->env_status == ENV_RUNNING) {
		e->env_status = ENV_DYING;
		e->env_exit_status = status;
		cpu_kick(&cpus[e->env_cpunum]);
	} else if (e->env_status != ENV_DYING) {
		env_free(e, status);
	}
}

void env_reap_dying(void)
{
	struct Env *e = curenv;

	if (e && e->env_status == ENV_DYING)
		env_destroy(e, e->env_exit_status);
}

// --------------------------------------------------------------
// Running

void env_return(struct CpuInfo *c, struct Env *e)
{
	clock_program(c, c->cpu_slice_end);
	unlock_kernel(c);
	env_pop_tf(&e->env_tf);
}

void env_run(struct Env *e)
{
	struct CpuInfo *c = thiscpu;

	c->cpu_env = e;
	e->env_cpunum = c - cpus;
	e->env_status = ENV_RUNNING;
	e->env_runs++;
	c->cpu_flush_tlb = false;
	c->cpu_since = rdtsc();
	fxrstor(e->env_fpu);
	if (e->env_type == ENV_TYPE_GUEST) {
		lcr3(kern_cr3);
		vmx_run(e);
	}
	c->cpu_ts.ts_rsp[0] = (uintptr_t)(&e->env_tf + 1);
	lcr3(e->env_cr3);
	env_return(c, e);
}
