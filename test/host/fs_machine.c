#include <inc/lib.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fs/fs.h"
#include "fs_machine.h"
#include "host_format.h"

enum { CONSOLE = 1 << 16 };

char *arena;
struct Env envs[NENV];
struct Env *thisenv = &envs[1];
struct sysinfo sysinfo;
const char *binaryname;

uint8_t *disk;
uint32_t disk_blocks, bad_read, bad_write;
unsigned disk_reads, disk_writes;
bool all_bad, deaf, evil, no_room;
int fail_alloc;
bool scarce;
void (*recorder)(uint32_t secno, const void *buf, size_t nsecs);
char console[CONSOLE];

static size_t console_len;
static pte_t *ptes;
static int spare;		// pages unmapped while memory is scarce
static uint32_t *refs;		// of the page at each address
static void (*pgfault)(struct UTrapframe *utf);
static union Fsipc *request;	// the client's page
static int64_t answer_value;
static struct Fd *answer_fd;

// --------------------------------------------------------------
// Console

int vcprintf(const char *fmt, va_list ap)
{
	size_t n = host_format(console + console_len, CONSOLE - console_len,
			       fmt, ap);

	if (getenv("VERBOSE"))
		fprintf(stderr, "%s", console + console_len);
	console_len = MIN(console_len + n, (size_t)CONSOLE - 1);
	return n;
}

int cprintf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vcprintf(fmt, ap);
	va_end(ap);
	return n;
}

