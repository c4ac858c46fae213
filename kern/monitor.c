// The kernel monitor. It reads the console's devices itself and looks at
// memory with care, so it also works when the rest of the kernel does not.

#include <inc/assert.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <kern/console.h>
#include <kern/env.h>
#include <kern/init.h>
#include <kern/kdebug.h>
#include <kern/monitor.h>
#include <kern/trap.h>
#include <vmm/ept.h>
#include <vmm/explain.h>
#include <vmm/vmx.h>

enum { MAXARGS = 8, LINE = 128 };
enum { GO_ON, LEAVE };		// what a command returns

static envid_t stepping;	// makes one step of its program; 0: none

// ---- page tables ----------------------------------------------------------

enum { LEVELS = 4 };

static int level_shift(int level)
{
	return PGSHIFT + 9 * (LEVELS - 1 - level);
}

// The entries that lead to va, from the root; returns how many there are.
// Tables outside memory are not looked at.
static int walk(physaddr_t table, uintptr_t va, pte_t entry[LEVELS])
{
	for (int i = 0; i < LEVELS; i++) {
		pte_t *entries = KADDR(table);

		if (PGNUM(table) >= npages)
			return i;
		entry[i] = entries[va >> level_shift(i) & 511];
		if (!(entry[i] & PTE_P))
			return i + 1;
		if (i > 0 && i < LEVELS - 1 && entry[i] & PTE_PS)
			return i + 1;
		table = PTE_ADDR(entry[i]);
	}
	return LEVELS;
}

static bool is_mapped(uintptr_t va)
{
	pte_t entry[LEVELS];
	int n = walk(PTE_ADDR(rcr3()), va, entry);

	return n > 0 && entry[n - 1] & PTE_P;
}

