// Extended page tables: from guest-physical to host-physical addresses
// (SDM volume 3, "The Extended Page Table Mechanism (EPT)"). The format of
// their entries is known to ept.c alone.
#pragma once

#include <inc/vmx.h>
#include <kern/pmap.h>
#include <vmm/vm.h>

// Index of a guest-physical address at level n: 3 is the root, 0 the leaf.
#define ADDR_TO_IDX(pa, n)	(((uintptr_t)(pa) >> (12 + 9 * (n))) & 511)

// The level-0 entry for gpa, present or not, in *epte_out when that is not
// null. -E_INVAL: no root. -E_NO_ENT: an intermediate table is absent and
// !create. -E_NO_MEM: there is no page for one. Tables, once made, live until
// the guest goes.
int ept_lookup_gpa(epte_t *eptrt, void *gpa, int create, epte_t **epte_out);
// Maps the page at kernel address hva at gpa with perm (__EPTE_*), memory
// type WB. -E_INVAL: something is mapped there and !overwrite; -E_NO_MEM.
// Counts no references.
int ept_map_hva2gpa(epte_t *eptrt, void *hva, void *gpa, int perm,
		    int overwrite);
// Maps pp at gpa with the permissions of a PTE; what was there goes. The
// page's count rises by one on success. -E_NO_MEM. The caller sees to it
// that translations in use are forgotten: vm_page_insert().
int ept_page_insert(epte_t *eptrt, struct PageInfo *pp, void *gpa, int perm);
// Whether this processor can map pages to be executed but not read.
bool ept_exec_only(void);
// Whether an EPT entry may have these permissions on this processor: write
// without read is a misconfiguration.
static inline bool ept_perm_ok(int perm)
{
	if (perm & ~__EPTE_FULL)
		return false;
	return (perm & __EPTE_READ) ||
		(perm == __EPTE_EXEC && ept_exec_only());
}
// Whether that entry maps a page, and where.
bool epte_present(epte_t epte);
physaddr_t epte_addr(epte_t epte);
void *epte_page_vaddr(epte_t epte);

// --------------------------------------------------------------
// A guest's memory

// May the guest have memory at gpa? Not in the VGA hole nor at its end.
static inline bool vm_has_memory(const struct Vm *vm, uintptr_t gpa)
{
	return gpa < vm->vm_memsz &&
		!(gpa >= IOPHYSMEM && gpa < EXTPHYSMEM);
}
// A guest's memory object with an empty EPT; null when memory runs out.
struct Vm *vm_alloc(uint64_t memsz);
// Pages that its EPT consists of.
uint32_t vm_tables(const struct Vm *vm);
// Gives all its pages and tables back. No processor may run in it.
void vm_free(struct Vm *vm);
// Gives the guest a zeroed page where it has none. 0; -E_INVAL: no memory
// may be there; -E_NO_MEM.
int vm_demand_page(struct Vm *vm, uintptr_t gpa);
// ept_page_insert into a guest's memory, and old translations are forgotten
// before a virtual CPU enters it again. No virtual CPU may be running in it.
// Also -E_INVAL: no memory may be there, or gpa is no page's.
int vm_page_insert(struct Vm *vm, struct PageInfo *pp, void *gpa, int perm);
// The kernel address of n bytes at gpa, which do not cross a page, if the
// guest itself may access them so (__EPTE_*); null else. A page that is not
// there yet comes into being, as it would for the guest.
void *vm_access(struct Vm *vm, uintptr_t gpa, size_t n, int perm);
// The page at gpa, for IPC: present or made; null when the guest may not
// access it as perm (PTE_W) asks.
struct PageInfo *ept_page_lookup(struct Vm *vm, void *gpa, int perm);
