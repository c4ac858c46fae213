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
};

static uint64_t state;
static int endings[VM_EXIT_NREASONS + 1];	// by the last record's reason

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

// In real mode: one exit of each kind, and again.
__asm__(".pushsection .rodata\n"
	".code16\n"
	"loop_code:\n"
	"1:\toutb %al, $0xe9\n\t"
	"inl $0x60, %eax\n\t"
	"movl $0x4567, %ecx\n\t"
	"rdmsr\n\t"
	"wrmsr\n\t"
	"cpuid\n\t"
	"ud2\n\t"
	"movw %ax, %es:0x5000\n\t"
	"hlt\n\t"
	"movl %cr0, %eax\n\t"
	"xorl $0x60000000, %eax\n\t"
	"movl %eax, %cr0\n\t"
	"vmcall\n\t"
	"int $0x20\n\t"
	"jmp 1b\n"
	"loop_code_end:\n"
	".code64\n"
	".popsection");
extern const char loop_code[], loop_code_end[];

// A page of code at VA: the above, random bytes, or both.
static void random_code(void)
{
	uint64_t *page = (void *)VA;

	for (int i = 0; i < 512; i++)
		page[i] = rnd();
	if (!once(3))
		memcpy(page, loop_code, loop_code_end - loop_code);
	if (once(3))
		((uint8_t *)page)[rnd() % 64] = rnd();
}

static struct vm_segment segment(uint32_t rights)
{
	return (struct vm_segment){
		.limit = once(8) ? odd() : 0xffffffff,
		.rights = once(8) ? odd() : rights, .selector = 8,
		.base = once(16) ? odd() : 0,
	};
}

// A mode that a processor can be in: protected, paged (two levels, PAE),
// long; the tables are what the code page holds.
static void random_mode(struct vm_regs *r)
{
	int mode = rnd() % 5;

	if (mode == 0)
		return;			// real
	r->cr0 = CR0_PE | CR0_ET | (mode > 1 ? CR0_PG : 0);
	r->cr4 = mode > 2 ? CR4_PAE : CR4_PSE;
	r->efer = mode == 4 ? EFER_LME | EFER_LMA : 0;
	r->cr3 = once(4) ? odd() : GUEST_BOOT;
	for (int i = 0; i < VM_NSEGS; i++)
		r->seg[i] = segment(0xc093);
	r->seg[VM_CS] = segment(mode == 4 ? 0xa09b : 0xc09b);
	r->seg[VM_TR] = segment(0x8b);
	r->seg[VM_LDTR] = segment(0x10000);
}

static void random_regs(envid_t guest)
{
	static struct vm_regs r;
	uint64_t *p = (void *)&r;

	if (sys_vm_regs(guest, &r, false) < 0)
		return;
	if (!once(3))
		random_mode(&r);
	for (int n = rnd() % 4; n > 0; n--)
		p[rnd() % (sizeof(r) / 8)] = odd();
	for (int i = 0; i < VM_NGPRS; i++)
		if (once(3))
			r.gpr[i] = odd();
	sys_vm_regs(guest, &r, true);
}

static void random_asks(envid_t guest)
{
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
		rnd() % 3;
	record->vx_vector = once(4) ? odd() : rnd() % 32;
	record->vx_error = once(8) ? odd() : rnd() % 0x100;
}

// Serves the guest for a while, badly; returns the last record's reason.
static uint32_t serve(envid_t guest, volatile struct vm_exit *record)
{
	envid_t answered = 0;
	uint32_t reason = VM_EXIT_NONE;
	bool mapped = va_pte(record) & PTE_P;

	for (int turn = rnd() % TURNS; turn >= 0; turn--) {
		if (mapped && answered > 0)
			scribble(record);
		if (once(3))
			random_call(guest);
		answered = sys_vm_next(MAX(answered, 0), rnd() % 300);
		if (answered == -E_BAD_ENV)
			return VM_EXIT_NREASONS;	// it has ended
		if (answered < 0 && once(3))
			sys_vm_stop(guest);
		if (answered > 0 && mapped)
			reason = record->vx_reason;
		if (answered > 0 && once(4))
			random_regs(guest);
	}
	return MIN(reason, (uint32_t)VM_EXIT_NREASONS - 1);
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
	uint32_t reason = VM_EXIT_NONE;

	if (once(50))
		wrong_owner(guest);
	if (!once(16)) {
		sys_env_set_status(guest, ENV_RUNNABLE);
		reason = serve(guest, record);
	}
	endings[reason]++;
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

static void at_once(void)
{
	static envid_t guests[AT_ONCE];

	for (int i = 0; i < AT_ONCE; i++) {
		guests[i] = make_guest((void *)(RECORD + (uintptr_t)i * PGSIZE));
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

void umain(int argc, char **argv)
{
	static const char *const names[] = {
		"none", "port", "msr", "cpuid", "exception", "memory", "hlt",
		"stopped", "poweroff", "shutdown", "unhandled", "gone",
	};
	uint64_t seed = argc > 1 ? strtol(argv[1], NULL, 10) : 1, before;
	int count = argc > 2 ? strtol(argv[2], NULL, 10) : 100;

	state = seed * 2654435761 + 88172645463325252;
	warm_up();
	before = sysinfo.si_free_pages;
	for (int i = 0; i < count; i++) {
		if (once(8))
			killed();
		else
			one_guest();
		pages_are_back(before, "a guest");
	}
	at_once();
	pages_are_back(before, "many guests at once");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		printf("%s=%d ", names[i], endings[i]);
	printf("\nfuzzvm seed=%lu: %d guests, all pages are back\n", seed,
	       count + AT_ONCE);
}
