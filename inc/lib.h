// The user library. Unless said otherwise a call returns 0 or more on
// success and -E_... (inc/error.h) on failure, and a failed call has changed
// nothing. "env 0" means the caller itself.
#pragma once

#include <inc/assert.h>
#include <inc/env.h>
#include <inc/error.h>
#include <inc/fd.h>
#include <inc/fs.h>
#include <inc/memlayout.h>
#include <inc/mmu.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <inc/syscall.h>
#include <inc/trap.h>
#include <inc/types.h>
#include <inc/vmabi.h>
#include <inc/vmx.h>

#define USED(x)		(void)(x)

// What the kernel shows (read-only). Constants: the addresses are out of
// reach of the small code model's symbols.
static const volatile struct Env *const envs = (void *)UENVS;
static const volatile struct PageInfo *const pages = (void *)UPAGES;
#define sysinfo		(*(const volatile struct sysinfo *)UINFO)
// This program's page tables, one level after the other; an entry may be
// read only when those above it are present: see va_pte.
static const volatile pte_t *const uvpt = (void *)UVPT;
static const volatile pde_t *const uvpd = (void *)(UVPT + (UVPT >> 9));
static const volatile pdpe_t *const uvpde =
	(void *)(UVPT + (UVPT >> 9) + (UVPT >> 18));
static const volatile pml4e_t *const uvpml4e =
	(void *)(UVPT + (UVPT >> 9) + (UVPT >> 18) + (UVPT >> 27));

// entry.S, libmain.c
extern const char *binaryname;
extern const volatile struct Env *thisenv;
void umain(int argc, char **argv);
// Ends the program; open descriptors are closed. Does not return.
void exit(int status) __attribute__((noreturn));

// syscall.c. Addresses of pages must be multiples of PGSIZE below UTOP, else
// -E_INVAL; perm must contain PTE_P|PTE_U and nothing outside PTE_SYSCALL,
// else -E_INVAL; an environment that is not the caller or its child is
// -E_BAD_ENV.

// Writes n bytes to the console. -E_FAULT: s is not readable.
int sys_cputs(const char *s, size_t n);
// The next character from the console; waits for it. The console's owner
// only: others wait until it is theirs.
int sys_cgetc(void);
envid_t sys_getenvid(void);
// Ends an environment with status EXIT_KILLED; the file server and the first
// user environment are -E_BAD_ENV.
int sys_env_destroy(envid_t env);
void sys_exit(int status) __attribute__((noreturn));
// Waits until env has ended; returns its status. -E_BAD_ENV: there is no
// such environment (its slot may serve another already).
int sys_env_wait(envid_t env);
void sys_yield(void);
// A new child without memory, not runnable, its registers a copy of the
// caller's: returns its id here and 0 in the child. -E_NO_FREE_ENV,
// -E_NO_MEM.
static inline __attribute__((always_inline)) envid_t sys_exofork(void);
// status is ENV_RUNNABLE or ENV_NOT_RUNNABLE, else -E_INVAL.
int sys_env_set_status(envid_t env, int status);
// Sets a child's registers. -E_FAULT: tf is not readable. Segments and
// privileged flags are made safe by the kernel. -E_INVAL: rip or rsp is
// above UTOP.
int sys_env_set_trapframe(envid_t env, struct Trapframe *tf);
int sys_env_set_pgfault_upcall(envid_t env, void *upcall);
// Name for ps, cut to ENV_NAME_LEN - 1 characters.
int sys_env_set_name(envid_t env, const char *name);
// A fresh zeroed page at va; what was mapped there goes. -E_NO_MEM.
int sys_page_alloc(envid_t env, void *va, int perm);
// The page at srcva also at dstva. -E_INVAL: nothing at srcva, or PTE_W
// asked of a read-only page. -E_NO_MEM.
int sys_page_map(envid_t src, void *srcva, envid_t dst, void *dstva, int perm);
// Nothing mapped there is success.
int sys_page_unmap(envid_t env, void *va);
// Sleeps while *va == value and the page of va has refs references; wakes
// for any sys_page_wake of that page and when a reference to it goes. May
// wake early. va: 4-byte aligned, readable, else -E_FAULT.
int sys_page_wait(const volatile uint32_t *va, uint32_t value, uint32_t refs);
// Wakes all who wait for va's page.
int sys_page_wake(const volatile void *va);
// Sends value, and the page at srcva when that is below UTOP.
// -E_IPC_NOT_RECV: to is not receiving, or not from us. -E_INVAL as for
// sys_page_map. -E_NO_MEM. The receiver reads thisenv->env_ipc_*.
int sys_ipc_try_send(envid_t to, uint64_t value, void *srcva, int perm);
// The same, but waits until the receiver takes it.
int sys_ipc_send(envid_t to, uint64_t value, void *srcva, int perm);
// Waits for a message; a page goes to dstva when that is below UTOP.
int sys_ipc_recv(void *dstva);
// sys_ipc_send, then receives from `to` alone, in one step, so that a
// server's answer by sys_ipc_try_send always finds us. -E_BAD_ENV when `to`
// ends meanwhile.
int sys_ipc_call(envid_t to, uint64_t value, void *srcva, int perm,
		 void *dstva);
