#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host_format.h"
#include "loader.h"

enum { FD = 3 };
#define SHARED	FDTABLE			// the caller's page that children share

struct sysinfo sysinfo;
struct test_file file;
struct child child;

static off_t offset;
static bool is_open, scratch;		// UTEMP is mapped
static struct loaded_page *shared;	// and also the child's

// --------------------------------------------------------------
// Console

// Formats it all, so that ASan sees what is read.
static int format(const char *fmt, va_list ap)
{
	char text[1024];

	return host_format(text, sizeof(text), fmt, ap);
}

int cprintf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = format(fmt, ap);
	va_end(ap);
	return n;
}

int printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = format(fmt, ap);
	va_end(ap);
	return n;
}

void _panic(const char *where, int line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	dprintf(2, "%s:%d: ", where, line);
	va_start(ap, fmt);
	vdprintf(2, fmt, ap);
	va_end(ap);
	dprintf(2, "\n");
	abort();
}

// --------------------------------------------------------------
// The file

int open(const char *path, int mode)
{
	CHECK(strlen(path) < MAXPATHLEN && mode == O_RDONLY && !is_open);
	if (file.missing)
		return -E_NOT_FOUND;
	is_open = true;
	offset = 0;
	return FD;
}

int close(int fd)
{
	CHECK(fd == FD && is_open);
	is_open = false;
	return 0;
}

int fstat(int fd, struct Stat *st)
{
	CHECK(fd == FD && is_open);
	*st = (struct Stat){ .st_size = file.says };
	return 0;
}

int seek(int fd, off_t to)
{
	CHECK(fd == FD && is_open);
	if (to < 0)
		return -E_INVAL;
	offset = to;
	return 0;
}

ssize_t readn(int fd, void *buf, size_t n)
{
	CHECK(fd == FD && is_open);
	if ((size_t)offset >= file.size || n == 0)
		return 0;
	n = MIN(n, file.size - offset);
	if (offset + n > file.bad_from)
		return -E_IO;
	memcpy(buf, file.data + offset, n);
	offset += n;
	return n;
}

// --------------------------------------------------------------
// Pages

struct loaded_page *child_page(uintptr_t va)
{
	for (struct loaded_page *p = child.page;
	     p < child.page + child.npages; p++)
		if (p->va == va)
			return p;
	return NULL;
}

static int child_insert(uintptr_t va, int perm, const void *data)
{
	struct loaded_page *p = child_page(va);

	CHECK(child.alive && !child.runnable);
	if (!p && child.npages == child.room)
		return -E_NO_MEM;
	if (!p)
		p = &child.page[child.npages++];
	p->va = va;
	p->perm = perm;
	if (data)
		memcpy(p->data, data, PGSIZE);
	else
		memset(p->data, 0, PGSIZE);
	if (data == (void *)UTEMP)
		shared = p;
	return 0;
}

static void check_user(uintptr_t va, int perm)
{
	CHECK(va < UTOP && PGOFF(va) == 0);
	CHECK((perm & (PTE_P | PTE_U)) == (PTE_P | PTE_U) &&
	      !(perm & ~(int)PTE_SYSCALL));
}

int sys_page_alloc(envid_t env, void *va, int perm)
{
	check_user((uintptr_t)va, perm);
	if (env == CHILD)
		return child_insert((uintptr_t)va, perm, NULL);
	CHECK(env == 0 && va == (void *)UTEMP && !scratch);
	if (child.npages == child.room)
		return -E_NO_MEM;
	mprotect(va, PGSIZE, PROT_READ | PROT_WRITE);
	memset(va, 0, PGSIZE);
	scratch = true;
	return 0;
}

int sys_page_map(envid_t src, void *srcva, envid_t dst, void *dstva, int perm)
{
	check_user((uintptr_t)dstva, perm);
	CHECK(src == 0 && dst == CHILD);
	if (srcva == (void *)SHARED) {
		CHECK(dstva == srcva && (perm & PTE_SHARE));
		return child_insert(SHARED, perm, NULL);
	}
	CHECK(srcva == (void *)UTEMP && scratch);
	return child_insert((uintptr_t)dstva, perm, srcva);
}

