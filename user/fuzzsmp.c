// What several processors make worse: fuzzsmp [SEED [COUNT]]. COUNT times a
// guest, its VMM, or both from two processors at once are killed, or the VMM
// ends by itself, while the guest runs elsewhere. Then, a tenth as often, a
// page that two running guests share is taken from them, and another program
// gets it: neither may read or write it any more. All pages must be back.

#include <inc/fs.h>
#include <inc/lib.h>
#include <inc/x86.h>

enum {
	COMMON = 0x20000000,		// struct common, shared by all of us
	RECORD = 0x20001000, VA = 0x20002000,
	REPORTS = 0x20010000,		// of the guests that share a page
	LOOT = 0x20100000, NLOOT = 64,	// pages that the thief takes
	PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC,
	NVMMS = 3,			// at a time
	NRIVALS = 3,			// guests that make the sharers move
	// Guest-physical:
	SHARED = 0x9000, REPORT = 0xa000, REQUEST = 0xb000,
	SECRET = 0x5ec2e75e, PLAIN = 0x11111111,
};

struct common {
	envid_t guests[NVMMS];		// as their VMMs have started them
	uint32_t go;			// counts the partner's shots
};
static volatile struct common *const common = (void *)COMMON;

static uint64_t state;
static envid_t partner;			// kills when we do
static int kills, elsewhere, moves;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void is(const char *what, int64_t got, int64_t want)
{
	if (got != want)
		panic("%s: %lx, not %lx", what, got, want);
}

// --------------------------------------------------------------
// Guests, in real mode

__asm__(".pushsection .rodata\n"
	".code16\n"
	"spin: jmp spin\n"
	".org spin + 64\n"
	"exits: movl $4, %eax\n\t"	// VMX_VMCALL_LAPICEOI
	"vmcall\n\t"
	"jmp exits\n"
	".org exits + 64\n"
	"records: outb %al, $0xe9\n\t"
	"jmp records\n"
	".org records + 64\n"
	// A page after the other, and then to the hole for ever.
	"faults: movw %ax, %ds\n\t"
	"movw %ax, 0\n\t"
	"addw $0x100, %ax\n\t"
	"jmp faults\n"
	".org faults + 64\n"
	// Looks at the shared page, reports, writes to it; when told to, opens
	// its disk: the answer's page takes the shared one's place.
	"sharer: movl 0x9000, %eax\n\t"
	"movl %eax, 0xa000\n\t"
	"cmpl $0x5ec2e75e, %eax\n\t"	// SECRET
	"jne 1f\n\t"
	"incl 0xa008\n"
	"1:\tincl 0x9008\n\t"
	"incl 0xa004\n\t"
	"cmpl $0, 0xa00c\n\t"
	"je sharer\n\t"
	"movl $2, %eax\n\t"		// IPCSEND of FSREQ_OPEN
	"movl $1, %ebx\n\t"
	"movl $1, %ecx\n\t"
	"movl $0xb000, %edx\n\t"
	"movl $7, %esi\n\t"
	"vmcall\n\t"
	"movl $3, %eax\n\t"		// IPCRECV
	"movl $0x9000, %ebx\n\t"
	"vmcall\n\t"
	"movl %esi, 0xa010\n\t"
	"movl $0, 0xa00c\n\t"
	"jmp sharer\n"
	"sharer_end:\n"
	".code64\n"
	".popsection");
extern const char spin[], exits[], records[], faults[], sharer[];

struct report {				// a sharer's
	uint32_t last, turns;		// what it read last, and how often
	uint32_t secrets;		// how often that was SECRET
	uint32_t open;			// we: do open; it: done
	int32_t opened;			// the answer
};

static envid_t make_guest(const char *code, size_t n)
{
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);

	if (guest < 0)
		panic("no guest: %e", guest);
	is("code", sys_vm_memory(guest, GUEST_BOOT, (void *)code, n, true), 0);
	return guest;
}

static bool runs_elsewhere(envid_t guest)
{
	const volatile struct Env *e = &envs[ENVX(guest)];

	return guest && e->env_id == guest && e->env_status == ENV_RUNNING &&
		e->env_cpunum != thisenv->env_cpunum;
}

// --------------------------------------------------------------
// Killing

static void vmm(int slot)
{
	static const char *const codes[] = { spin, exits, records, faults };
	envid_t guest = make_guest(codes[rnd() % ARRAY_SIZE(codes)], 64);
	int turns = rnd() % 2 ? -1 : (int)(rnd() % 2000);
	envid_t r = 0;

	is("record", sys_vm_record(guest, (void *)RECORD), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_PORT, 0xe9, 0xe9), 0);
	is("ask", sys_vm_ask(guest, VM_ASK_MEMORY, 0, 0), 0);
	is("start", sys_env_set_status(guest, ENV_RUNNABLE), 0);
	common->guests[slot] = guest;
	while (turns-- && r != -E_BAD_ENV)
		r = sys_vm_next(MAX(r, 0), 1000);
	sys_exit(0);			// with or without its guest
}

