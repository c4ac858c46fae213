// Memory runs out at each single allocation, with other guests alive. A child
// of ours does a bit of everything; before it begins it stops in the monitor,
// where the test says which allocation from now on shall fail (failalloc N,
// continue), and we stop there when it has ended. Whatever happens to it, all
// pages are back then.

#include <inc/lib.h>
#include <inc/x86.h>

enum {
	GUESTS = 8,			// that sleep meanwhile
	VA = 0x20000000, RECORD = 0x21000000,
	FAR = 0x40000000,		// where there are no tables yet
	PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC,
};

// Real mode: one sleeps; the other says something, writes to a page that is
// not there yet and ends with status 7.
__asm__(".pushsection .rodata\n"
	".code16\n"
	"sleeper: hlt\n\t"
	"jmp sleeper\n"
	"worker: movl $16, %eax\n\t"	// VMX_VMCALL_CONS_WRITE
	"movl $0x7000, %ebx\n\t"
	"movl $1, %ecx\n\t"
	"vmcall\n\t"
	"movb %al, 0x5000\n\t"
	"movl $20, %eax\n\t"		// VMX_VMCALL_POWEROFF
	"movl $7, %ebx\n\t"
	"vmcall\n"
	".code64\n"
	".popsection");
extern const char sleeper[], worker[];

static int start_guest(const char *code)
{
	envid_t guest;
	int r = sys_page_alloc(0, (void *)VA, PERM);

	if (r < 0)
		return r;
	memcpy((void *)VA, code, 64);
	if ((guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT)) < 0)
		return guest;
	r = sys_ept_map(0, (void *)VA, guest, (void *)GUEST_BOOT, __EPTE_FULL);
	if (r == 0)
		r = sys_vm_record(guest, (struct vm_exit *)RECORD);
	if (r == 0)
		r = sys_env_set_status(guest, ENV_RUNNABLE);
	sys_page_unmap(0, (void *)VA);
	return r < 0 ? r : guest;
}

// --------------------------------------------------------------
// What the child does: 0, an error, or how a program or guest ended.

static int run_guest(void)
{
	int guest = start_guest(worker), r;

	if (guest < 0)
		return guest;
	r = wait(guest);
	return r == 7 ? 0 : r;
}

static volatile int copied_on_write;

static int run_fork(void)
{
	envid_t id = fork();

	if (id == 0) {
		copied_on_write = 1;
		sys_exit(0);
	}
	return id < 0 ? id : wait(id);
}

static int run_spawn(void)
{
	envid_t id = spawnl("/bin/sync", "sync", NULL);

	return id < 0 ? id : wait(id);
}

static int run_memory(void)
{
	int r = sys_page_alloc(0, (void *)VA, PERM);

	if (r == 0)
		r = sys_page_map(0, (void *)VA, 0, (void *)FAR, PERM);
	return r;
}

// The receiver lacks the tables for the page.
static int run_ipc(void)
{
	envid_t id = fork();
	int r;

	if (id == 0) {
		r = sys_ipc_recv((void *)FAR);
		sys_exit(r < 0);
	}
	if (id < 0)
		return id;
	r = sys_page_alloc(0, (void *)VA, PERM);
	if (r == 0)
		r = sys_ipc_send(id, 0, (void *)VA, PERM);
	if (r < 0)
		sys_env_destroy(id);
	return r < 0 && r != -E_BAD_ENV ? r : wait(id);
}

static int run_files(void)
{
	static char block[PGSIZE];
	int fd = open("/nomem", O_RDWR | O_CREAT | O_TRUNC | O_TEMP), r = 0;

	if (fd < 0)
		return fd;
	for (int i = 0; r >= 0 && i < 20; i++)
		r = write(fd, block, sizeof(block));
	if (r >= 0 && (r = seek(fd, 0)) == 0)
		r = readn(fd, block, sizeof(block));
	close(fd);
	return r < 0 ? r : 0;
}

static void work(void)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} steps[] = {
		{ "guest", run_guest }, { "fork", run_fork },
		{ "spawn", run_spawn }, { "ipc", run_ipc },
		{ "files", run_files }, { "memory", run_memory },
	};

	ipc_recv(NULL, (void *)UTOP, NULL);
	breakpoint();
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].run();

		if (r != 0) {
			cprintf("%s: %d\n", steps[i].name, r);
			sys_exit(1);
		}
	}
	sys_exit(0);
}

// --------------------------------------------------------------

static int attempt(void)
{
	envid_t id = fork();
	int status;

	if (id == 0)
		work();
	if (id < 0)
		panic("fork: %e", id);
	ipc_send(id, 0, NULL, 0);
	status = wait(id);
	breakpoint();			// failalloc 0: whatever is left of it
	sync();
	return status;
}

void umain(int argc, char **argv)
{
	int attempts = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	uint64_t before;

	for (int i = 0; i < GUESTS; i++)
		if (start_guest(sleeper) < 0)
			panic("no guests");
	sys_page_unmap(0, (void *)RECORD);
	attempt();			// what stays: copies of our pages
	before = sysinfo.si_free_pages;
	for (int i = 0; i < attempts; i++) {
		int status = attempt();

		if (sysinfo.si_free_pages != before)
			panic("attempt %d loses %ld pages", i,
			      before - sysinfo.si_free_pages);
		cprintf("attempt %d: status %d\n", i, status);
	}
	cprintf("testnomem: all pages are back\n");
}