static void print_flags(pte_t entry)
{
	static const struct { char letter; pte_t bit; } flags[] = {
		{ 'P', PTE_P }, { 'W', PTE_W }, { 'U', PTE_U },
		{ 'A', PTE_A }, { 'D', PTE_D }, { 'G', PTE_G },
		{ 's', PTE_SHARE }, { 'c', PTE_COW }, { 'n', PTE_NX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		cprintf("%c", entry & flags[i].bit ? flags[i].letter : '-');
	cprintf("\n");
}

// Where a leaf leads; a large page's address has zeroes below its size.
static physaddr_t leaf_target(pte_t entry, int level, uintptr_t va)
{
	uint64_t mask = (1ul << level_shift(level)) - 1;

	return (PTE_ADDR(entry) & ~mask) | (va & mask);
}

static void print_walk(physaddr_t root, uintptr_t va)
{
	static const char *const names[] = { "PML4", "PDPT", "PD", "PT" };
	pte_t entry[LEVELS];
	int n = walk(root, va, entry);

	for (int i = 0; i < n; i++) {
		cprintf("  %-4s[%3ld] %016lx  ", names[i],
			va >> level_shift(i) & 511, entry[i]);
		print_flags(entry[i]);
	}
	if (n > 0 && entry[n - 1] & PTE_P)
		cprintf("%016lx -> %016lx\n", va,
			leaf_target(entry[n - 1], n - 1, va));
	else
		cprintf("%016lx is not mapped\n", va);
}

// Pages that follow each other in both worlds with the same permissions.
struct region {
	uintptr_t start, last;
	physaddr_t pa;
	pte_t flags;
	bool used;
};

static void print_region(const struct region *r)
{
	if (!r->used)
		return;
	cprintf("%016lx-%016lx -> %016lx  ", r->start, r->last, r->pa);
	print_flags(r->flags);
}

static void add_to_region(struct region *r, uintptr_t va, uint64_t size,
			  physaddr_t pa, pte_t entry)
{
	pte_t flags = entry & (PTE_P | PTE_W | PTE_U | PTE_G | PTE_SHARE |
			       PTE_COW | PTE_NX);

	if (!r->used || va != r->last + 1 || flags != r->flags ||
	    pa != r->pa + (va - r->start)) {
		print_region(r);
		*r = (struct region){ va, va, pa, flags, true };
	}
	r->last = va + size - 1;
}

// The address behind [va, va + size), past the page tables' view of
// themselves and the hole between both halves; 0 at the end.
static uintptr_t next_address(uintptr_t va, uint64_t size)
{
	va += size;
	if (va == UVPT)
		va = UVPT + (1ul << level_shift(0));
	if (va == 1ul << 47)
		va = KERNBASE;
	return va;
}

static void print_range(physaddr_t root, uintptr_t va, uintptr_t last)
{
	struct region r = { .used = false };
	pte_t entry[LEVELS];
	uint64_t size;
	int n;

	do {
		n = walk(root, va, entry);
		if (n == 0)
			break;
		size = 1ul << level_shift(n - 1);
		va = ROUNDDOWN(va, size);
		if (entry[n - 1] & PTE_P)
			add_to_region(&r, va, size,
				      leaf_target(entry[n - 1], n - 1, va),
				      entry[n - 1]);
		va = next_address(va, size);
	} while (va != 0 && va <= last);
	print_region(&r);
}

// ---- commands -------------------------------------------------------------

static bool parse(const char *s, int base, uint64_t *value)
{
	static const char digits[] = "0123456789abcdef";
	const char *d;

	if (base == 16 && s[0] == '0' && s[1] == 'x')
		s += 2;
	if (!*s)
		return false;
	for (*value = 0; *s; s++) {
		d = memchr(digits, *s, base);
		if (!d)
			return false;
		*value = *value * base + (d - digits);
	}
	return true;
}

// The environment that an argument names; prints why when there is none.
static struct Env *parse_env(const char *s)
{
	uint64_t id;
	struct Env *e;

	if (parse(s, 16, &id) && id <= INT32_MAX) {
		e = &envs[ENVX(id)];
		if (e->env_status != ENV_FREE && e->env_id == (envid_t)id)
			return e;
	}
	cprintf("%s is no environment\n", s);
	return NULL;
}

static int bad_number(const char *s)
{
	cprintf("%s is no number\n", s);
	return GO_ON;
}

static int cmd_help(int argc, char **argv, struct Trapframe *tf);

static int cmd_kerninfo(int argc, char **argv, struct Trapframe *tf)
{
	extern char text[], etext[], edata[];

	(void)argc, (void)argv, (void)tf;
	cprintf("Kernel in a %s, %d of %d processors run\n",
		sysinfo.si_role == ROLE_GUEST ? "guest" : "host", ncpu, NCPU);
	cprintf("  text   %p - %p\n", text, etext);
	cprintf("  data   %p - %p\n", etext, edata);
	cprintf("  bss    %p - %p\n", edata, end);
	cprintf("  memory %lu KiB in %lu pages, %lu free\n",
		sysinfo.si_total_pages * (PGSIZE / 1024),
		sysinfo.si_total_pages, sysinfo.si_free_pages);
	return GO_ON;
}

static void print_frame(uintptr_t rip, uintptr_t rbp, bool is_return)
{
	struct Ripdebuginfo info;

	debuginfo_rip(rip - is_return, &info);
	cprintf("  rbp %016lx  rip %016lx  %s+%ld  %s:%d\n", rbp, rip,
		info.rip_fn_name, rip - info.rip_fn_addr, info.rip_file,
		info.rip_line);
}

// Frames lie ever higher on the stack, so that a damaged chain ends, too.
static void print_frames(uintptr_t rbp)
{
	uintptr_t *frame, below = 0;

	while (rbp >= KERNBASE && rbp > below && rbp % 8 == 0 &&
	       is_mapped(rbp) && is_mapped(rbp + 15)) {
		frame = (uintptr_t *)rbp;
		if (!frame[1])
			return;
		print_frame(frame[1], frame[0], true);
		below = rbp;
		rbp = frame[0];
	}
}

static int cmd_backtrace(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv;
	cprintf("Stack backtrace:\n");
	if (tf && !(tf->tf_cs & 3)) {
		print_frame(tf->tf_rip, tf->tf_regs.reg_rbp, false);
		print_frames(tf->tf_regs.reg_rbp);
		return GO_ON;
	}
	print_frames(read_rbp());
	if (tf)
		cprintf("  user code at %016lx, rsp %016lx\n", tf->tf_rip,
			tf->tf_rsp);
	return GO_ON;
}

static int cmd_mappings(int argc, char **argv, struct Trapframe *tf)
{
	physaddr_t root = PTE_ADDR(rcr3());
	uint64_t va, last;
	struct Env *e;

	(void)tf;
	if (argc > 3) {
		e = parse_env(argv[3]);
		if (!e)
			return GO_ON;
		if (!e->env_pml4e) {
			cprintf("A guest: see ept\n");
			return GO_ON;
		}
		root = e->env_cr3;
	}
	if (!parse(argv[1], 16, &va))
		return bad_number(argv[1]);
	if (argc < 3)
		print_walk(root, va);
	else if (!parse(argv[2], 16, &last))
		return bad_number(argv[2]);
	else
		print_range(root, va, last);
	return GO_ON;
}

static const char *env_state(const struct Env *e)
{
	static const char *const status[] = {
		"free", "dying", "runnable", "running", "not runnable",
	};
	static const char *const wait[] = {
		"blocked", "waits: ipc receive", "waits: ipc send",
		"waits: env", "waits: page", "waits: sleep", "waits: irq",
		"waits: console", "waits: foreground", "halted",
	};

	if (e->env_status != ENV_BLOCKED)
		return status[e->env_status];
	return wait[e->env_wait_for];
}

static int cmd_envs(int argc, char **argv, struct Trapframe *tf)
{
	static const char *const types[] = { "user", "fs", "guest", "idle" };

	(void)argc, (void)argv, (void)tf;
	cprintf("%-8s %-8s %-5s %3s %10s  %-18s name\n", "id", "parent",
		"type", "cpu", "runs", "state");
	for (struct Env *e = envs; e < envs + NENV; e++) {
		if (e->env_status == ENV_FREE)
			continue;
		cprintf("%08x %08x %-5s %3d %10u  %-18s %s\n", e->env_id,
			e->env_parent_id, types[e->env_type], e->env_cpunum,
			e->env_runs, env_state(e), e->env_name);
	}
	return GO_ON;
}

static int cmd_guests(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv, (void)tf;
	cprintf("%-8s %10s %6s %7s %5s %11s  state\n", "id", "KiB",
		"pages", "tables", "disk", "exits");
	for (struct Env *e = envs; e < envs + NENV; e++) {
		if (e->env_status == ENV_FREE || !e->env_vm || !e->env_vcpu)
			continue;
		cprintf("%08x %10lu %6u %7u %5d %11lu  %s\n", e->env_id,
			e->env_vm->vm_memsz / 1024, e->env_vm->vm_pages,
			vm_tables(e->env_vm), e->env_vmdisk,
			e->env_vcpu->vc_exits, env_state(e));
	}
	return GO_ON;
}

static void print_ept_walk(epte_t *table, uint64_t gpa)
{
	epte_t e;

	for (int level = LEVELS - 1; level >= 0; level--) {
		e = table[ADDR_TO_IDX(gpa, level)];
		cprintf("  level %d [%3lu] %016lx  %c%c%c\n", level,
			ADDR_TO_IDX(gpa, level), e,
			e & __EPTE_READ ? 'R' : '-',
			e & __EPTE_WRITE ? 'W' : '-',
			e & __EPTE_EXEC ? 'X' : '-');
		if (!epte_present(e)) {
			cprintf("%016lx is not mapped\n", gpa);
			return;
		}
		table = epte_page_vaddr(e);
	}
	cprintf("%016lx -> %016lx\n", gpa, epte_addr(e) | PGOFF(gpa));
}

static int cmd_ept(int argc, char **argv, struct Trapframe *tf)
{
	struct Env *e = parse_env(argv[1]);
	uint64_t gpa;

	(void)argc, (void)tf;
	if (!e)
		return GO_ON;
	if (!e->env_vm)
		cprintf("%s is no guest\n", argv[1]);
	else if (!parse(argv[2], 16, &gpa))
		return bad_number(argv[2]);
	else
		print_ept_walk(e->env_vm->vm_eptrt, gpa);
	return GO_ON;
}

static int cmd_vmcs(int argc, char **argv, struct Trapframe *tf)
{
	struct Env *e = parse_env(argv[1]);
	uint64_t field, value;

	(void)tf;
	if (!e)
		return GO_ON;
	if (thiscpu->cpu_vmcs != e) {
		cprintf("Its VMCS is not this processor's current one.\n");
		return GO_ON;
	}
	if (!parse(argv[2], 16, &field))
		return bad_number(argv[2]);
	if (argc > 3 && !parse(argv[3], 16, &value))
		return bad_number(argv[3]);
	if ((argc < 4 || vmcs_poke(field, value)) && vmcs_peek(field, &value))
		cprintf("VMCS field %lx is %lx\n", field, value);
	else
		cprintf("%s\n", vmx_instruction_error(
				vmread(VMCS_INSTRUCTION_ERROR)));
	return GO_ON;
}

static int cmd_regs(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv;
	if (tf)
		print_trapframe(tf);
	else
		cprintf("Nothing was interrupted.\n");
	cprintf("  cr0 %08lx  cr2 %016lx  cr3 %08lx  cr4 %08lx\n", rcr0(),
		rcr2(), rcr3(), rcr4());
	return GO_ON;
}

static int cmd_continue(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv, (void)tf;
	return LEAVE;
}

static int cmd_step(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv;
	if (!tf || !(tf->tf_cs & 3)) {
		cprintf("No program was interrupted.\n");
		return GO_ON;
	}
	tf->tf_eflags |= FL_TF;
	stepping = curenv->env_id;
	return LEAVE;
}

static int cmd_failalloc(int argc, char **argv, struct Trapframe *tf)
{
	uint64_t n;

	(void)argc, (void)tf;
	if (!parse(argv[1], 10, &n))
		return bad_number(argv[1]);
	cprintf("%u allocations were left\n", page_fail_at);
	page_fail_at = n;
	return GO_ON;
}

static int cmd_panic(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv, (void)tf;
	panic("asked for in the monitor");
}

static int cmd_poweroff(int argc, char **argv, struct Trapframe *tf)
{
	(void)argc, (void)argv, (void)tf;
	poweroff(0);
	return GO_ON;
}

static const struct command {
	const char *name, *args;
	int min, max;		// how many arguments it takes
	int (*run)(int argc, char **argv, struct Trapframe *tf);
	const char *help;
} commands[] = {
	{ "help", "", 0, 0, cmd_help, "this list" },
	{ "kerninfo", "", 0, 0, cmd_kerninfo, "where the kernel lies" },
	{ "backtrace", "", 0, 0, cmd_backtrace, "the calls that led here" },
	{ "regs", "", 0, 0, cmd_regs, "registers when it was interrupted" },
	{ "mappings", "VA [VA2 [ENVID]]", 1, 3, cmd_mappings,
	  "page tables of an address, regions of a range" },
	{ "envs", "", 0, 0, cmd_envs, "environments" },
	{ "guests", "", 0, 0, cmd_guests, "virtual machines" },
	{ "ept", "ENVID GPA", 2, 2, cmd_ept, "a guest's page tables" },
	{ "vmcs", "ENVID FIELD [VALUE]", 2, 3, cmd_vmcs,
	  "a field (vmm/vmcs.h) of a guest's VMCS, read or written" },
	{ "failalloc", "N", 1, 1, cmd_failalloc,
	  "the Nth page allocation from now fails (0: none)" },
	{ "step", "", 0, 0, cmd_step, "one instruction of the program" },
	{ "continue", "", 0, 0, cmd_continue, "go on" },
	{ "panic", "", 0, 0, cmd_panic, "what a bug in the kernel does" },
	{ "poweroff", "", 0, 0, cmd_poweroff, "end the machine" },
};

static int cmd_help(int argc, char **argv, struct Trapframe *tf)
{
	const struct command *c = commands;

	(void)argc, (void)argv, (void)tf;
	for (; c < commands + ARRAY_SIZE(commands); c++)
		cprintf("%-9s %-19s %s\n", c->name, c->args, c->help);
	cprintf("Addresses, ENVID, FIELD and VALUE are hexadecimal.\n");
	return GO_ON;
}

// ---- the loop -------------------------------------------------------------

static int next_char(void)
{
	int c;

	while ((c = cons_poll()) < 0)
		pause();
	return c;
}

static void skip_escape_sequence(void)
{
	int c = next_char();

	while (c == '[' || c == ';' || (c >= '0' && c <= '9'))
		c = next_char();
}

static void erase(int n)
{
	for (; n > 0; n--)
		cprintf("\b \b");
}

static char *read_line(void)
{
	static char line[LINE];
	int c, n = 0;

	cprintf("K> ");
	while ((c = next_char()) != '\r' && c != '\n') {
		if ((c == '\b' || c == 0x7f) && n > 0) {
			erase(1);
			n--;
		} else if (c == ('U' & 0x1f)) {
			erase(n);
			n = 0;
		} else if (c == '\033') {
			skip_escape_sequence();
		} else if (c >= ' ' && c < 0x7f && n < LINE - 1) {
			cprintf("%c", c);
			line[n++] = c;
		}
	}
	cprintf("\n");
	line[n] = '\0';
	return line;
}

// Cuts the line into words; returns how many, more than MAXARGS not looked at.
static int split(char *s, char **words)
{
	int n = 0;

	while (n < MAXARGS) {
		while (*s == ' ')
			*s++ = '\0';
		if (!*s)
			break;
		words[n++] = s;
		s = (char *)strfind(s, ' ');
	}
	return n;
}

static int run_command(char *line, struct Trapframe *tf)
{
	char *argv[MAXARGS];
	int argc = split(line, argv);
	const struct command *c = commands;

	if (argc == 0)
		return GO_ON;
	for (; c < commands + ARRAY_SIZE(commands); c++) {
		if (strcmp(argv[0], c->name) != 0)
			continue;
		if (argc - 1 >= c->min && argc - 1 <= c->max)
			return c->run(argc, argv, tf);
		cprintf("usage: %s %s\n", c->name, c->args);
		return GO_ON;
	}
	cprintf("Unknown command '%s'\n", argv[0]);
	return GO_ON;
}

static void obey(struct Trapframe *tf)
{
	while (run_command(read_line(), tf) == GO_ON)
		;
}

void monitor(struct Trapframe *tf)
{
	cprintf("Welcome to the JOS kernel monitor!\n"
		"Type 'help' for a list of commands.\n");
	if (tf)
		print_trapframe(tf);
	obey(tf);
}

bool monitor_step(struct Trapframe *tf)
{
	if (curenv->env_id != stepping)
		return false;
	stepping = 0;
	tf->tf_eflags &= ~FL_TF;
	cprintf("rip %016lx\n", tf->tf_rip);
	obey(tf);
	return true;
}