void _panic(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "panic at %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

// --------------------------------------------------------------
// Paging

static size_t page_of(const volatile void *va)
{
	size_t i = ((const volatile char *)va - arena) / PGSIZE;

	if ((const volatile char *)va < arena ||
	    i >= (FSEND - DISKMAP) / PGSIZE)
		panic("address %p is not the server's", (const void *)va);
	return i;
}

static void set_pte(size_t i, pte_t pte)
{
	int prot = PROT_NONE;

	ptes[i] = pte;
	if ((pte & PTE_P) && (pte & PTE_A))
		prot = pte & PTE_D ? PROT_READ | PROT_WRITE : PROT_READ;
	if (mprotect(arena + i * PGSIZE, PGSIZE, prot) < 0)
		panic("mprotect");
}

// Sets accessed and dirty bits as the processor does, one fault each.
static void on_segv(int sig, siginfo_t *info, void *ctx)
{
	static bool handling;
	uintptr_t a = (uintptr_t)info->si_addr;
	struct UTrapframe utf = { .utf_fault_va = a };
	size_t i;

	USED(sig);
	USED(ctx);
	if (a < DISKMAP || a >= FSEND) {
		signal(SIGSEGV, SIG_DFL);	// a real one: happens again
		return;
	}
	i = page_of(info->si_addr);
	if (!(ptes[i] & PTE_P)) {
		if (handling)
			panic("page fault in the page fault handler");
		handling = true;
		pgfault(&utf);
		handling = false;
	} else if (!(ptes[i] & PTE_A)) {
		set_pte(i, ptes[i] | PTE_A);
	} else {
		set_pte(i, ptes[i] | PTE_D);
	}
}

void set_pgfault_handler(void (*handler)(struct UTrapframe *utf))
{
	pgfault = handler;
}

pte_t va_pte(const volatile void *va)
{
	pte_t pte = ptes[page_of(va)];

	return pte & PTE_P ? pte : 0;
}

uint32_t pageref(const volatile void *va)
{
	// The server asks this after it has copied a request's header.
	if (evil && va_pte((void *)REQVA))
		memset((void *)REQVA, 0xff, 16);
	return va_pte(va) ? refs[page_of(va)] : 0;
}

int sys_page_alloc(envid_t env, void *va, int perm)
{
	size_t i = page_of(va);

	USED(env);
	if (fail_alloc > 0) {
		fail_alloc--;
		return -E_NO_MEM;
	}
	if (scarce && va < (void *)FSMAPS && spare-- == 0) {
		spare = 0;
		return -E_NO_MEM;
	}
	mprotect(arena + i * PGSIZE, PGSIZE, PROT_READ | PROT_WRITE);
	memset(arena + i * PGSIZE, 0, PGSIZE);
	refs[i] = 1;
	set_pte(i, perm);
	return 0;
}

int sys_page_map(envid_t src, void *srcva, envid_t dst, void *dstva, int perm)
{
	USED(src);
	USED(dst);
	if (srcva != dstva || !va_pte(srcva))
		panic("sys_page_map");
	set_pte(page_of(srcva), perm);
	return 0;
}

int sys_page_unmap(envid_t env, void *va)
{
	USED(env);
	if (!va_pte(va))
		return 0;
	if (va == (void *)REQVA)
		memcpy(request, va, PGSIZE);
	refs[page_of(va)]--;
	set_pte(page_of(va), 0);
	spare = scarce && va < (void *)FSMAPS ? spare + 1 : 0;
	return 0;
}

int sys_sleep(uint32_t ms)
{
	USED(ms);
	return 0;
}

// --------------------------------------------------------------
// The disk

int ide_init(void)
{
	return all_bad ? -E_IO : (int)disk_blocks;
}

int ide_read(uint32_t secno, void *buf, size_t nsecs)
{
	uint32_t b = secno / BLKSECTS;

	disk_reads++;
	if (b >= disk_blocks || nsecs != BLKSECTS || secno % BLKSECTS)
		panic("read beyond the disk: %u", secno);
	if (all_bad || b == bad_read)
		return -E_IO;
	memcpy(buf, disk + (size_t)b * BLKSIZE, BLKSIZE);
	return 0;
}

int ide_write(uint32_t secno, const void *buf, size_t nsecs)
{
	uint32_t b = secno / BLKSECTS;

	disk_writes++;
	if (b >= disk_blocks || secno % BLKSECTS + nsecs > BLKSECTS)
		panic("write beyond the disk: %u", secno);
	if (all_bad || b == bad_write)
		return -E_IO;
	memcpy(disk + (size_t)secno * SECTSIZE, buf, nsecs * SECTSIZE);
	if (recorder)
		recorder(secno, buf, nsecs);
	return 0;
}

int ide_flush(void)
{
	if (all_bad)
		return -E_IO;
	if (recorder)
		recorder(0, NULL, 0);
	return 0;
}

// --------------------------------------------------------------
// In a guest: the host's file server, with the same disk as its only file

static int64_t host_answer;

int64_t hypercall(uint64_t nr, uint64_t rbx, uint64_t rcx)
{
	USED(rbx);
	USED(rcx);
	return nr == VMX_VMCALL_GETDISKIMGNUM ? 7 : -E_NO_SYS;
}

static int64_t host_serve(int req, union Fsipc *page)
{
	uint32_t n = page->write.req_n;

	switch (req) {
	case FSREQ_OPEN:
		return strcmp(page->open.req_path, "/vmm/fs7.img") == 0 ? 0
			: -E_ACCESS;
	case FSREQ_STAT:
		page->statRet.ret_size = (off_t)disk_blocks * BLKSIZE;
		return 0;
	case FSREQ_READ:
		return ide_read(page->read.req_offset / SECTSIZE, page,
				page->read.req_n / SECTSIZE) < 0 ? -E_IO
			: BLKSIZE;
	case FSREQ_WRITE:
		return ide_write(page->write.req_offset / SECTSIZE,
				 page->write.req_buf, n / SECTSIZE) < 0
			? -E_IO : (int)n;
	case FSREQ_FLUSH:
		return ide_flush();
	}
	return -E_NOT_SUPP;
}

int ipc_host_send(int type, uint64_t value, void *pg, int perm)
{
	if (type != VMX_HOST_FS_ENV || !va_pte(pg) || !(perm & PTE_W))
		panic("ipc_host_send");
	host_answer = host_serve(value, pg);
	return 0;
}

int64_t ipc_host_recv(void *pg)
{
	if (pg && !va_pte(pg))
		panic("ipc_host_recv");
	return host_answer;
}

// --------------------------------------------------------------
// Clients

int sys_ipc_recv(void *dstva)
{
	int fail = fail_alloc;

	fail_alloc = 0;
	if (thisenv->env_ipc_perm) {
		sys_page_alloc(0, dstva, thisenv->env_ipc_perm);
		memcpy(dstva, request, PGSIZE);
	}
	fail_alloc = fail;
	return 0;
}

int sys_ipc_try_send(envid_t to, uint64_t value, void *srcva, int perm)
{
	if (to != thisenv->env_ipc_from)
		panic("the answer goes to %x", to);
	if (deaf)
		return -E_IPC_NOT_RECV;
	if (no_room && srcva != (void *)UTOP)
		return -E_NO_MEM;
	answer_value = (int64_t)value;
	answer_fd = NULL;
	if (srcva != (void *)UTOP) {
		if (!(perm & PTE_SHARE))
			panic("a descriptor that is not shared");
		refs[page_of(srcva)]++;
		answer_fd = srcva;
	}
	return 0;
}

int64_t call(int who, uint64_t nr, union Fsipc *page)
{
	request = page;
	answer_value = -1000;
	sysinfo.si_free_pages = scarce ? 0 : 1000;
	thisenv->env_ipc_from = who;
	thisenv->env_ipc_value = nr;
	thisenv->env_ipc_perm = page ? PTE_P | PTE_U | PTE_W : 0;
	server_step();
	if (page && va_pte((void *)REQVA))
		panic("the request's page is still mapped");
	if (server_cached() > NCACHE)
		panic("%u blocks in the cache", server_cached());
	return answer_value;
}

struct Fd *fd_of_answer(void)
{
	return answer_fd;
}

void fd_close(struct Fd *fd)
{
	refs[page_of(fd)]--;
}

static void new_env(int id, enum EnvType type, int vmdisk)
{
	struct Env *e = &envs[ENVX(id)];

	e->env_id = id;
	e->env_type = type;
	e->env_vmdisk = vmdisk;
}

void machine_init(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv,
				.sa_flags = SA_SIGINFO | SA_NODEFER };
	size_t size = 0xc4003000;

	arena = mmap(NULL, size, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		panic("mmap");
	ptes = calloc(size / PGSIZE, sizeof(*ptes));
	refs = calloc(size / PGSIZE, sizeof(*refs));
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	new_env(USER, ENV_TYPE_USER, 0);
	new_env(OTHER, ENV_TYPE_USER, 0);
	new_env(GUEST7, ENV_TYPE_GUEST, 7);
	new_env(GUEST8, ENV_TYPE_GUEST, 8);
}

// Everything that the server may have mapped; all else never is.
static void unmap(size_t from, size_t to)
{
	for (size_t i = from / PGSIZE; i < to / PGSIZE; i++)
		if (ptes[i])
			set_pte(i, 0);
}

void disk_new(uint32_t nblocks)
{
	static uint32_t room;		// much faster than another realloc
	uint32_t meta = 2 + NBITMAP(nblocks) + njournal;
	struct Super *s;

	unmap(0, disk_blocks * BLKSIZE);
	if (nblocks > room) {
		room = nblocks;
		disk = realloc(disk, (size_t)room * BLKSIZE);
	}
	disk_blocks = nblocks;
	memset(disk, 0, (size_t)nblocks * BLKSIZE);
	s = (struct Super *)(disk + BLKSIZE);
	s->s_magic = FS_MAGIC;
	s->s_nblocks = nblocks;
	s->s_njournal = njournal;
	s->s_root.f_type = FTYPE_DIR;
	for (uint32_t b = meta; b < nblocks; b++)
		disk[2 * BLKSIZE + b / 8] |= 1 << b % 8;
}

void machine_in_guest(bool guest)
{
	sysinfo.si_role = guest ? ROLE_GUEST : ROLE_HOST;
}

int machine_boot(void)
{
	unmap(0, disk_blocks * BLKSIZE);
	unmap(FSMAPS - DISKMAP, FSEND - DISKMAP);
	console_len = 0;
	console[0] = 0;
	disk_reads = disk_writes = 0;
	return server_start();
}
