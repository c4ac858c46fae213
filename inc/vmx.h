// The hypercalls: number in rax, arguments in registers, result in rax
// (0 or more, or -E_...). Ring 3 of a guest may use 2, 3 and 6 only; others
// answer it -E_ACCESS. An unknown number answers -E_NO_SYS.
#pragma once

// out: rbx = guest-physical address of the Multiboot information
#define VMX_VMCALL_MBMAP	1
// rbx = destination type, rcx = value, rdx = page's guest-physical address
// (~0: no page), rsi = its permissions (PTE_*)
#define VMX_VMCALL_IPCSEND	2
// rbx = where a page may be put, guest-physical (~0: nowhere); out: rsi = value
#define VMX_VMCALL_IPCRECV	3
#define VMX_VMCALL_LAPICEOI	4	// nothing to do: 0
#define VMX_VMCALL_BACKTOHOST	5	// gives the console back to the host
#define VMX_VMCALL_GETDISKIMGNUM 6	// rax = number of the disk image
#define VMX_VMCALL_ALLOC_CPU	7	// reserved for SMP guests: -E_NO_SYS
#define VMX_VMCALL_GUEST_YIELD	8	// lets others run
#define VMX_VMCALL_CPUNUM	9	// reserved for SMP guests: -E_NO_SYS

// What this kernel adds to the courseware's.
// rbx = guest-physical address, rcx = bytes, within one page
#define VMX_VMCALL_CONS_WRITE	16
// rax = next character of the console, -E_EOF when there is none; from its
// first CONS_WRITE on the guest gets interrupt IRQ_SERIAL when there may be one
#define VMX_VMCALL_CONS_READ	17
// rbx = guest TSC at which the guest gets interrupt IRQ_TIMER, once; 0 disarms
#define VMX_VMCALL_TIMER	18
#define VMX_VMCALL_TSC_KHZ	19	// rax = TSC ticks a millisecond
#define VMX_VMCALL_POWEROFF	20	// ends the guest, rbx = status

// A guest's memory: default, and the most that sys_env_mkguest takes.
#define GUEST_MEM_SZ	(16ul << 20)
#define GUEST_MEM_MAX	(1ul << 39)
#define GUEST_BOOT	0x7000ul	// where its boot block starts

// EPT permissions, as sys_ept_map takes them (SDM volume 3, "Format of an
// EPT Page-Table Entry that Maps a 4-KByte Page").
#define __EPTE_READ	0x1
#define __EPTE_WRITE	0x2
#define __EPTE_EXEC	0x4
#define __EPTE_FULL	(__EPTE_READ | __EPTE_WRITE | __EPTE_EXEC)

#ifndef __ASSEMBLER__
#include <inc/types.h>

// Destination of VMX_VMCALL_IPCSEND.
enum { VMX_HOST_FS_ENV = 1 };

// One line of sys_vmx_list_vms.
struct vm_info {
	envid_t vi_env;
	int vi_disk;		// number of its disk image
	uint32_t vi_runs;	// dispatches by the scheduler
	uint32_t vi_pages;	// pages of memory it has
	uint32_t vi_tables;	// pages that it costs beyond them
	uint32_t vi_flushes;	// times that old translations were forgotten
	uint64_t vi_mem;	// bytes of memory it may have
	uint64_t vi_exits;	// VM exits so far
	uint64_t vi_start_tsc;	// host TSC at its first entry
	uint64_t vi_last_tsc;	// and when it ran last
	uint64_t vi_lost;	// characters dropped while in the background
};
_Static_assert(sizeof(struct vm_info) == 64, "no padding shows kernel memory");
#endif