int sys_sleep(uint32_t ms);
// File server only, else -E_ACCESS: waits for an interrupt of that line
// since the last call; -E_EOF after ms milliseconds without one.
int sys_irq_wait(int irq, uint32_t ms);
// Ends the machine (a guest: the guest, with that status for its VMM).
int sys_poweroff(int status);

// Maps the page at srcva of env src into the guest at guest_pa with perm
// (__EPTE_*). -E_BAD_ENV: either env missing or not the caller's to change,
// or guest is no guest. -E_INVAL: srcva not below UTOP, unaligned or
// unmapped; guest_pa unaligned, beyond the guest's memory, in the VGA hole
// or mapped already; perm empty, unknown bits, W without R, X alone where
// the CPU lacks it; write asked of a read-only page. -E_NO_MEM.
int sys_ept_map(envid_t src, void *srcva, envid_t guest, void *guest_pa,
		int perm);
// A new guest of gphysz bytes of memory (a multiple of PGSIZE, at least 1
// MiB, at most GUEST_MEM_MAX), not runnable, that starts in real mode at
// gRIP (below 64 KiB). Returns its id. -E_NO_VMX, -E_NO_EPT, -E_INVAL,
// -E_NO_FREE_ENV, -E_NO_MEM.
envid_t sys_env_mkguest(uint64_t gphysz, uint64_t gRIP);
// Fills buf with up to n guests; returns how many there are. -E_FAULT.
int sys_vmx_list_vms(struct vm_info *buf, size_t n);
// Gives the console to a guest and waits until it comes back: 1 when ESC
// brought it back, 0 when the guest has ended. -E_BAD_ENV: no such guest.
int sys_vmx_sel_resume(envid_t guest);
// The caller's disk image number, given by the last incr: 0 before.
int sys_vmx_get_vmdisk_number(void);
// Reserves a fresh disk image number for the caller and returns it. A guest
// made afterwards uses that image.
int sys_vmx_incr_vmdisk_number(void);

// A VMM's calls about its own guests, see inc/vmabi.h; -E_BAD_ENV when the
// guest is not the caller's. "Stands still": not started yet, or waiting for
// the answer to a record; else -E_BUSY.

// Maps the page in which the guest's records come at va. -E_INVAL: no page's
// address; -E_NO_MEM.
int sys_vm_record(envid_t guest, struct vm_exit *va);
// Asks to be told of first..last of that kind. The guest stands still.
// -E_INVAL: no such kind or range, or no sys_vm_record before; -E_NO_MEM:
// VM_MAX_ASKS are taken.
int sys_vm_ask(envid_t guest, enum vm_ask kind, uint32_t first, uint32_t last);
// Carries out the answer in the record of guest `answered`, if that is not 0,
// and waits for the next record of any guest of the caller, at most us
// microseconds (VM_FOREVER: as long as it takes): returns that guest's id, or
// -E_EOF when there is none. -E_INVAL: that guest has no record to answer, or
// the answer is none; then nothing has changed. -E_BAD_ENV: it is gone or not
// the caller's; or, with 0 answered, the last guest is gone.
envid_t sys_vm_next(envid_t answered, uint32_t us);
// Reads (set false) or sets all registers. The guest stands still. -E_FAULT.
// What the processor refuses shows as VM_EXIT_UNHANDLED when the guest runs.
int sys_vm_regs(envid_t guest, struct vm_regs *regs, bool set);
// Reads or writes n bytes of the guest's memory, within one page (else
// -E_INVAL), with the permissions that the guest has itself. -E_FAULT: it has
// no memory there, or buf is not accessible.
int sys_vm_memory(envid_t guest, uint64_t gpa, void *buf, size_t n, bool set);
// Interrupts the guest by that vector (0 to 255, else -E_INVAL) as soon as it
// can take it. -E_BUSY: the last one is still on its way.
int sys_vm_interrupt(envid_t guest, uint32_t vector);
// The guest's console, for a VMM whose guest has a serial line instead of the
// hypercalls: output, shown or kept as the guest's own, at most CPUTS_MAX
// characters of it (returns how many); the next character of input, -E_EOF
// when there is none. sys_vm_next returns -E_EOF, too, when
// input comes.
int sys_vm_cputs(envid_t guest, const char *s, size_t n);
int sys_vm_cgetc(envid_t guest);
// Makes the guest stop, with a record VM_EXIT_STOPPED, before it executes its
// next instruction; one that waits for an answer stands still already.
// -E_INVAL: no sys_vm_record before.
int sys_vm_stop(envid_t guest);

