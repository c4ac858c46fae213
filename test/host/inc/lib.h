// What the file server finds in inc/lib.h, for its tests on the development
// machine: test/host/fs_machine.c has the functions.
#pragma once

#include <inc/assert.h>
#include <inc/env.h>
#include <inc/error.h>
#include <inc/fd.h>
#include <inc/fs.h>
#include <inc/memlayout.h>
#include <inc/mmu.h>
#include <inc/string.h>
#include <inc/trap.h>
#include <inc/types.h>
#include <inc/vmx.h>

#include <stdarg.h>

#define USED(x)		(void)(x)
#define DISKMAP		((uintptr_t)arena)
#define NCACHE		ncache

extern char *arena;
enum { ncache = 24 };
extern struct Env envs[NENV];
extern struct Env *thisenv;
extern struct sysinfo sysinfo;
extern const char *binaryname;

void umain(int argc, char **argv);
int cprintf(const char *fmt, ...);
int vcprintf(const char *fmt, va_list ap);
int snprintf(char *buf, size_t n, const char *fmt, ...);
pte_t va_pte(const volatile void *va);
uint32_t pageref(const volatile void *va);
int sys_page_alloc(envid_t env, void *va, int perm);
int sys_page_map(envid_t src, void *srcva, envid_t dst, void *dstva,
		 int perm);
int sys_page_unmap(envid_t env, void *va);
int sys_ipc_recv(void *dstva);
int sys_ipc_try_send(envid_t to, uint64_t value, void *srcva, int perm);
int64_t hypercall(uint64_t nr, uint64_t rbx, uint64_t rcx);
int ipc_host_send(int type, uint64_t value, void *pg, int perm);
int64_t ipc_host_recv(void *pg);
int sys_sleep(uint32_t ms);
void set_pgfault_handler(void (*handler)(struct UTrapframe *utf));
