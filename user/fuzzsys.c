// Random system calls: fuzzsys [SEED [COUNT]] has children make COUNT of them
// with random arguments and others at the edges of everything. A child that
// dies is followed by another, with the next seed. Also clients of the file
// server that never receive, end in the middle, and change what they have
// asked for. In the end all pages are back.

#include <inc/fs.h>
#include <inc/lib.h>
#include <inc/x86.h>

enum {
	NCHILDREN = 4,			// at a time
	CALLS = 500,			// for each, if it lives
	COUNTER = 0x2f000000,		// shared by all
	VA = 0x30000000, RDONLY = VA + PGSIZE, NOPAGE = RDONLY + PGSIZE,
	PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC,
	PATIENCE_MS = 2000,		// for a child that waits for good
};

#define calls (*(volatile uint64_t *)COUNTER)
static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int64_t call(const uint64_t *a)
{
	int64_t ret;

	__asm__ volatile("int %1" : "=a"(ret)
			 : "i"(T_SYSCALL), "a"(a[0]), "d"(a[1]), "c"(a[2]),
			   "b"(a[3]), "D"(a[4]), "S"(a[5]) : "memory", "cc");
	return ret;
}

// --------------------------------------------------------------
// Arguments

// An address at an edge: of pages of each kind, of the address space.
static uint64_t address(void)
{
	static const uint64_t base[] = {
		0, UTEMP, UTEXT, VA, RDONLY, NOPAGE, USTACKTOP, UXSTACKTOP,
		UTOP, UENVS, UPAGES, UVPT, ULIM, 1ul << 47, KERNBASE,
		KERNBASE + EXTPHYSMEM, -PGSIZE, 0,
	};
	uint64_t a = base[rnd() % ARRAY_SIZE(base)];

	switch (rnd() % 4) {
	case 0:
		return a;
	case 1:
		return a + rnd() % 33 - 16;
	case 2:
		return a + (rnd() % 9 - 4) * PGSIZE;
	}
	return a + rnd() % PGSIZE;
}

// The file server and the first program are among them.
static uint64_t environment(void)
{
	switch (rnd() % 4) {
	case 0:
		return 0;
	case 1:
		return envs[rnd() % 32].env_id;
	case 2:
		return thisenv->env_id;
	}
	return rnd();
}

static uint64_t argument(void)
{
	switch (rnd() % 5) {
	case 0:
		return address();
	case 1:
		return environment();
	case 2:
		return rnd() % 16;
	case 3:
		return 1ul << rnd() % 64;
	}
	return rnd();
}

// Is that a child of the same parent or its own, which it may end?
static bool expendable(envid_t id)
{
	envid_t parent = envs[ENVX(id)].env_parent_id;

	return id > 0 && (parent == thisenv->env_id ||
			  parent == thisenv->env_parent_id);
}

// Would it take from us what we run on? That is rare, by choice.
static bool suicide(uint64_t nr, uint64_t va)
{
	bool ours = va >= VA && va < NOPAGE + 16 * PGSIZE;

	if (nr == SYS_env_set_trapframe || nr == SYS_env_set_pgfault_upcall)
		ours = false;
	else if (nr != SYS_page_alloc && nr != SYS_page_map &&
		 nr != SYS_page_unmap && nr != SYS_vm_record)
		return false;
	return !ours && rnd() % 128;
}

// What would end the machine, stop the console or wait for good is not
// called, or with other arguments.
static bool harmless(uint64_t *a)
{
	switch (a[0]) {
	case SYS_poweroff: case SYS_cgetc: case SYS_vmx_sel_resume:
	case SYS_ipc_recv: case SYS_exit:
		return rnd() % 64 == 0 && a[0] == SYS_exit;
	case SYS_cputs:
		a[2] = rnd() % 2 ? -rnd() % 64 : 0;
		return a[2] == 0 || a[1] + a[2] < a[1];
	case SYS_env_destroy:
		return expendable(a[1]);
	case SYS_env_wait: case SYS_ipc_send: case SYS_ipc_call:
	case SYS_page_wait:
		return rnd() % 16 == 0;
	case SYS_env_set_status:
		return a[1] != 0 && a[1] != (uint64_t)thisenv->env_id;
	case SYS_sleep:
		a[1] %= 3;
		break;
	case SYS_exofork:
		return rnd() % 8 == 0;
	case SYS_env_mkguest:		// says so where there are none
		return rnd() % 256 == 0;
	case SYS_vm_next:
		a[2] %= 100;
		break;
	}
	return true;
}

static void random_call(void)
{
	uint64_t a[6] = { rnd() % 8 ? rnd() % NSYSCALLS : argument() };

	for (int i = 1; i < 6; i++)
		a[i] = argument();
	if (rnd() % 2)
		a[1] = environment();
	if (rnd() % 3 == 0)
		a[3] = a[5] = PTE_P | PTE_U | (rnd() % 2 ? PTE_W : 0);
	if (rnd() % 3 == 0)
		a[2] = ROUNDDOWN(a[2], PGSIZE);
	if (a[0] == SYS_page_map && rnd() % 2)
		a[4] = VA + rnd() % 16 * PGSIZE;
	if (!harmless(a) || suicide(a[0], a[0] == SYS_page_map ? a[4] : a[2]))
		return;
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	// A child that we do not start, or that has nothing of its own.
	if (call(a) == 0 && a[0] == SYS_exofork)
		sys_exit(0);
}

