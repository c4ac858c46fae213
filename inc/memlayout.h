// Address spaces.
//
//   0xffff800000000000  KERNBASE: all physical memory, and the kernel in it
//   0x0000010000000000  UVPT: the page tables as a flat array (read-only)
//   0x0000008080000000  UPAGES: struct PageInfo[] (read-only)
//   0x0000008040000000  UENVS: struct Env[] (read-only)
//   0x0000008000000000  UTOP = UINFO: struct sysinfo (read-only)
//   0x0000007ffffff000  exception stack, one page
//   0x0000007fffffe000  empty
//   0x0000007fffffd000  normal stack
//   0x00000000d0000000  file descriptors' table (lib/fd.c)
//   0x0000000010000000  DISKMAP (file server only)
//   0x0000000000800000  UTEXT: program
//   0x0000000000400000  UTEMP: scratch pages
#pragma once

#define PGSIZE		4096
#define PGSHIFT		12
#define PTSIZE		(512ul * PGSIZE)	// a directory entry's reach

// PML4 slot 0 belongs to the user program, slot 1 to what the kernel shows,
// slot 2 is the recursive one, slots 256 to 511 are the kernel's.
#define UTEMP		0x400000ul
#define PFTEMP		(UTEMP + PTSIZE - PGSIZE)
#define UTEXT		0x800000ul
#define UTOP		0x8000000000ul
#define UXSTACKTOP	UTOP
#define USTACKTOP	(UTOP - 2 * PGSIZE)
#define UINFO		UTOP
#define UENVS		0x8040000000ul
#define UPAGES		0x8080000000ul
#define UVPT		0x10000000000ul
#define ULIM		0x18000000000ul		// end of what users may read

#define KERNBASE	0xffff800000000000ul
#define EXTPHYSMEM	0x100000ul
#define IOPHYSMEM	0x0a0000ul		// the VGA hole: to EXTPHYSMEM

#define KSTKSIZE	(4 * PGSIZE)

// Segment selectors.
#define GD_KT		0x08	// kernel text
#define GD_KD		0x10	// kernel data
#define GD_UT		0x18	// user text
#define GD_UD		0x20	// user data
#define GD_TSS0		0x28	// TSS of CPU 0; each takes 16 bytes

// Where the boot block leaves its hand-over.
#define BOOT_INFO	0x6000	// Multiboot information structure
#define BOOT_TSC	0x5ff8	// TSC at the boot block's first instruction
#define BOOT_CMDLINE	0x5c00	// one sector: what init shall run

#define MULTIBOOT_MAGIC	0x2badb002	// EAX at the kernel's entry: on a PC
#define GUEST_MAGIC	0x4a4f5356	// and in a guest ("VSOJ")

#ifndef __ASSEMBLER__
#include <inc/types.h>
#include <inc/queue.h>

struct Env;
TAILQ_HEAD(EnvQueue, Env);

// One per physical page, readable at UPAGES.
struct PageInfo {
	union {
		struct PageInfo *pp_link;	// free: next free page
		struct Env *pp_waiters;		// used: see sys_page_wait
	};
	uint32_t pp_ref;	// mappings (and kernel uses) of the page
	uint32_t pp_free;	// 1 on the free list
};

// Multiboot information as the boot block leaves it (Multiboot 0.6.96,
// "Boot information format").
enum { MBI_CMDLINE = 1 << 2, MBI_MMAP = 1 << 6 };
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};
enum { MB_RAM = 1, MB_RESERVED = 2 };
struct multiboot_mmap {
	uint32_t size;		// of what follows: 20
	uint32_t base_lo, base_hi, len_lo, len_hi, type;
};
_Static_assert(sizeof(struct multiboot_info) == 0x34, "ABI");
_Static_assert(sizeof(struct multiboot_mmap) == 24, "ABI");
#endif
