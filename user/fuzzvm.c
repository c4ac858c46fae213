// A hostile VMM: fuzzvm [SEED [COUNT]] makes COUNT guests with random code and
// registers, asks and answers at random, calls everything with nonsense, also
// about guests that are another's, and ends them at random moments; then 200
// at once. All pages must be back after each.

#include <inc/lib.h>
#include <inc/x86.h>

enum {
	VA = 0x20000000,		// code; what is read and written
	RECORD = 0x21000000,		// records, a page for each guest
	PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC,
	AT_ONCE = 200,
	TURNS = 40,			// records answered for one guest
	// Guest-physical:
	TABLES = 0x10000, TABLE_PAE = 0x11000, TABLE_LONG = 0x12000,
};

enum mode { REAL, PROTECTED, PAGED, PAE, LONG, NMODES };

static uint64_t state;
static uint64_t seen[VM_EXIT_NREASONS];		// records by their reason

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

// One time in n.
static bool once(int n)
{
	return rnd() % n == 0;
}

static uint64_t odd(void)
{
	static const uint64_t base[] = {
		0, 1, PGSIZE, 0xa0000, 0x100000, GUEST_MEM_SZ, 1ul << 31,
		1ul << 32, UTEMP, UTEXT, VA, RECORD, UXSTACKTOP, UTOP, UENVS,
		UVPT, ULIM, 1ul << 47, KERNBASE, -1ul,
	};

	switch (rnd() % 4) {
	case 0:
		return rnd();
	case 1:
		return rnd() % 64;
	case 2:
		return 1ul << rnd() % 64;
	}
	return base[rnd() % ARRAY_SIZE(base)] + (once(2) ? 0 : rnd() % 17 - 8);
}

// --------------------------------------------------------------
// Guests

// In real mode: units of 16 bytes, each with an exit of a kind or two.
__asm__(".pushsection .rodata\n"
	".macro unit insns:vararg\n"
	"8:\t\\insns\n\t"
	".org 8b + 16, 0x90\n"
	".endm\n"
	".code16\n"
	"units:\n"
	"unit outb %al, $0xe9; inl $0x60, %eax\n"
	"unit movl $0x4567, %ecx; rdmsr\n"
	"unit movl $0x4567, %ecx; wrmsr\n"
	"unit movb $0x40, %al; cpuid\n"
	"unit movl $20, %eax; vmcall\n"	// VMX_VMCALL_POWEROFF
	"unit ud2\n"
	"unit movw $0xb800, %bx; movw %bx, %es; movw %ax, %es:0x5000\n"
	"unit hlt\n"
	"unit movl %cr0, %eax; xorl $0x60000000, %eax; movl %eax, %cr0\n"
	"unit vmcall\n"
	"unit int $0x20\n"
	"unit insb\n"
	"unit lidt 0x8800; int3\n"		// zeros: a triple fault
	"units_end:\n"
	".code64\n"
	".popsection");
extern const char units[], units_end[];

// A page of code at VA: the above in any order, random bytes, or both.
static void random_code(void)
{
	const int n = (units_end - units) / 16;
	uint64_t *page = (void *)VA;

	for (int i = 0; i < 512; i++)
		page[i] = rnd();
	if (once(3))
		return;
	for (int i = 0; i < PGSIZE / 16; i++)	// the first ones more often
		memcpy((char *)VA + 16 * i,
		       units + rnd() % (once(2) ? 5 : n) * 16, 16);
	if (once(3))
		((uint8_t *)page)[rnd() % 64] = rnd();
}

static struct vm_segment segment(uint32_t rights, uint32_t limit, int wild)
{
	return (struct vm_segment){
		.limit = wild && once(wild) ? odd() : limit,
		.rights = wild && once(wild) ? odd() : rights, .selector = 8,
		.base = wild && once(2 * wild) ? odd() : 0,
	};
}