// --------------------------------------------------------------
// Clients of the file server

static void random_request(union Fsipc *req)
{
	uint64_t *words = (void *)req;

	for (int i = rnd() % 8; i >= 0; i--)
		words[rnd() % 4] = argument();
	if (rnd() % 2) {
		strcpy(req->open.req_path, "/motd");
		req->open.req_omode = rnd() % 4;	// opens, creates not
	}
	for (int i = rnd() % 4; i > 0; i--)
		((char *)req)[rnd() % PGSIZE] = rnd();
}

// Requests that change nothing on the disk.
static int harmless_request(void)
{
	static const int requests[] = {
		FSREQ_OPEN, FSREQ_READ, FSREQ_STAT, FSREQ_FLUSH, 0, 99, -1,
	};

	return requests[rnd() % ARRAY_SIZE(requests)];
}

static void client(void)
{
	envid_t fs = ipc_find_env(ENV_TYPE_FS);
	union Fsipc *req = (void *)VA;

	for (int i = rnd() % 20; i >= 0; i--) {
		int request = harmless_request();
		uint64_t page = rnd() % 8 ? VA : address();

		if (va_pte((void *)VA) & PTE_W)
			random_request(req);
		if (rnd() % 4 == 0)
			sys_ipc_try_send(fs, request, (void *)page, PERM);
		else if (rnd() % 4)
			sys_ipc_call(fs, request, (void *)page, PERM,
				     (void *)NOPAGE);
		else
			sys_ipc_send(fs, request, (void *)page, PERM);
		for (int k = rnd() % 64; k > 0; k--)
			if (va_pte((void *)VA) & PTE_W)
				((char *)req)[rnd() % PGSIZE] = rnd();
	}
	sys_exit(0);
}

// --------------------------------------------------------------

static void child(bool fs_client)
{
	sys_page_alloc(0, (void *)VA, PERM);
	sys_page_alloc(0, (void *)RDONLY, PTE_P | PTE_U | PTE_NOEXEC);
	if (fs_client)
		client();
	for (int i = 0; i < CALLS; i++)
		random_call();
	sys_exit(0);
}

static envid_t start(uint64_t seed)
{
	envid_t id;

	state = seed * 2654435761 + 88172645463325252;
	do
		id = fork();
	while (id == -E_BAD_ENV);	// a sibling ended it before it ran
	if (id == 0)
		child(seed % 8 == 0);
	if (id < 0)
		panic("fork: %e", id);
	return id;
}

// What our children have made and left: all that was not there at first.
static envid_t known[NENV];

static bool alive(int i)
{
	return envs[i].env_status != ENV_FREE;
}

static void remember(void)
{
	for (int i = 0; i < NENV; i++)
		known[i] = alive(i) ? envs[i].env_id : 0;
}

static void sweep(void)
{
	for (int i = 0; i < NENV; i++)
		if (alive(i) && envs[i].env_id != known[i])
			sys_env_destroy(envs[i].env_id);
}

static bool waits(envid_t id)
{
	enum EnvStatus status = envs[ENVX(id)].env_status;

	return status == ENV_BLOCKED || status == ENV_NOT_RUNNABLE;
}

// Waits until it ends, for so long, and ends it if it waits itself; its
// status.
static int end(envid_t id, uint64_t since)
{
	while (envs[ENVX(id)].env_id == id && alive(ENVX(id))) {
		bool waited = waits(id);

		sys_sleep(4);
		if ((waited && waits(id)) ||
		    rdtsc() - since > PATIENCE_MS * sysinfo.si_tsc_khz)
			sys_env_destroy(id);
	}
	return wait(id);
}

static void round(uint64_t seed, int *ended, int *killed)
{
	envid_t ids[NCHILDREN];
	uint64_t since = rdtsc();

	for (int i = 0; i < NCHILDREN; i++)
		ids[i] = start(seed * NCHILDREN + i);
	for (int i = 0; i < NCHILDREN; i++)
		if (end(ids[i], since) == 0)
			++*ended;
		else
			++*killed;
	sweep();
}

static uint64_t settled(void)
{
	sync();
	for (int i = 0; i < 5; i++)
		sys_sleep(2);
	return sysinfo.si_free_pages;
}

void umain(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtol(argv[1], NULL, 10) : 1, before;
	uint64_t count = argc > 2 ? strtol(argv[2], NULL, 10) : 100000;
	int ended = 0, killed = 0;

	remember();
	sys_page_alloc(0, (void *)COUNTER, PERM | PTE_SHARE);
	round(0, &ended, &killed);	// what stays: copies of our pages
	before = settled();
	calls = 0;
	for (int i = 0; calls < count; i++)
		round(seed * 1000003 + i, &ended, &killed);
	if (settled() != before)
		panic("%ld pages are lost", before - sysinfo.si_free_pages);
	printf("fuzzsys seed=%lu: %lu calls, %d children ended, %d were "
	       "killed, all pages are back\n", seed, calls, ended, killed);
}
