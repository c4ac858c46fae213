// Physical pages, and address spaces made of them.
#pragma once

#include <inc/assert.h>
#include <inc/memlayout.h>
#include <inc/mmu.h>
#include <inc/types.h>

struct Env;

extern char end[];		// of the kernel, from the linker
extern struct PageInfo *pages;
extern size_t npages;		// physical pages that pages[] describes
extern pml4e_t *kern_pml4e;	// the kernel's own address space
extern physaddr_t kern_cr3;
extern struct sysinfo sysinfo;	// shown to users at UINFO
// Number of the page allocation, counted from now, that fails; 0: none. The
// monitor's `failalloc` sets it, to try what happens when memory runs out.
extern uint32_t page_fail_at;

// Kernel address of a physical one and back. A null pointer, a user address
// or memory that does not exist is a bug of ours: panic.
#define PADDR(kva)	_paddr(__FILE__, __LINE__, (const void *)(kva))
#define KADDR(pa)	((void *)((physaddr_t)(pa) + KERNBASE))

static inline physaddr_t _paddr(const char *file, int line, const void *kva)
{
	if ((uintptr_t)kva < KERNBASE)
		_panic(file, line, "PADDR of %p", kva);
	return (uintptr_t)kva - KERNBASE;
}

static inline physaddr_t page2pa(const struct PageInfo *pp)
{
	return (physaddr_t)(pp - pages) << PGSHIFT;
}
static inline struct PageInfo *pa2page(physaddr_t pa)
{
	assert(PGNUM(pa) < npages);
	return &pages[PGNUM(pa)];
}
static inline void *page2kva(const struct PageInfo *pp)
{
	return KADDR(page2pa(pp));
}

// Takes the memory map that the boot block left at physical address `info`
// and builds the kernel's address space.
void mem_init(uint32_t info);

enum { ALLOC_ZERO = 1 };
// A free page, its reference count 0, or null when there is none.
struct PageInfo *page_alloc(int flags);
// Gives a page back that has no reference left.
void page_free(struct PageInfo *pp);
static inline void page_incref(struct PageInfo *pp)
{
	pp->pp_ref++;
}
// Drops a reference; wakes who sleeps for the page (sys_page_wait), or gives
// it back with the last one.
void page_decref(struct PageInfo *pp);
// A zeroed page for the kernel's own use, counted once; null when there is
// none. kpage_free() gives it back; null is ignored.
void *kpage_alloc(void);
void kpage_free(void *kva);

// The page table entry for va, or null: a table is missing and !create, or
// there is no memory for it.
pte_t *pml4e_walk(pml4e_t *pml4e, uintptr_t va, bool create);
// Maps pp at va with perm | PTE_P; what was there goes. 0 or -E_NO_MEM. The
// page's count rises by one on success.
int page_insert(pml4e_t *pml4e, struct PageInfo *pp, uintptr_t va,
		uint64_t perm);
// The page at va, null when nothing is there; its entry in *ptep if given.
static inline struct PageInfo *page_lookup(pml4e_t *pml4e, uintptr_t va,
					   pte_t **ptep)
{
	pte_t *pte = pml4e_walk(pml4e, va, false);

	if (!pte || !(*pte & PTE_P))
		return NULL;
	if (ptep)
		*ptep = pte;
	return pa2page(PTE_ADDR(*pte));
}
void page_remove(pml4e_t *pml4e, uintptr_t va);
// Forgets va on every processor that uses this address space.
void tlb_invalidate(pml4e_t *pml4e, uintptr_t va);

// May the user of e read (perm 0) or write (PTE_W) all of [va, va + len)?
// 0 or -E_FAULT. Checked page by page in e's page table, so the answer holds
// as long as the caller keeps the kernel lock.
int user_mem_check(struct Env *e, const void *va, size_t len, uint64_t perm);
