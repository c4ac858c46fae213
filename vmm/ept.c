// Extended page tables, and a guest's memory.

#include <inc/error.h>
#include <inc/string.h>
#include <inc/x86.h>
#include <vmm/ept.h>
#include <vmm/vmcs.h>

// SDM volume 3, "Format of an EPT Page-Table Entry that Maps a 4-KByte Page".
enum {
	EPTE_WB = 6 << 3,		// memory type
	EPTE_IGNORE_PAT = 1 << 6,
	EPT_LEVELS = 4,
};

bool epte_present(epte_t epte)
{
	return epte & __EPTE_FULL;
}

physaddr_t epte_addr(epte_t epte)
{
	return PTE_ADDR(epte);
}

void *epte_page_vaddr(epte_t epte)
{
	return KADDR(epte_addr(epte));
}

bool ept_exec_only(void)
{
	return rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & EPT_CAP_EXEC_ONLY;
}

int ept_lookup_gpa(epte_t *eptrt, void *gpa, int create, epte_t **epte_out)
{
	epte_t *table = eptrt;

	if (!eptrt)
		return -E_INVAL;
#pragma GCC unroll 3
	for (int level = EPT_LEVELS - 1; level > 0; level--) {
		epte_t *epte = &table[ADDR_TO_IDX(gpa, level)];

		if (!epte_present(*epte)) {
			void *page;

			if (!create)
				return -E_NO_ENT;
			if (!(page = kpage_alloc()))
				return -E_NO_MEM;
			*epte = PADDR(page) | __EPTE_FULL;
		}
		table = epte_page_vaddr(*epte);
	}
	if (epte_out)
		*epte_out = &table[ADDR_TO_IDX(gpa, 0)];
	return 0;
}

int ept_map_hva2gpa(epte_t *eptrt, void *hva, void *gpa, int perm,
		    int overwrite)
{
	epte_t *epte;
	int r = ept_lookup_gpa(eptrt, gpa, 1, &epte);

	if (r < 0)
		return r;
	if (epte_present(*epte) && !overwrite)
		return -E_INVAL;
	*epte = PADDR(hva) | perm | EPTE_WB | EPTE_IGNORE_PAT;
	return 0;
}

int ept_page_insert(epte_t *eptrt, struct PageInfo *pp, void *gpa, int perm)
{
	int eptperm = __EPTE_READ | __EPTE_EXEC;
	epte_t *epte, old;
	int r = ept_lookup_gpa(eptrt, gpa, 1, &epte);

	if (r < 0)
		return r;
	if (perm & PTE_W)
		eptperm |= __EPTE_WRITE;
	old = *epte;
	page_incref(pp);
	ept_map_hva2gpa(eptrt, page2kva(pp), gpa, eptperm, 1);
	if (epte_present(old))
		page_decref(pa2page(epte_addr(old)));
	return 0;
}

// --------------------------------------------------------------
// A guest's memory

struct Vm *vm_alloc(uint64_t memsz)
{
	struct Vm *vm = kpage_alloc();

	if (!vm)
		return NULL;
	vm->vm_memsz = memsz;
	vm->vm_generation = 1;		// none has seen it
	vm->vm_eptrt = kpage_alloc();
	if (!vm->vm_eptrt) {
		kpage_free(vm);
		return NULL;
	}
	return vm;
}

static uint32_t count_tables(const epte_t *table, int level)
{
	uint32_t n = 1;

	for (int i = 0; level > 0 && i < 512; i++)
		if (epte_present(table[i]))
			n += count_tables(epte_page_vaddr(table[i]),
					  level - 1);
	return n;
}

uint32_t vm_tables(const struct Vm *vm)
{
	return count_tables(vm->vm_eptrt, EPT_LEVELS - 1);
}

static void free_table(epte_t *table, int level)
{
	for (int i = 0; i < 512; i++) {
		if (!epte_present(table[i]))
			continue;
		if (level > 0)
			free_table(epte_page_vaddr(table[i]), level - 1);
		else
			page_decref(pa2page(epte_addr(table[i])));
	}
	kpage_free(table);
}

void vm_free(struct Vm *vm)
{
	free_table(vm->vm_eptrt, EPT_LEVELS - 1);
	kpage_free(vm);
}

int vm_demand_page(struct Vm *vm, uintptr_t gpa)
{
	struct PageInfo *pp;
	int r;

	if (!vm_has_memory(vm, gpa))
		return -E_INVAL;
	if (!(pp = page_alloc(ALLOC_ZERO)))
		return -E_NO_MEM;
	r = ept_map_hva2gpa(vm->vm_eptrt, page2kva(pp), (void *)gpa,
			    __EPTE_FULL, 0);
	if (r < 0) {
		page_free(pp);
		// One that came while the guest's exit waited for the lock.
		return r == -E_INVAL ? 0 : r;
	}
	page_incref(pp);
	vm->vm_pages++;
	return 0;
}

int vm_page_insert(struct Vm *vm, struct PageInfo *pp, void *gpa, int perm)
{
	epte_t *epte;
	bool had;
	int r;

	if (PGOFF(gpa) || !vm_has_memory(vm, (uintptr_t)gpa))
		return -E_INVAL;
	if ((r = ept_lookup_gpa(vm->vm_eptrt, gpa, 1, &epte)) < 0)
		return r;
	had = epte_present(*epte);
	if ((r = ept_page_insert(vm->vm_eptrt, pp, gpa, perm)) < 0)
		return r;
	if (had)
		vm->vm_generation++;
	else
		vm->vm_pages++;
	return 0;
}

// The present entry for gpa, made when need be, that allows perm.
static epte_t *vm_entry(struct Vm *vm, uintptr_t gpa, int perm)
{
	epte_t *epte;

	if (!vm_has_memory(vm, gpa))
		return NULL;
	if (ept_lookup_gpa(vm->vm_eptrt, (void *)gpa, 0, &epte) < 0 ||
	    !epte_present(*epte)) {
		if (vm_demand_page(vm, ROUNDDOWN(gpa, PGSIZE)) < 0)
			return NULL;
		ept_lookup_gpa(vm->vm_eptrt, (void *)gpa, 0, &epte);
	}
	return (*epte & perm) == (epte_t)perm ? epte : NULL;
}

void *vm_access(struct Vm *vm, uintptr_t gpa, size_t n, int perm)
{
	epte_t *epte;

	if (n > PGSIZE - PGOFF(gpa))
		return NULL;
	epte = vm_entry(vm, gpa, perm);
	return epte ? epte_page_vaddr(*epte) + PGOFF(gpa) : NULL;
}

struct PageInfo *ept_page_lookup(struct Vm *vm, void *gpa, int perm)
{
	int eptperm = __EPTE_READ | (perm & PTE_W ? __EPTE_WRITE : 0);
	epte_t *epte = vm_entry(vm, (uintptr_t)gpa, eptperm);

	return epte ? pa2page(epte_addr(*epte)) : NULL;
}
