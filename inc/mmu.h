// What the processor's paging and segmentation define (SDM volume 3,
// "4-Level Paging", "Protected-Mode Memory Management").
#pragma once

#include <inc/memlayout.h>

#define PTE_P		0x001ul
#define PTE_W		0x002ul
#define PTE_U		0x004ul
#define PTE_PWT		0x008ul
#define PTE_PCD		0x010ul
#define PTE_A		0x020ul
#define PTE_D		0x040ul
#define PTE_PS		0x080ul
#define PTE_G		0x100ul
#define PTE_AVAIL	0xe00ul		// for software
#define PTE_SHARE	0x400ul		// fork and spawn share the page
#define PTE_COW		0x800ul		// copy on write
#define PTE_NOEXEC	0x200ul		// PTE_NX where an int carries perms
#define PTE_NX		(1ul << 63)	// the kernel sets it with PTE_NOEXEC
// What a system call may ask for.
#define PTE_SYSCALL	(PTE_AVAIL | PTE_P | PTE_W | PTE_U)

#define PTE_ADDR(pte)	((pte) & 0x000ffffffffff000ul)
#define PGNUM(a)	((uintptr_t)(a) >> PGSHIFT)
#define PGOFF(a)	((uintptr_t)(a) & (PGSIZE - 1))
#define PTX(va)		(((uintptr_t)(va) >> 12) & 511)
#define PDX(va)		(((uintptr_t)(va) >> 21) & 511)
#define PDPE(va)	(((uintptr_t)(va) >> 30) & 511)
#define PML4(va)	(((uintptr_t)(va) >> 39) & 511)

#define CR0_PE		0x00000001ul
#define CR0_MP		0x00000002ul
#define CR0_EM		0x00000004ul
#define CR0_TS		0x00000008ul
#define CR0_ET		0x00000010ul
#define CR0_NE		0x00000020ul
#define CR0_WP		0x00010000ul
#define CR0_AM		0x00040000ul
#define CR0_NW		0x20000000ul
#define CR0_CD		0x40000000ul
#define CR0_PG		0x80000000ul

#define CR4_VME		0x00000001ul
#define CR4_PVI		0x00000002ul
#define CR4_TSD		0x00000004ul
#define CR4_DE		0x00000008ul
#define CR4_PSE		0x00000010ul
#define CR4_PAE		0x00000020ul
#define CR4_MCE		0x00000040ul
#define CR4_PGE		0x00000080ul
#define CR4_PCE		0x00000100ul
#define CR4_OSFXSR	0x00000200ul
#define CR4_OSXMMEXCPT	0x00000400ul
#define CR4_UMIP	0x00000800ul
#define CR4_VMXE	0x00002000ul
#define CR4_SMXE	0x00004000ul
#define CR4_FSGSBASE	0x00010000ul
#define CR4_PCIDE	0x00020000ul
#define CR4_OSXSAVE	0x00040000ul
#define CR4_SMEP	0x00100000ul
#define CR4_SMAP	0x00200000ul

#define MSR_EFER	0xc0000080
#define EFER_SCE	0x001ul
#define EFER_LME	0x100ul
#define EFER_LMA	0x400ul
#define EFER_NXE	0x800ul

#ifndef __ASSEMBLER__
typedef uint64_t pte_t, pde_t, pdpe_t, pml4e_t;
#endif