// What both share must not be written to behind the child's back.
int sys_page_unmap(envid_t env, void *va)
{
	CHECK(env == 0 && va == (void *)UTEMP && scratch);
	CHECK(!shared || memcmp(va, shared->data, PGSIZE) == 0);
	shared = NULL;
	scratch = false;
	mprotect(va, PGSIZE, PROT_NONE);
	return 0;
}

int sys_ept_map(envid_t src, void *srcva, envid_t guest, void *gpa, int perm)
{
	uintptr_t pa = (uintptr_t)gpa;

	CHECK(src == 0 && srcva == (void *)UTEMP && scratch);
	CHECK(guest == CHILD && perm == __EPTE_FULL);
	if (PGOFF(pa) || pa >= child.memsz ||
	    (pa >= IOPHYSMEM && pa < EXTPHYSMEM) || child_page(pa))
		return -E_INVAL;
	return child_insert(pa, perm, srcva);
}

pte_t va_pte(const volatile void *va)
{
	return va == (void *)SHARED ? PTE_P | PTE_U | PTE_W | PTE_SHARE : 0;
}

// --------------------------------------------------------------
// The child

envid_t sys_exofork(void)
{
	CHECK(!child.alive);
	child.alive = true;
	return CHILD;
}

int sys_env_destroy(envid_t env)
{
	CHECK(env == CHILD && child.alive && !child.runnable);
	child.alive = false;
	child.npages = 0;
	shared = NULL;
	return 0;
}

int sys_env_set_name(envid_t env, const char *name)
{
	CHECK(env == CHILD);
	snprintf(child.name, sizeof(child.name), "%s", name);
	return 0;
}

int sys_env_set_trapframe(envid_t env, struct Trapframe *tf)
{
	CHECK(env == CHILD);
	child.tf = *tf;
	return 0;
}

int sys_env_set_status(envid_t env, int status)
{
	CHECK(env == CHILD && status == ENV_RUNNABLE);
	child.runnable = true;
	return 0;
}

// --------------------------------------------------------------
// What the VMM calls before it loads, and after

const volatile struct Env *thisenv;

#define NEVER(...)	__VA_ARGS__ { panic("%s", __func__); }
NEVER(envid_t fork(void))
NEVER(int wait(envid_t env))
NEVER(void exit(int status))
NEVER(int iscons(int fd))
NEVER(int copy_file(int srcfd, int dstfd))
NEVER(int64_t ipc_recv(envid_t *from, void *pg, int *perm))
NEVER(int sys_ipc_call(envid_t to, uint64_t value, void *srcva, int perm,
		       void *dstva))
NEVER(int sys_ipc_try_send(envid_t to, uint64_t value, void *srcva, int perm))
NEVER(envid_t sys_env_mkguest(uint64_t gphysz, uint64_t rip))
NEVER(int sys_vmx_sel_resume(envid_t guest))
NEVER(int sys_vmx_incr_vmdisk_number(void))
NEVER(int sys_vm_record(envid_t guest, struct vm_exit *va))
NEVER(int sys_vm_ask(envid_t guest, enum vm_ask kind, uint32_t first,
		     uint32_t last))
NEVER(envid_t sys_vm_next(envid_t answered, uint32_t us))
NEVER(int sys_vm_memory(envid_t guest, uint64_t gpa, void *buf, size_t n,
			bool set))
NEVER(int sys_vm_interrupt(envid_t guest, uint32_t vector))
NEVER(int sys_vm_cputs(envid_t guest, const char *s, size_t n))
NEVER(int sys_vm_cgetc(envid_t guest))

// --------------------------------------------------------------

void loader_init(void)
{
	CHECK(mmap((void *)UTEMP, PGSIZE, PROT_NONE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	      (void *)UTEMP);
}

void loader_begin(uint64_t memsz, int room)
{
	child.memsz = memsz;
	child.npages = 0;
	child.room = room;
	child.alive = memsz > 0;
	child.runnable = false;
}

void loader_end(void)
{
	CHECK(!is_open && !scratch);
}
