// The block cache. The whole disk lies at DISKMAP; a block is read when its
// page is first touched (bc_pgfault) and at most NCACHE of them are there at
// a time. Eviction is invisible: an address stays good, touching it brings
// the block back. That leaves reading errors, of which a page fault can tell
// nobody: the page then shows zeros, is never written to the disk, and
// bc_settle() tells the error once. Code that follows pointers on the disk
// uses bc_get(), which touches and asks at once; what is touched later, after
// an eviction in between, is caught by the request loop's bc_settle(). So
// that nothing worse than a lost free block comes of it, a block is unlinked
// before it is freed, and marked as used before it is linked. Blocks of the
// running transaction (journal.c) stay until it is committed.
#include <fs/fs.h>

// Bits of page table entries that are free for us: the server never forks.
#define PTE_DIRTY	PTE_COW		// was PTE_D before PTE_A was cleared
#define PTE_BAD		PTE_SHARE	// could not be read, or was dropped

static uint32_t disk_nblocks;
static uint32_t slots[NCACHE];	// the blocks in the cache, each once; or 0
static uint32_t hand;
static int bc_err;
static bool any_bad;		// pages with PTE_BAD
static bool unflushed;		// the disk may have something in its cache

void *diskaddr(uint32_t blockno)
{
	return (void *)(DISKMAP + (uintptr_t)blockno * BLKSIZE);
}

uint32_t blockof(const void *addr)
{
	return ((uintptr_t)addr - DISKMAP) / BLKSIZE;
}

int disk_write(uint32_t secno, const void *buf, size_t nsecs)
{
	int r;

	unflushed = true;
	if (sysinfo.si_role == ROLE_GUEST)
		r = host_write(secno, buf, nsecs);
	else
		r = ide_write(secno, buf, nsecs);
	if (r < 0)
		cprintf("fs: writing block %u: %e\n", secno / BLKSECTS, r);
	return r;
}

int disk_flush(void)
{
	int r;

	if (!unflushed)
		return 0;
	r = sysinfo.si_role == ROLE_GUEST ? host_flush() : ide_flush();
	if (r < 0)
		cprintf("fs: the disk's cache can't be written: %e\n", r);
	unflushed = r < 0;
	return r;
}

static bool is_dirty(pte_t pte)
{
	return (pte & (PTE_D | PTE_DIRTY)) && !(pte & PTE_BAD);
}

int flush_block(void *addr)
{
	uint32_t blockno = blockof(addr);
	int r;

	if (!is_dirty(va_pte(addr)) || journal_has(blockno))
		return 0;
	addr = diskaddr(blockno);
	if ((r = disk_write(blockno * BLKSECTS, addr, BLKSECTS)) < 0)
		return r;
	return sys_page_map(0, addr, 0, addr, PERM_RW);
}

static void empty(uint32_t *slot)
{
	sys_page_unmap(0, diskaddr(*slot));
	*slot = 0;
}

// Takes the block out of the cache, written or, when it can't be, lost.
static void evict(uint32_t *slot)
{
	if (flush_block(diskaddr(*slot)) < 0) {
		cprintf("fs: block %u is lost\n", *slot);
		bc_err = -E_IO;
	}
	empty(slot);
}

// An unused slot. Clock: what was touched since the hand came by last stays,
// and so does the transaction.
static uint32_t *free_slot(void)
{
	for (;;) {
		uint32_t *slot = &slots[hand++ % NCACHE];
		void *addr = diskaddr(*slot);
		pte_t pte;

		if (*slot == 0)
			return slot;
		pte = va_pte(addr);
		if (!(pte & PTE_A) && !journal_has(*slot)) {
			evict(slot);
			return slot;
		}
		if (pte & PTE_D)	// goes together with PTE_A
			pte |= PTE_DIRTY;
		sys_page_map(0, addr, 0, addr, pte & PTE_SYSCALL);
	}
}

// Memory is short: gives one page of the cache back, or waits.
static void give_back(void)
{
	for (int i = 0; i < NCACHE; i++) {
		uint32_t *slot = &slots[hand++ % NCACHE];

		if (*slot && !journal_has(*slot)) {
			evict(slot);
			return;
		}
	}
	sys_sleep(10);
}

// A page of zeros for the block.
static void place(uint32_t blockno, int perm)
{
	uint32_t *slot = free_slot();

	while (sys_page_alloc(0, diskaddr(blockno), perm) < 0)
		give_back();
	*slot = blockno;
}

static void bc_pgfault(struct UTrapframe *utf)
{
	uintptr_t va = utf->utf_fault_va;
	uint32_t blockno = (va - DISKMAP) / BLKSIZE;
	void *addr = diskaddr(blockno);
	int perm = PERM_RW;
	int r;

	if (va < DISKMAP || va - DISKMAP >= DISKSIZE ||
	    blockno >= disk_nblocks || (utf->utf_err & FEC_PR))
		panic("page fault at va %lx, rip %lx, error %lx", va,
		      utf->utf_rip, utf->utf_err);
	place(blockno, PERM_RW);
	if (sysinfo.si_role == ROLE_GUEST)
		r = host_read(blockno * BLKSECTS, addr, BLKSECTS);
	else
		r = ide_read(blockno * BLKSECTS, addr, BLKSECTS);
	if (r < 0) {
		cprintf("fs: reading block %u: %e\n", blockno, r);
		memset(addr, 0, BLKSIZE);
		perm |= PTE_BAD;
		bc_err = -E_IO;
		any_bad = true;
	}
	sys_page_map(0, addr, 0, addr, perm);	// clears PTE_D
}

int bc_settle(void)
{
	int r = bc_err;

	bc_err = 0;
	if (r < 0)
		bc_sweep();
	return r;
}

void bc_sweep(void)
{
	for (int i = 0; any_bad && i < NCACHE; i++)
		if (slots[i] && (va_pte(diskaddr(slots[i])) & PTE_BAD))
			empty(&slots[i]);
	any_bad = false;
}

int bc_get(uint32_t blockno, void *pp)
{
	char *addr = diskaddr(blockno);

	if (blockno == 0 || blockno >= disk_nblocks)
		return -E_CORRUPT;
	*(volatile char *)addr;
	*(void **)pp = addr;
	return bc_settle();
}

void bc_new(uint32_t blockno)
{
	void *addr = diskaddr(blockno);

	if (!va_pte(addr)) {
		place(blockno, PERM_RW | PTE_DIRTY);
		return;
	}
	memset(addr, 0, BLKSIZE);
	sys_page_map(0, addr, 0, addr, PERM_RW | PTE_DIRTY);
}

void bc_drop(uint32_t blockno)
{
	void *addr = diskaddr(blockno);

	if (va_pte(addr)) {
		sys_page_map(0, addr, 0, addr, PERM_RW | PTE_BAD);
		any_bad = true;
	}
}

int bc_flush(void)
{
	int r, ret = 0;

	for (int i = 0; i < NCACHE; i++)
		if ((r = flush_block(diskaddr(slots[i]))) < 0)
			ret = r;
	return ret;
}

void bc_empty(void)
{
	for (int i = 0; i < NCACHE; i++)
		if (slots[i] && !is_dirty(va_pte(diskaddr(slots[i]))))
			empty(&slots[i]);
}

int bc_init(void)
{
	int r = sysinfo.si_role == ROLE_GUEST ? host_init() : ide_init();

	if (r < 0)
		return r;
	disk_nblocks = MIN((size_t)r, DISKSIZE / BLKSIZE);
	set_pgfault_handler(bc_pgfault);
	return disk_nblocks;
}
