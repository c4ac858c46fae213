// Physical pages, and address spaces made of them.

#include <inc/env.h>
#include <inc/error.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <kern/cpu.h>
#include <kern/env.h>
#include <kern/pmap.h>

// A range of free memory that has never been handed out.
struct ram {
	physaddr_t next, end;
};
enum { MAX_RAM = 32 };
// More than that is not used: pages[] lies in the first GiB.
#define MAX_MEMORY	(128ul << 30)
#define DEVICES_END	(4ul << 30)

static struct ram ram[MAX_RAM];
static int nram, cur_ram;
static struct PageInfo *page_free_list;	// pages that came back

struct PageInfo *pages;
size_t npages;
pml4e_t *kern_pml4e;
physaddr_t kern_cr3;
struct sysinfo sysinfo;
uint32_t page_fail_at;

// --------------------------------------------------------------
// The memory map

// Adds [base, end) to the free memory, without what lies below `from`.
static void add_ram(physaddr_t base, physaddr_t lim, physaddr_t from)
{
	base = ROUNDUP(MAX(base, from), PGSIZE);
	lim = ROUNDDOWN(MIN(lim, MAX_MEMORY), PGSIZE);
	if (base >= lim)
		return;
	if (nram == MAX_RAM) {
		cprintf("mem: more than %d ranges, rest unused\n", MAX_RAM);
		return;
	}
	ram[nram++] = (struct ram){ base, lim };
	sysinfo.si_total_pages += (lim - base) / PGSIZE;
}

// Where memory ends below 4 GiB: a PC has its devices from there on.
static physaddr_t device_base;

// Calls add_ram for each usable range; returns the end of the highest.
// Memory below 1 MiB is left to the BIOS and the start of processors.
static physaddr_t read_mmap(const struct multiboot_info *mbi, physaddr_t from)
{
	const struct multiboot_mmap *m = KADDR(mbi->mmap_addr);
	const struct multiboot_mmap *lim = (void *)m + mbi->mmap_length;
	physaddr_t top = 0;

	for (; m < lim; m = (void *)m + m->size + 4) {
		physaddr_t base = m->base_lo | (uint64_t)m->base_hi << 32;
		physaddr_t len = m->len_lo | (uint64_t)m->len_hi << 32;

		if (m->type != MB_RAM || base + len < base)
			continue;
		top = MAX(top, MIN(base + len, MAX_MEMORY));
		if (base + len <= DEVICES_END)
			device_base = MAX(device_base, base + len);
		if (from)
			add_ram(base, base + len, from);
	}
	return top;
}

// --------------------------------------------------------------
// Pages

struct PageInfo *page_alloc(int flags)
{
	struct PageInfo *pp = page_free_list;

	if (page_fail_at && --page_fail_at == 0)
		return NULL;
	if (pp) {
		page_free_list = pp->pp_link;
		pp->pp_link = NULL;
		pp->pp_free = 0;
	} else {
		while (cur_ram < nram && ram[cur_ram].next == ram[cur_ram].end)
			cur_ram++;
		if (cur_ram == nram)
			return NULL;
		pp = pa2page(ram[cur_ram].next);
		ram[cur_ram].next += PGSIZE;
	}
	sysinfo.si_free_pages--;
	if (flags & ALLOC_ZERO)
		memset(page2kva(pp), 0, PGSIZE);
	return pp;
}

void page_free(struct PageInfo *pp)
{
	assert(pp->pp_ref == 0 && !pp->pp_free);
	pp->pp_free = 1;
	pp->pp_link = page_free_list;
	page_free_list = pp;
	sysinfo.si_free_pages++;
}

void page_decref(struct PageInfo *pp)
{
	assert(pp->pp_ref > 0);
	pp->pp_ref--;
	page_wake(pp);
	if (pp->pp_ref == 0)
		page_free(pp);
}

void *kpage_alloc(void)
{
	struct PageInfo *pp = page_alloc(ALLOC_ZERO);

	if (!pp)
		return NULL;
	page_incref(pp);
	return page2kva(pp);
}