static envid_t start_vmm(int slot)
{
	envid_t id;

	common->guests[slot] = 0;
	rnd();
	if ((id = fork()) == 0)
		vmm(slot);
	if (id < 0)
		panic("fork: %e", id);
	return id;
}

// The second finger: kills whom we say, at the moment that we do.
static void partner_loop(void)
{
	for (uint32_t shots = 1;; shots++) {
		envid_t target = ipc_recv(NULL, (void *)UTOP, NULL);

		while (common->go != shots)
			pause();
		sys_env_destroy(target);
	}
}

static void kill_both(envid_t a, envid_t b)
{
	ipc_send(partner, a, NULL, 0);
	for (int n = rnd() % 1000; n > 0; n--)
		pause();
	common->go++;
	sys_env_destroy(b);
}

static void attack(envid_t id, envid_t guest)
{
	switch (rnd() % 6) {
	case 0:
		sys_env_destroy(guest);
		break;
	case 1:
		sys_env_destroy(id);
		break;
	case 2:
		kill_both(guest, id);
		break;
	case 3:
		kill_both(id, guest);
		break;
	case 4:
		kill_both(guest, guest);
		break;
	}				// 5: it may end by itself
}

static void kill_one(envid_t *vmms)
{
	int slot = rnd() % NVMMS;
	envid_t id = vmms[slot], guest;

	if (!id)
		vmms[slot] = id = start_vmm(slot);
	// Until its guest is on another processor; it may be over, too.
	for (int i = 0; i < 40 && !runs_elsewhere(common->guests[slot]); i++)
		sys_sleep(i / 20);
	guest = common->guests[slot];
	if (!guest)
		return;			// its VMM had no time yet
	for (int n = rnd() % 20000; n > 0; n--)
		pause();
	elsewhere += runs_elsewhere(guest);
	kills++;
	attack(id, guest);
	if (rnd() % 4 == 0)
		return;			// another look at what is left
	sys_env_destroy(id);
	wait(id);
	wait(guest);
	vmms[slot] = 0;
}

static void kill_many(int count)
{
	envid_t vmms[NVMMS] = { 0 };

	common->go = 0;
	if ((partner = fork()) == 0)
		partner_loop();
	while (count-- > 0)
		kill_one(vmms);
	for (int i = 0; i < NVMMS; i++) {
		if (!vmms[i])
			continue;
		sys_env_destroy(vmms[i]);
		wait(vmms[i]);
		if (common->guests[i])
			wait(common->guests[i]);
	}
	sys_env_destroy(partner);
	wait(partner);
}

// --------------------------------------------------------------
// A page that two guests share

static volatile struct report *report(int i)
{
	return (void *)(REPORTS + (uintptr_t)i * PGSIZE);
}

static envid_t make_sharer(int i)
{
	envid_t guest = make_guest(sharer, 256);
	static struct Fsreq_open open;

	is("report", sys_page_alloc(0, (void *)report(i), PERM), 0);
	is("map", sys_ept_map(0, (void *)report(i), guest, (void *)REPORT,
			      __EPTE_FULL), 0);
	is("map", sys_ept_map(0, (void *)VA, guest, (void *)SHARED,
			      __EPTE_FULL), 0);
	snprintf(open.req_path, sizeof(open.req_path), "/vmm/fs%d.img",
		 sys_vmx_get_vmdisk_number());
	open.req_omode = O_RDWR;
	is("request", sys_vm_memory(guest, REQUEST, &open, sizeof(open),
				    true), 0);
	is("start", sys_env_set_status(guest, ENV_RUNNABLE), 0);
	return guest;
}

// Lets the guest take that many more turns; the processors that it had run on
// last, as we saw it.
static uint32_t turns(envid_t guest, int i, uint32_t n)
{
	uint32_t start = report(i)->turns, seen = 0;

	while (report(i)->turns - start < n) {
		seen |= 1 << envs[ENVX(guest)].env_cpunum;
		if (rnd() % 64 == 0)
			sys_sleep(1);
		if (envs[ENVX(guest)].env_id != guest ||
		    envs[ENVX(guest)].env_status == ENV_FREE)
			panic("guest %d has ended", i);
	}
	return seen;
}

static uint32_t flushes(envid_t guest)
{
	static struct vm_info vms[16];
	int n = sys_vmx_list_vms(vms, ARRAY_SIZE(vms));

	for (int i = 0; i < n; i++)
		if (vms[i].vi_env == guest)
			return vms[i].vi_flushes;
	panic("guest %08x is not listed", guest);
}

static uint32_t bits(uint32_t set)
{
	uint32_t n = 0;

	for (; set; set &= set - 1)
		n++;
	return n;
}

