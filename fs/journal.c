// The journal: an operation is on the disk whole or not at all, wherever the
// power fails.
//
// What the disk's present state has - superblock, bitmap, directories,
// indirect blocks, data - changes in the cache only. The blocks changed since
// the last commit are the transaction; bc.c keeps them there until it is
// committed:
//
//	1. all else that is dirty goes to its places		disk_flush
//	2. copies of the transaction's blocks go to the journal,
//	   with a record of where they belong			disk_flush
//	3. those blocks go to their places
//
// The record is one sector, which a disk writes whole, with a checksum of
// itself and of the copies: without it, or with copies missing, nothing has
// happened; with it, the next start does step 3 once more. So record and
// copies need no order among themselves. The record stays until the next
// one, whose step 1 sees to it that this step 3 is on the disk for good.
//
// All else is the data of new blocks, which are nobody's when the transaction
// is lost: see `changed` in fs.c. A block that was freed is not new before the
// commit that has replaced the record, so the journal has no older copy of it.
//
// A redo journal, since an open file is an address in a directory's block:
// copy-on-write would have to move those, up to the root, at every commit.
#include <fs/fs.h>

static uint32_t start;		// block of the record; copies follow
static uint32_t max_copies;
static struct Journal txn;	// the record of the running transaction

bool journal_has(uint32_t blockno)
{
	for (uint32_t i = 0; i < txn.j_nblocks; i++)
		if (txn.j_block[i] == blockno)
			return true;
	return false;
}

uint32_t journal_room(void)
{
	return max_copies - txn.j_nblocks;
}

bool journal_empty(void)
{
	return txn.j_nblocks == 0;
}

int journal_add(const void *addr)
{
	uint32_t blockno = blockof(addr);
	void *block;
	int r;

	if (journal_has(blockno))
		return 0;
	if ((r = bc_get(blockno, &block)) < 0)
		return r;
	assert(journal_room() > 0);
	txn.j_block[txn.j_nblocks++] = blockno;
	return 0;
}

void journal_drop(uint32_t blockno)
{
	for (uint32_t i = 0; i < txn.j_nblocks; i++)
		if (txn.j_block[i] == blockno)
			txn.j_block[i] = txn.j_block[--txn.j_nblocks];
}

// --------------------------------------------------------------
// Commit

static uint64_t sum_up(uint64_t sum, const void *buf, size_t n)
{
	const uint64_t *p = buf;

	for (size_t i = 0; i < n / 8; i++) {
		sum = (sum ^ p[i]) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	return sum;
}

static uint64_t sum_record(struct Journal j)
{
	j.j_sum = 0;
	return sum_up(0, &j, sizeof(j));
}

static int write_journal(void)
{
	uint64_t sum;
	void *block;
	int r;

	txn.j_magic = JOURNAL_MAGIC;
	sum = sum_record(txn);
	for (uint32_t i = 0; i < txn.j_nblocks; i++) {
		if ((r = bc_get(txn.j_block[i], &block)) < 0)
			return r;
		sum = sum_up(sum, block, BLKSIZE);
		r = disk_write((start + 1 + i) * BLKSECTS, block, BLKSECTS);
		if (r < 0)
			return r;
	}
	txn.j_sum = sum;
	return disk_write(start * BLKSECTS, &txn, 1);
}

int journal_commit(void)
{
	uint32_t n = txn.j_nblocks;
	int lost = bc_flush(), r, bad = 0;

	if ((r = disk_flush()) < 0 || n == 0)
		return r < 0 ? r : lost;
	if ((r = write_journal()) < 0 || (r = disk_flush()) < 0)
		return r;
	txn.j_nblocks = 0;
	for (uint32_t i = 0; i < n; i++)
		if ((r = flush_block(diskaddr(txn.j_block[i]))) < 0)
			bad = r;
	if (bad < 0)
		txn.j_nblocks = n;	// they go into the next one again
	return bad < 0 ? bad : lost;
}

// --------------------------------------------------------------
// At start

// What is wrong with a record and its copies; nothing in it is believed.
static const char *journal_fault(const struct Journal *j, uint32_t nblocks)
{
	uint64_t sum = sum_record(*j);
	void *copy;

	if (j->j_magic != JOURNAL_MAGIC)
		return "it is damaged";
	if (j->j_nblocks == 0 || j->j_nblocks > max_copies)
		return "its length is impossible";
	for (uint32_t i = 0; i < j->j_nblocks; i++) {
		uint32_t b = j->j_block[i];

		if (b == 0 || b >= nblocks ||
		    (b >= start && b <= start + max_copies))
			return "it names a block that is none of the files'";
		if (bc_get(start + 1 + i, &copy) < 0)
			return "it can't be read";
		sum = sum_up(sum, copy, BLKSIZE);
	}
	return sum == j->j_sum ? NULL : "its last transaction is unfinished";
}

// Does step 3; returns how many blocks were not as they should be.
static int replay(const struct Journal *j)
{
	int r, changed = 0;

	for (uint32_t i = 0; i < j->j_nblocks; i++) {
		uint32_t b = j->j_block[i];
		void *copy, *block;

		if ((r = bc_get(start + 1 + i, &copy)) < 0)
			return r;
		if (bc_get(b, &block) < 0) {
			bc_new(b);	// it may be written though not read
			block = diskaddr(b);
		}
		if (memcmp(block, copy, BLKSIZE) == 0)
			continue;
		memcpy(block, copy, BLKSIZE);
		changed++;
	}
	return (r = bc_settle()) < 0 || (r = bc_flush()) < 0 ? r : changed;
}

int journal_init(uint32_t first, uint32_t n, uint32_t nblocks)
{
	const char *fault = "it can't be read";
	struct Journal j, *record;
	int r;

	start = first;
	max_copies = n - 1;
	memset(&txn, 0, sizeof(txn));
	if (bc_get(start, &record) == 0) {
		j = *record;
		if (j.j_magic == 0 && j.j_nblocks == 0)
			return 0;
		fault = journal_fault(&j, nblocks);
	}
	r = fault ? disk_write(start * BLKSECTS, &txn, 1) : replay(&j);
	for (uint32_t i = 0; i < n; i++)
		bc_drop(start + i);	// the cache must not keep old copies
	if (fault)
		cprintf("fs: journal ignored: %s\n", fault);
	else if (r > 0)
		cprintf("fs: journal: transaction finished, %d blocks\n", r);
	return MIN(r, 0);
}