void kpage_free(void *kva)
{
	if (kva)
		page_decref(pa2page(PADDR(kva)));
}

// --------------------------------------------------------------
// Address spaces

// The long way: a table may be missing. Apart, so that the short one saves no
// registers.
static __attribute__((noinline)) pte_t *
walk_create(pml4e_t *pml4e, uintptr_t va)
{
	uint64_t *table = pml4e;

	for (int shift = 39; shift > PGSHIFT; shift -= 9) {
		uint64_t *entry = &table[(va >> shift) & 511];

		if (!(*entry & PTE_P)) {
			void *page = kpage_alloc();

			if (!page)
				return NULL;
			// The leaf alone decides what is allowed.
			*entry = PADDR(page) | PTE_P | PTE_W | PTE_U;
		} else if (*entry & PTE_PS) {
			return NULL;
		}
		table = KADDR(PTE_ADDR(*entry));
	}
	return &table[PTX(va)];
}

pte_t *pml4e_walk(pml4e_t *pml4e, uintptr_t va, bool create)
{
	uint64_t *table = pml4e;

#pragma GCC unroll 3
	for (int shift = 39; shift > PGSHIFT; shift -= 9) {
		uint64_t entry = table[(va >> shift) & 511];

		if ((entry & (PTE_P | PTE_PS)) != PTE_P)
			return create ? walk_create(pml4e, va) : NULL;
		table = KADDR(PTE_ADDR(entry));
	}
	return &table[PTX(va)];
}

int page_insert(pml4e_t *pml4e, struct PageInfo *pp, uintptr_t va,
		uint64_t perm)
{
	pte_t *pte = pml4e_walk(pml4e, va, true);

	if (!pte)
		return -E_NO_MEM;
	// First up, then down: the page may be there already.
	page_incref(pp);
	if (*pte & PTE_P)
		page_remove(pml4e, va);
	*pte = page2pa(pp) | perm | PTE_P;
	return 0;
}

void page_remove(pml4e_t *pml4e, uintptr_t va)
{
	pte_t *pte;
	struct PageInfo *pp = page_lookup(pml4e, va, &pte);

	if (!pp)
		return;
	*pte = 0;
	tlb_invalidate(pml4e, va);
	page_decref(pp);
}

void tlb_invalidate(pml4e_t *pml4e, uintptr_t va)
{
	struct CpuInfo *me = thiscpu;

	for (struct CpuInfo *c = cpus; c < cpus + ncpu; c++) {
		if (!c->cpu_env || c->cpu_env->env_pml4e != pml4e)
			continue;
		if (c == me) {
			invlpg((void *)va);
		} else {
			c->cpu_flush_tlb = true;
			cpu_kick(c);
		}
	}
}

int user_mem_check(struct Env *e, const void *ptr, size_t len, uint64_t perm)
{
	uintptr_t va = (uintptr_t)ptr, lim = va + len;

	perm |= PTE_P | PTE_U;
	if (lim < va || lim > ULIM)
		return -E_FAULT;
	for (va = ROUNDDOWN(va, PGSIZE); va < lim; va += PGSIZE) {
		pte_t *pte = pml4e_walk(e->env_pml4e, va, false);

		if (!pte || (*pte & perm) != perm)
			return -E_FAULT;
	}
	return 0;
}

// --------------------------------------------------------------
// The kernel's own address space

// Memory that mem_init takes before there are pages: rises from the kernel's
// end. Not zeroed.
static uintptr_t boot_next;

static void *boot_alloc(size_t n)
{
	void *p = (void *)boot_next;

	boot_next = ROUNDUP(boot_next + n, PGSIZE);
	return p;
}

static uint64_t *boot_table(void)
{
	return memset(boot_alloc(PGSIZE), 0, PGSIZE);
}

// The table that *entry names, made when it is missing.
static uint64_t *boot_subtable(uint64_t *entry)
{
	if (!(*entry & PTE_P))
		*entry = PADDR(boot_table()) | PTE_P | PTE_W | PTE_U;
	return KADDR(PTE_ADDR(*entry));
}