// Another program, that gets the page once it is free, and has a secret.
// Ends with 0: it had that page, and nobody wrote to it. 1: somebody did.
static void thief(void)
{
	physaddr_t pa = ipc_recv(NULL, (void *)UTOP, NULL);
	uint32_t *page = NULL;

	for (int tries = 0; !page && tries < 1000; tries++) {
		for (int i = 0; i < NLOOT; i++) {
			void *va = (void *)(LOOT + (uintptr_t)i * PGSIZE);

			is("thief", sys_page_alloc(0, va, PERM), 0);
			if (PTE_ADDR(va_pte(va)) == pa)
				page = va;
		}
		sys_yield();
	}
	if (!page)
		sys_exit(2);
	for (size_t i = 0; i < PGSIZE / 4; i++)
		page[i] = SECRET;
	sys_sleep(20);
	for (size_t i = 0; i < PGSIZE / 4; i++)
		if (((volatile uint32_t *)page)[i] != SECRET)
			sys_exit(1);
	sys_exit(0);
}

static envid_t start_thief(void)
{
	envid_t id = fork();

	if (id == 0)
		thief();
	if (id < 0)
		panic("fork: %e", id);
	while (!envs[ENVX(id)].env_ipc_recving)
		sys_yield();
	return id;
}

// The file server's page takes the shared one's place in guest 0, which goes
// on: translations must be forgotten on each processor that runs it.
static uint32_t replace(envid_t guest)
{
	report(0)->open = 1;
	while (report(0)->open)
		sys_yield();
	is("open", report(0)->opened, 0);
	return turns(guest, 0, 1000);
}

static void share_page(bool replaced)
{
	envid_t guests[2], id = start_thief();
	uint32_t before, seen = 0;
	physaddr_t pa;

	is("page", sys_page_alloc(0, (void *)VA, PERM), 0);
	*(volatile uint32_t *)VA = PLAIN;
	pa = PTE_ADDR(va_pte((void *)VA));
	for (int i = 0; i < 2; i++)
		guests[i] = make_sharer(i);
	for (int i = 0; i < 2; i++)
		turns(guests[i], i, 1000);
	is("shared by", pageref((void *)VA), 3);
	sys_page_unmap(0, (void *)VA);	// theirs it is still
	for (int i = 0; i < 2; i++) {
		turns(guests[i], i, 1000);
		is("read", report(i)->last, PLAIN);
	}
	is("shared by", pages[PGNUM(pa)].pp_ref, 2);
	before = flushes(guests[0]);
	if (replaced)
		seen = replace(guests[0]);
	// Guests that run give it back now, not before.
	sys_env_destroy(guests[1]);
	if (!replaced)
		sys_env_destroy(guests[0]);
	ipc_send(id, pa, NULL, 0);
	if (replaced)
		seen |= turns(guests[0], 0, 20000);
	is("thief's page is written to", wait(id), 0);
	if (replaced) {
		uint32_t n = flushes(guests[0]) - before;

		if (n < bits(seen))
			panic("%u flushes on processors %x", n, seen);
		moves += bits(seen);
		sys_env_destroy(guests[0]);
	}
	for (int i = 0; i < 2; i++) {
		wait(guests[i]);
		is("secrets", report(i)->secrets, 0);
		sys_page_unmap(0, (void *)report(i));
	}
}

static void share_many(int count)
{
	envid_t rivals[NRIVALS];

	for (int i = 0; i < NRIVALS; i++) {
		rivals[i] = make_guest(spin, 64);
		sys_env_set_status(rivals[i], ENV_RUNNABLE);
	}
	while (count-- > 0)
		share_page(count % 2);
	for (int i = 0; i < NRIVALS; i++) {
		sys_env_destroy(rivals[i]);
		wait(rivals[i]);
	}
}

// --------------------------------------------------------------

static int make_disk(void)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/vmm/fs%d.img",
		 sys_vmx_incr_vmdisk_number());
	if ((fd = open(path, O_RDWR | O_CREAT | O_TEMP)) < 0)
		panic("%s: %e", path, fd);
	return fd;
}

static void pages_are_back(uint64_t before, const char *when)
{
	sync();
	for (int i = 0; i < 20 && sysinfo.si_free_pages != before; i++)
		sys_sleep(1);
	if (sysinfo.si_free_pages != before)
		panic("%s loses %ld pages", when,
		      before - sysinfo.si_free_pages);
}

void umain(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtol(argv[1], NULL, 10) : 1, before;
	int count = argc > 2 ? strtol(argv[2], NULL, 10) : 100;
	int shares = MAX(count / 10, 2);

	state = seed * 2654435761 + 88172645463325252;
	is("page", sys_page_alloc(0, (void *)COMMON, PERM | PTE_SHARE), 0);
	make_disk();
	kill_many(1);			// what stays: copies of our pages
	share_many(2);
	kills = elsewhere = moves = 0;
	sync();
	before = sysinfo.si_free_pages;
	kill_many(count);
	pages_are_back(before, "killing");
	share_many(shares);
	pages_are_back(before, "sharing");
	printf("fuzzsmp seed=%lu: %d killed, %d of them while the guest ran "
	       "elsewhere, %d pages shared and taken, %d flushes needed, "
	       "all pages are back\n", seed, kills, elsewhere, shares, moves);
}