// Page tables that map the first memory onto itself, for each kind of paging;
// in real mode exceptions begin the code anew.
static void write_tables(envid_t guest)
{
	uint32_t ivt[32];

	static const struct { uint64_t at, entry; } tables[] = {
		{ TABLES, PTE_PS | 7 }, { TABLE_PAE, TABLES | 1 },
		{ TABLE_LONG, TABLE_LONG + PGSIZE + 7 },
		{ TABLE_LONG + PGSIZE, TABLES | 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		sys_vm_memory(guest, tables[i].at, (void *)&tables[i].entry,
			      8, true);
	for (size_t i = 0; i < ARRAY_SIZE(ivt); i++)
		ivt[i] = GUEST_BOOT + rnd() % 64 * 16;
	sys_vm_memory(guest, 0, ivt, sizeof(ivt), true);
}

// A mode that a processor can be in; one segment in so many is strange.
static void set_mode(struct vm_regs *r, enum mode mode, int wild)
{
	static const uint64_t cr3[] = {
		[PAGED] = TABLES, [PAE] = TABLE_PAE, [LONG] = TABLE_LONG,
	};

	if (mode == REAL)
		return;
	r->cr0 = CR0_PE | CR0_ET | (mode >= PAGED ? CR0_PG : 0);
	r->cr4 = mode >= PAE ? CR4_PAE : CR4_PSE;
	r->efer = mode == LONG ? EFER_LME | EFER_LMA : 0;
	r->cr3 = cr3[mode];
	for (int i = 0; i < VM_NSEGS; i++)
		r->seg[i] = segment(0xc093, -1u, wild);
	r->seg[VM_CS] = segment(mode == LONG ? 0xa09b : 0xc09b, -1u, wild);
	r->seg[VM_TR] = segment(0x8b, 0x67, wild);
	r->seg[VM_LDTR] = segment(0x10000, 0, wild);
}

static void random_regs(envid_t guest)
{
	static struct vm_regs r;
	uint64_t *p = (void *)&r;

	r.rip = 0;			// the page is ours to write
	if (sys_vm_regs(guest, &r, false) < 0)
		return;
	if (once(2))
		set_mode(&r, rnd() % NMODES, once(8) ? 8 : 0);
	if (once(2))
		r.rip = GUEST_BOOT + rnd() % 256 * 16;
	for (int n = once(8) ? rnd() % 4 : 0; n > 0; n--)
		p[rnd() % (sizeof(r) / 8)] = odd();
	for (int i = 0; i < VM_NGPRS; i++)
		if (once(3))
			r.gpr[i] = odd();
	sys_vm_regs(guest, &r, true);
}

// Often for what the code above does.
static void random_asks(envid_t guest)
{
	static const struct { int kind; uint32_t first, last; } asks[] = {
		{ VM_ASK_PORT, 0xe9, 0xe9 }, { VM_ASK_PORT, 0x60, 0x64 },
		{ VM_ASK_MSR, 0x4567, 0x4567 }, { VM_ASK_CPUID, 0, -1u },
		{ VM_ASK_EXCEPTION, 0, 31 }, { VM_ASK_MEMORY, 0, 0 },
		{ VM_ASK_HLT, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
		if (!once(4))
			sys_vm_ask(guest, asks[i].kind, asks[i].first,
				   asks[i].last);
	for (int n = rnd() % VM_MAX_ASKS; n > 0; n--) {
		uint32_t first = once(4) ? odd() : rnd() % 32;

		sys_vm_ask(guest, rnd() % 8 + once(9) * odd(), first,
			   once(4) ? odd() : first + rnd() % 0x100);
	}
	// Else the kernel explains at length what it ends.
	if (!once(32))
		sys_vm_ask(guest, VM_ASK_REST, 0, 0);
}

static envid_t make_guest(volatile struct vm_exit *record)
{
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);

	if (guest < 0)
		panic("no guest: %e", guest);
	random_code();
	sys_ept_map(0, (void *)VA, guest, (void *)GUEST_BOOT,
		    once(8) ? rnd() % 8 : __EPTE_FULL);
	write_tables(guest);
	if (!once(32))
		sys_vm_record(guest, (struct vm_exit *)record);
	random_asks(guest);
	if (once(2))
		random_regs(guest);
	return guest;
}

// --------------------------------------------------------------
// Calls with nonsense; *guest is sometimes real.

static void random_call(envid_t real)
{
	envid_t guest = once(4) ? (envid_t)odd() : real;
	void *p = once(2) ? (void *)(VA + 64) : (void *)odd();

	switch (rnd() % 12) {
	case 0: sys_vm_ask(guest, odd(), odd(), odd()); break;
	case 1: sys_vm_next(guest, once(8) ? rnd() % 50 : 0); break;
	case 2: sys_vm_regs(guest, p, once(2)); break;
	case 3: sys_vm_memory(guest, odd(), p, once(2) ? odd() : rnd() % 16,
			      once(2)); break;
	case 4: sys_vm_interrupt(guest, once(2) ? odd() : rnd() % 256); break;
	case 5: sys_vm_stop(guest); break;
	case 6: sys_vm_cputs(guest, p, rnd() % 2); break;
	case 7: sys_vm_cgetc(guest); break;
	case 8: sys_ept_map(once(2) ? 0 : odd(), p, guest, (void *)odd(),
			    once(2) ? 7 : odd()); break;
	case 9: sys_env_mkguest(odd() | 1, odd()); break;
	case 10: sys_vmx_list_vms(p, rnd() % 40); break;
	case 11: sys_env_set_status(real, once(2) ? ENV_RUNNABLE :
				    ENV_NOT_RUNNABLE); break;
	}
}

static void scribble(volatile struct vm_exit *record)
{
	if (once(4))
		for (int i = 0; i < 64; i++)
			((volatile uint8_t *)record)[i] = rnd();
	record->vx_answer = once(16) ? VM_END : once(8) ? (uint32_t)odd() :
		once(3) ? rnd() % 3 : VM_RESUME;
	record->vx_vector = once(4) ? odd() : rnd() % 32;
	record->vx_error = once(8) ? odd() : rnd() % 0x100;
}

static void note(const volatile struct vm_exit *record)
{
	seen[MIN(record->vx_reason, (uint32_t)VM_EXIT_NREASONS - 1)]++;
}

// Serves the guest for a while, badly.
static void serve(envid_t guest, volatile struct vm_exit *record)
{
	envid_t answered = 0;
	bool mapped = va_pte(record) & PTE_P;

	for (int turn = rnd() % TURNS; turn >= 0; turn--) {
		if (mapped && answered > 0)
			scribble(record);
		if (once(3))
			random_call(guest);
		answered = sys_vm_next(MAX(answered, 0), rnd() % 300);
		if (answered == -E_BAD_ENV)
			return;		// it has ended
		if (answered < 0 && once(3))
			sys_vm_stop(guest);
		if (answered > 0 && mapped)
			note(record);
		if (answered > 0 && once(2))
			random_regs(guest);
	}
}

// --------------------------------------------------------------
// Rounds

// Another program's attempts at our guest; all must fail.
static void wrong_owner(envid_t guest)
{
	static struct vm_regs r;
	envid_t child = fork();

	if (child < 0)
		return;
	if (child > 0) {
		if (wait(child) != 0)
			panic("another could change our guest");
		return;
	}
	sys_exit(sys_vm_regs(guest, &r, false) != -E_BAD_ENV ||
		 sys_vm_memory(guest, 0, (void *)VA, 1, 1) != -E_BAD_ENV ||
		 sys_vm_stop(guest) != -E_BAD_ENV ||
		 sys_vm_interrupt(guest, 3) != -E_BAD_ENV ||
		 sys_vm_record(guest, (void *)RECORD) != -E_BAD_ENV ||
		 sys_vm_ask(guest, VM_ASK_HLT, 0, 0) != -E_BAD_ENV ||
		 sys_vm_next(guest, 0) != -E_BAD_ENV ||
		 sys_ept_map(0, (void *)VA, guest, 0, 7) != -E_BAD_ENV);
}

static void one_guest(void)
{
	volatile struct vm_exit *record = (void *)RECORD;
	envid_t guest = make_guest(record);

	if (once(50))
		wrong_owner(guest);
	if (!once(16)) {
		sys_env_set_status(guest, ENV_RUNNABLE);
		serve(guest, record);
	}
	sys_env_destroy(guest);
	wait(guest);
	sys_page_unmap(0, (void *)RECORD);
}

// A VMM that is killed while its guest runs.
static void killed(void)
{
	envid_t child = fork();

	if (child < 0)
		panic("fork: %e", child);
	if (child == 0) {
		envid_t guest = make_guest((void *)RECORD);

		sys_env_set_status(guest, ENV_RUNNABLE);
		for (;;)
			serve(guest, (void *)RECORD);
	}
	for (int n = rnd() % 4; n >= 0; n--)
		sys_sleep(once(2));
	sys_env_destroy(child);
	wait(child);
}

// Random instructions in one mode, n times: whatever stops the guest, it goes
// on with other ones. Guests that end are followed by others; how many.
static envid_t stream_guest(enum mode mode, struct vm_regs *r)
{
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);

	if (guest < 0)
		panic("no guest: %e", guest);
	sys_vm_record(guest, (struct vm_exit *)RECORD);
	sys_vm_ask(guest, VM_ASK_EXCEPTION, 0, 31);
	sys_vm_ask(guest, VM_ASK_MEMORY, 0, 0);
	sys_vm_ask(guest, VM_ASK_HLT, 0, 0);
	sys_vm_ask(guest, VM_ASK_REST, 0, 0);
	write_tables(guest);
	r->rip = 0;			// the page is ours to write
	if (sys_vm_regs(guest, r, false) < 0)
		panic("registers of a new guest");
	set_mode(r, mode, 0);
	return guest;
}

// Until something stops it, for a while; false: it is for good.
static bool stream_once(envid_t guest, struct vm_regs *r)
{
	static uint64_t code[16];
	volatile struct vm_exit *record = (void *)RECORD;
	envid_t got;

	for (size_t i = 0; i < ARRAY_SIZE(code); i++)
		code[i] = rnd();
	for (int i = 0; i < VM_NGPRS; i++)
		r->gpr[i] = odd();
	r->gpr[VM_RSP] = 0x9000;
	r->rip = GUEST_BOOT + rnd() % 64;
	r->rflags = 2;
	if (sys_vm_memory(guest, GUEST_BOOT, code, sizeof(code), true) < 0 ||
	    sys_vm_regs(guest, r, true) < 0)
		return false;
	record->vx_answer = VM_RETRY;
	sys_env_set_status(guest, ENV_RUNNABLE);
	got = sys_vm_next(record->vx_reason ? guest : 0, 200);
	if (got == -E_EOF && sys_vm_stop(guest) == 0)
		got = sys_vm_next(0, 20000);
	if (got == guest)
		note(record);
	return got == guest;
}

static int streams(enum mode mode, uint64_t n)
{
	static struct vm_regs r;
	envid_t guest = 0;
	int guests = 0;

	while (n-- > 0) {
		if (!guest) {
			guest = stream_guest(mode, &r);
			guests++;
		}
		if (!stream_once(guest, &r)) {
			sys_env_destroy(guest);
			wait(guest);
			guest = 0;
		}
	}
	sys_env_destroy(guest);
	wait(guest);
	sys_page_unmap(0, (void *)RECORD);
	return guests;
}

// --------------------------------------------------------------
// INS and OUTS on all ports

// In real mode, with #GP, which we answer with, going on behind it.
__asm__(".pushsection .rodata\n"
	".macro string insn:vararg\n\t"
	"movw $0x8000, %si\n\t"
	"movw %si, %di\n\t"
	"movw $(9f - strings + 0x7000), %bx\n\t"
	"\\insn\n"
	"9:\n"
	".endm\n"
	".code16\n"
	"strings: movw $(gp - strings + 0x7000), 4 * 13\n"
	"1:\tstring insb\n"
	"string insw\n"
	"string insl\n"
	"string outsb\n"
	"string outsw\n"
	"string rep outsl\n\t"
	"addw 0x7800, %dx\n\t"
	"jnc 1b\n"
	"2:\thlt\n\t"
	"jmp 2b\n"
	"gp:\tpushw %bp\n\t"
	"movw %sp, %bp\n\t"
	"movw %bx, 2(%bp)\n\t"
	"popw %bp\n\t"
	"iretw\n"
	"strings_end:\n"
	".code64\n"
	".popsection");
extern const char strings[], strings_end[];

// Each step-th port, six ways; how many reached us.
static int string_ports(uint16_t step)
{
	volatile struct vm_exit *record = (void *)RECORD;
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT), got;
	int n = 0;

	if (guest < 0)
		panic("no guest: %e", guest);
	sys_vm_memory(guest, GUEST_BOOT, (void *)strings,
		      strings_end - strings, true);
	sys_vm_memory(guest, 0x7800, &step, sizeof(step), true);
	sys_vm_record(guest, (struct vm_exit *)RECORD);
	sys_vm_ask(guest, VM_ASK_REST, 0, 0);
	sys_vm_ask(guest, VM_ASK_HLT, 0, 0);
	sys_env_set_status(guest, ENV_RUNNABLE);
	got = sys_vm_next(0, VM_FOREVER);
	while (got > 0 && record->vx_reason == VM_EXIT_UNHANDLED) {
		n++;
		record->vx_answer = VM_FAULT;
		record->vx_vector = T_GPFLT;
		record->vx_error = 0;
		got = sys_vm_next(guest, VM_FOREVER);
	}
	if (got < 0 || record->vx_reason != VM_EXIT_HLT)
		panic("string ports: %d, reason %u", got, record->vx_reason);
	if (n != 6 * ((0x10000 + step - 1) / step))
		panic("%d accesses to ports by strings", n);
	sys_env_destroy(guest);
	wait(guest);
	sys_page_unmap(0, (void *)RECORD);
	return n;
}

// --------------------------------------------------------------
// All

static void at_once(void)
{
	static envid_t guests[AT_ONCE];

	for (int i = 0; i < AT_ONCE; i++) {
		guests[i] = make_guest((void *)(RECORD +
						(uintptr_t)i * PGSIZE));
		sys_env_set_status(guests[i], ENV_RUNNABLE);
	}
	// Our turn comes after all of theirs when we wait: seldom.
	for (int i = 0; i < AT_ONCE; i++) {
		int g = rnd() % AT_ONCE;

		if (once(100) && sys_vm_next(0, rnd() % 100) == -E_BAD_ENV)
			break;
		random_call(guests[g]);
		if (once(8))
			sys_env_destroy(guests[g]);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		sys_env_destroy(guests[i]);
		wait(guests[i]);
		sys_page_unmap(0, (void *)(RECORD + (uintptr_t)i * PGSIZE));
	}
}

// Whoever else ends meanwhile gets a moment to.
static void pages_are_back(uint64_t before, const char *when)
{
	for (int i = 0; i < 20 && sysinfo.si_free_pages != before; i++)
		sys_sleep(1);
	if (sysinfo.si_free_pages != before)
		panic("%s loses %ld pages", when,
		      before - sysinfo.si_free_pages);
}

static void warm_up(void)
{
	sys_page_alloc(0, (void *)VA, PERM);
	for (int i = 0; i < AT_ONCE; i++) {
		sys_page_alloc(0, (void *)(RECORD + (uintptr_t)i * PGSIZE),
			       PERM);
		sys_page_unmap(0, (void *)(RECORD + (uintptr_t)i * PGSIZE));
	}
	killed();
	one_guest();
	wrong_owner(0);
}

static void summary(uint64_t seed, int count)
{
	static const char *const names[] = {
		"none", "port", "msr", "cpuid", "exception", "memory", "hlt",
		"stopped", "poweroff", "shutdown", "unhandled",
	};

	printf("records:");
	for (size_t i = 1; i < ARRAY_SIZE(names); i++)
		printf(" %s=%lu", names[i], seen[i]);
	printf("\nfuzzvm seed=%lu: %d guests, %d at once, all pages are "
	       "back\n", seed, count, AT_ONCE);
}

void umain(int argc, char **argv)
{
	static const char *const modes[] = {
		"real", "protected", "paged", "PAE", "long",
	};
	uint64_t seed = argc > 1 ? strtol(argv[1], NULL, 10) : 1, before;
	int count = argc > 2 ? strtol(argv[2], NULL, 10) : 100;

	state = seed * 2654435761 + 88172645463325252;
	warm_up();
	before = sysinfo.si_free_pages;
	for (int mode = 0; mode < NMODES; mode++)
		printf("%s mode: %d instruction streams in %d guests\n",
		       modes[mode], count * 10, streams(mode, count * 10));
	printf("%d accesses to ports by strings\n",
	       string_ports(MAX(1, 4000 / count)));
	pages_are_back(before, "random code");
	for (int i = 0; i < count; i++) {
		if (once(8))
			killed();
		else
			one_guest();
		pages_are_back(before, "a guest");
	}
	at_once();
	pages_are_back(before, "many guests at once");
	summary(seed, count);
}