// Permissions of a page of the first megabytes: the kernel's text cannot be
// written, nothing else can be executed.
static uint64_t kernel_perm(uintptr_t va)
{
	extern char text[], etext[], erodata[];

	if (va >= (uintptr_t)text && va < (uintptr_t)etext)
		return PTE_P;
	if (va >= (uintptr_t)etext && va < (uintptr_t)erodata)
		return PTE_P | PTE_NX;
	for (int i = 0; i < NCPU; i++)
		if (va == (uintptr_t)kstacks[i].guard)
			return 0;
	if (va >= KERNBASE + IOPHYSMEM && va < KERNBASE + EXTPHYSMEM)
		return PTE_P | PTE_W | PTE_NX | PTE_PCD | PTE_PWT;
	return PTE_P | PTE_W | PTE_NX;
}

// Maps [0, top) at KERNBASE: up to the kernel's end by small pages, the rest
// by large ones.
static void map_physical(physaddr_t top)
{
	physaddr_t small = ROUNDUP(PADDR(end), PTSIZE);

	for (physaddr_t pa = 0; pa < top; pa += PTSIZE) {
		uintptr_t va = KERNBASE + pa;
		uint64_t *pdpt = boot_subtable(&kern_pml4e[PML4(va)]);
		uint64_t *pd = boot_subtable(&pdpt[PDPE(va)]);
		uint64_t *pt;

		if (pa >= small) {
			pd[PDX(va)] = pa | PTE_P | PTE_W | PTE_PS | PTE_G |
				PTE_NX |
				(pa >= device_base && pa < DEVICES_END ?
				 PTE_PCD | PTE_PWT : 0);
			continue;
		}
		pt = boot_subtable(&pd[PDX(va)]);
		for (int i = 0; i < 512; i++)
			pt[i] = (pa + i * PGSIZE) | PTE_G |
				kernel_perm(va + i * PGSIZE);
	}
}

// Maps n bytes of kernel memory where users can read them.
static void map_readonly(uintptr_t va, const void *kva, size_t n)
{
	for (size_t i = 0; i < n; i += PGSIZE) {
		uint64_t *pdpt = boot_subtable(&kern_pml4e[PML4(va + i)]);
		uint64_t *pd = boot_subtable(&pdpt[PDPE(va + i)]);
		uint64_t *pt = boot_subtable(&pd[PDX(va + i)]);

		pt[PTX(va + i)] = PADDR(kva + i) | PTE_P | PTE_U | PTE_NX;
	}
}

// Users learn the page tables of their own slot and of UINFO through UVPT;
// env_alloc sets that entry for each.
void mem_init(uint32_t info)
{
	const struct multiboot_info *mbi = KADDR(info);
	physaddr_t memory = read_mmap(mbi, 0), top = memory;

	// The first GiB is mapped so far, so these must lie in it.
	boot_next = (uintptr_t)end;
	npages = memory >> PGSHIFT;
	pages = boot_alloc(npages * sizeof(*pages));
	memset(pages, 0, ROUNDUP(npages * sizeof(*pages), PGSIZE));
	kern_pml4e = boot_table();
	kern_cr3 = PADDR(kern_pml4e);
	if (sysinfo.si_role == ROLE_HOST)
		top = MAX(top, DEVICES_END);	// the APIC is up there
	map_physical(ROUNDUP(top, PTSIZE));
	map_readonly(UINFO, &sysinfo, PGSIZE);
	map_readonly(UENVS, envs, NENV * sizeof(struct Env));
	map_readonly(UPAGES, pages, npages * sizeof(*pages));
	read_mmap(mbi, PADDR(boot_next));
	sysinfo.si_free_pages = sysinfo.si_total_pages;
	lcr3(kern_cr3);
	if (memory > DEVICES_END)		// where there is none
		memory -= DEVICES_END - device_base;
	cprintf("Physical memory: %luM, %lu pages free\n", memory >> 20,
		sysinfo.si_free_pages);
}
