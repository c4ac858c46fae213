// A guest's own page tables (SDM volume 3, "Paging"), for lib/vminsn.c.

#include <inc/mmu.h>
#include <inc/trap.h>
#include <inc/vmmio.h>

enum { FEC_RSVD = 8, FEC_FETCH = 16, RING3 = 3 };

struct paging {
	int levels, bits;	// of tables; of an index into one
	size_t entry;		// bytes
	uint64_t root;		// bits of CR3
};

static const struct paging two_level = { 2, 10, 4, 0xfffff000 };
static const struct paging pae = { 3, 9, 8, 0xffffffe0 };
static const struct paging four_level = { 4, 9, 8, 0xffffffffff000 };

static int page_fault(struct vm_mmio *m, uint64_t linear, uint32_t error)
{
	m->regs.cr2 = linear;
	m->vector = T_PGFLT;
	m->error = error;
	return VM_MMIO_FAULT;
}

static bool in_ring3(const struct vm_regs *r)
{
	return (r->seg[VM_SS].rights >> 5 & 3) == RING3;
}

// May it, with the rights that all levels of the tables give?
static bool allowed(const struct vm_regs *r, uint64_t rights,
		    enum vm_intent intent)
{
	if (intent == VM_FETCH)
		return true;
	if (in_ring3(r))
		return (rights & PTE_U) &&
			(intent == VM_READ || (rights & PTE_W));
	if ((rights & PTE_U) && (r->cr4 & CR4_SMAP) && !(r->rflags & FL_AC))
		return false;
	return intent == VM_READ || (rights & PTE_W) || !(r->cr0 & CR0_WP);
}

// Does this entry map a page at that level, 0 the lowest?
static bool is_page(const struct vm_regs *r, const struct paging *p,
		    int level, uint64_t entry)
{
	if (level == 0)
		return true;
	if (!(entry & PTE_PS) || level > 2 || (level == 2 && p == &pae))
		return false;
	return p != &two_level || (r->cr4 & CR4_PSE);
}

// Must-be-zero bits of an entry that is not of the lowest level. (Those above
// the processor's physical addresses are left to whoever has memory there.)
static bool is_reserved(const struct paging *p, int level, bool page,
			uint64_t entry)
{
	if (p == &pae && level == 2)
		return entry & 0x1e6;
	if (p == &two_level)
		return page && (entry & 1 << 21);
	if (!page)
		return level == 3 && (entry & PTE_PS);
	return entry & ((1ul << (12 + 9 * level)) - 1) & ~0x1ffful;
}

static uint64_t page_address(const struct paging *p, int level, uint64_t entry)
{
	if (p == &two_level && level == 1)	// bits 32-39 are in 13-20
		return (entry & 0xffc00000) | (entry & 0x1fe000) << 19;
	return PTE_ADDR(entry) & -1ul << (12 + p->bits * level);
}

// Sets bits in the entry at gpa that are not set yet.
static void mark(const struct vm_mmio *m, const struct paging *p, uint64_t gpa,
		 uint64_t entry, uint64_t bits)
{
	if ((entry & bits) == bits)
		return;
	entry |= bits;
	m->memory(m->ctx, gpa, &entry, p->entry, true);
}

// The guest-physical address of a linear one.
static int walk(struct vm_mmio *m, uint64_t linear, enum vm_intent intent,
		uint64_t *gpa)
{
	const struct paging *p = m->regs.efer & EFER_LMA ? &four_level :
		m->regs.cr4 & CR4_PAE ? &pae : &two_level;
	uint32_t error = (intent == VM_WRITE ? FEC_WR : 0) |
		(in_ring3(&m->regs) ? FEC_U : 0) |
		(intent == VM_FETCH && (m->regs.efer & EFER_NXE) ? FEC_FETCH :
		 0);
	uint64_t table = m->regs.cr3 & p->root, rights = PTE_U | PTE_W;
	uint64_t at, entry;
	int level = p->levels, shift;
	bool page;

	do {
		shift = 12 + p->bits * --level;
		at = table + (linear >> shift & ((1 << p->bits) - 1)) *
			p->entry;
		entry = 0;
		if (!m->memory(m->ctx, at, &entry, p->entry, false))
			return VM_MMIO_NO_MEMORY;
		page = is_page(&m->regs, p, level, entry);
		if (!(entry & PTE_P))
			return page_fault(m, linear, error);
		if (is_reserved(p, level, page, entry))
			return page_fault(m, linear, error | FEC_PR |
					  FEC_RSVD);
		table = PTE_ADDR(entry);
		if (p == &pae && level == 2)	// it has no such bits
			continue;
		rights &= entry;
		if (!page)
			mark(m, p, at, entry, PTE_A);
	} while (!page);
	if (!allowed(&m->regs, rights, intent))
		return page_fault(m, linear, error | FEC_PR);
	mark(m, p, at, entry, PTE_A | (intent == VM_WRITE ? PTE_D : 0));
	*gpa = page_address(p, level, entry) | (linear & ((1ul << shift) - 1));
	return 0;
}

int vm_locate(struct vm_mmio *m, uint64_t linear, size_t n,
	      enum vm_intent intent, struct vm_operand *where)
{
	bool paged = m->regs.cr0 & CR0_PG;
	int r = 0;

	where->first = MIN(n, PGSIZE - PGOFF(linear));
	where->gpa[0] = linear;
	where->gpa[1] = linear + where->first;
	if (!(m->regs.efer & EFER_LMA))
		where->gpa[1] = (uint32_t)where->gpa[1];
	for (int i = 0; paged && r == 0 && i < (where->first < n ? 2 : 1); i++)
		r = walk(m, where->gpa[i], intent, &where->gpa[i]);
	return r;
}