// vmmio.c: memory-mapped devices (inc/vmmio.h). x is a guest's record
// VM_EXIT_MEMORY as it has come, m scratch space of the caller's until it is
// answered. Decodes the guest's instruction and puts its access to memory that
// the guest does not have into x->vx_memory: VM_MMIO_ACCESS. The caller does
// what its device does (a read: sets x->vx_memory.data) and calls
// vm_memory_next, as long as that returns VM_MMIO_ACCESS; an instruction
// makes two accesses at most. VM_MMIO_DONE: the guest's registers are set and
// the answer is in x, which sys_vm_next takes. Less than 0: the instruction
// can't be carried out, vm_mmio_error(r) says why; x's answer is not set.
// With TF set, no debug exception comes behind the instruction.
struct vm_mmio;
int vm_memory_begin(struct vm_mmio *m, volatile struct vm_exit *x);
int vm_memory_next(struct vm_mmio *m, volatile struct vm_exit *x);

// pgfault.c: handler for this program's page faults; the first call
// allocates the exception stack.
void set_pgfault_handler(void (*handler)(struct UTrapframe *utf));
// Sets up exception stack and upcall, once; fork needs them too.
int pgfault_setup(void);

// fork.c
// A child with a copy of this program's memory, made page by page when one
// of them writes; PTE_SHARE pages stay common. 0 in the child.
envid_t fork(void);
// Gives the program its own copy of the page that the fault is about; false
// when that is not a write to a copy-on-write page.
bool cow_fault(const struct UTrapframe *utf);

// ipc.c
void ipc_send(envid_t to, uint64_t value, void *pg, int perm);
// Value received (also -E_...); from and perm may be null.
int64_t ipc_recv(envid_t *from, void *pg, int *perm);
// The first environment of that type, 0 when there is none.
envid_t ipc_find_env(enum EnvType type);
// In a guest: to and from the host's environment of that type (inc/vmx.h).
int ipc_host_send(int type, uint64_t value, void *pg, int perm);
int64_t ipc_host_recv(void *pg);

// fd.c
// A file that was open for writing is on the disk for good at 0 (inc/fs.h).
int close(int fd);
void close_all(void);
ssize_t read(int fd, void *buf, size_t n);
ssize_t write(int fd, const void *buf, size_t n);
int seek(int fd, off_t offset);
// Reads until n bytes are there or the file ends.
ssize_t readn(int fd, void *buf, size_t n);
int dup(int oldfd, int newfd);
int fstat(int fd, struct Stat *st);
int stat(const char *path, struct Stat *st);
int ftruncate(int fd, off_t size);
int fd_alloc(struct Fd **fd);
int fd_lookup(int fdnum, struct Fd **fd);
int fd2num(const struct Fd *fd);
char *fd2data(const struct Fd *fd);
int dev_lookup(int id, struct Dev **dev);
extern struct Dev devfile, devcons, devpipe;

// file.c
int open(const char *path, int mode);
int mkdir(const char *path);
int remove(const char *path);
// All files are on the disk for good at 0.
int sync(void);
// Makes dst's contents those of src, inside the file server.
int copy_file(int srcfd, int dstfd);

// pageref.c: the page table entry for va, 0 when nothing is there, and the
// references that its page has.
pte_t va_pte(const volatile void *va);
uint32_t pageref(const volatile void *va);

// spawn.c: a program from the file system, arguments ended by null. A path
// without a slash is looked for in /bin first.
envid_t spawn(const char *path, const char **argv);
envid_t spawnl(const char *path, const char *arg0, ...);

// wait.c: waits for env's end; its status, EXIT_KILLED when unknown.
int wait(envid_t env);

// console.c
int opencons(void);
int iscons(int fd);
// The next character from descriptor 0; -E_EOF at its end.
int getchar(void);
// To the console.
void putchar(int c);

// readline.c
// A line of descriptor 0 without its newline, from the console edited by the
// user; null at end of file. The buffer is the library's until the next call.
char *readline(const char *prompt);
// The same from the console, whatever descriptor 0 is; remember: it becomes
// part of the history.
char *console_line(bool remember);

// pipe.c
int pipe(int fds[2]);
bool pipeisclosed(int fd);

// malloc.c
void *malloc(size_t n);
void free(void *p);

static inline __attribute__((always_inline)) envid_t sys_exofork(void)
{
	envid_t ret;
	// Inline: the child runs on its own copy of this very stack frame.
	__asm__ volatile("int %2" : "=a"(ret)
			 : "a"((uint64_t)SYS_exofork), "i"(T_SYSCALL)
			 : "memory");
	return ret;
}
