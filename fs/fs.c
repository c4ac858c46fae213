// Files and directories (the format is in inc/fs.h), free blocks, and the
// check at start. Nothing that was read from the disk is used unchecked.
#include <fs/fs.h>

// Blocks to which more than one file lays claim, and, while the check runs,
// blocks to which one does.
#define claimed_twice	((uint32_t *)FSMAPS)
#define claimed		((uint32_t *)(FSMAPS + 0x400000))
// Blocks that were allocated or freed since the last commit. A free one must
// not be used before the next: a power cut may give it back to the file that
// had it. One in use is nobody's after a power cut, so its data may go to the
// disk at any time.
#define changed		((uint32_t *)(FSMAPS + 0x800000))

static struct Super *super;
static uint32_t *bitmap;
static uint32_t nblocks, journal_start, data_start;
static uint32_t hint;		// word of the bitmap to look at first
static uint32_t nchanged;

static bool test_bit(const uint32_t *map, uint32_t n)
{
	return map[n / 32] >> n % 32 & 1;
}

static void set_bit(uint32_t *map, uint32_t n)
{
	map[n / 32] |= 1u << n % 32;
}

// --------------------------------------------------------------
// Operations

int fs_commit(void)
{
	int r = journal_commit();

	if (nchanged && journal_empty()) {
		memset(changed, 0, NBITMAP(nblocks) * PGSIZE);
		nchanged = 0;
	}
	return r;
}

bool fs_reclaim(void)
{
	return nchanged && (fs_commit() == 0 || !nchanged);
}

// An operation begins: all that it may change has room in the transaction,
// which ends between two operations only. What it has already stays in memory,
// so it also ends when that is short.
static int begin(void)
{
	uint32_t need = MAX_CHANGES(nblocks);
	int r = 0;

	if (journal_room() < need ||
	    (sysinfo.si_free_pages < need && !journal_empty()))
		r = fs_commit();
	return journal_room() < need ? r : 0;
}

int fs_sync(void)
{
	int r = fs_commit();

	bc_empty();
	return r;
}

// --------------------------------------------------------------
// Free blocks

bool block_is_free(uint32_t blockno)
{
	return blockno < nblocks && test_bit(bitmap, blockno);
}

// Is this a block that one file, and only one, may call its own?
static bool block_ok(uint32_t blockno)
{
	return blockno >= data_start && blockno < nblocks &&
		!test_bit(claimed_twice, blockno);
}

static int find_free(void)
{
	uint32_t nwords = (nblocks + 31) / 32;

	for (uint32_t i = 0; i < nwords; i++) {
		uint32_t w = (hint + i) % nwords, b;

		if (!(bitmap[w] & ~changed[w]))
			continue;
		b = w * 32 + __builtin_ctz(bitmap[w] & ~changed[w]);
		if (!block_ok(b))
			continue;
		hint = w;
		return b;
	}
	return -E_NO_DISK;
}

int alloc_block(void)
{
	int r, b = find_free();

	if ((r = bc_settle()) < 0)
		return r;
	if (b < 0 || (r = journal_add(&bitmap[b / 32])) < 0)
		return b < 0 ? b : r;
	bitmap[b / 32] &= ~(1u << b % 32);
	set_bit(changed, b);
	nchanged++;
	return b;
}

void free_block(uint32_t blockno)
{
	if (!block_ok(blockno) || journal_add(&bitmap[blockno / 32]) < 0)
		return;
	set_bit(bitmap, blockno);
	set_bit(changed, blockno);
	nchanged++;
	hint = MIN(hint, blockno / 32);		// used again soon
	journal_drop(blockno);
	bc_drop(blockno);
}

// --------------------------------------------------------------
// A file's blocks

const char *file_fault(const struct File *f)
{
	if (!memchr(f->f_name, 0, MAXNAMELEN))
		return "its name has no end";
	if (f->f_type != FTYPE_REG && f->f_type != FTYPE_DIR)
		return "it is neither file nor directory";
	if (f->f_size < 0 || f->f_size > MAXFILESIZE)
		return "its size is impossible";
	if (f->f_type == FTYPE_DIR && f->f_size % BLKSIZE != 0)
		return "a directory's size is whole blocks";
	return NULL;
}

// A new block of zeros; its number goes to *slot.
static int alloc_zeroed(uint32_t *slot)
{
	int r, b;

	if ((r = journal_add(slot)) < 0 || (b = r = alloc_block()) < 0)
		return r;
	bc_new(b);
	*slot = b;
	return 0;
}

// Where the number of f's block filebno stands. -E_NOT_FOUND: the block that
// would hold it is a hole.
static int file_block_walk(struct File *f, uint32_t filebno, bool alloc,
			   uint32_t **pslot)
{
	uint32_t *indirect;
	int r;

	if (filebno >= NDIRECT + NINDIRECT)
		return -E_INVAL;
	if (filebno < NDIRECT) {
		*pslot = &f->f_direct[filebno];
		return 0;
	}
	if (!f->f_indirect) {
		if (!alloc)
			return -E_NOT_FOUND;
		if ((r = alloc_zeroed(&f->f_indirect)) < 0)
			return r;
	}
	if (!block_ok(f->f_indirect))
		return -E_CORRUPT;
	if ((r = bc_get(f->f_indirect, &indirect)) < 0)
		return r;
	*pslot = &indirect[filebno - NDIRECT];
	return 0;
}

int file_get_block(struct File *f, uint32_t filebno, bool alloc, char **blk)
{
	uint32_t *slot;
	int r = file_block_walk(f, filebno, alloc, &slot);

	*blk = NULL;
	if (r < 0)
		return r == -E_NOT_FOUND ? 0 : r;
	if (!*slot) {
		if (!alloc)
			return 0;
		if ((r = alloc_zeroed(slot)) < 0)
			return r;
	}
	if (!block_ok(*slot))
		return -E_CORRUPT;
	return bc_get(*slot, blk);
}

ssize_t file_read(struct File *f, void *buf, size_t n, off_t offset)
{
	char *dst = buf, *blk;
	off_t pos, end;
	int r;

	if (offset < 0)
		return -E_INVAL;
	if (offset >= f->f_size)
		return 0;
	end = offset + MIN(n, (size_t)(f->f_size - offset));
	for (pos = offset; pos < end; ) {
		size_t bn = MIN(BLKSIZE - pos % BLKSIZE, end - pos);

		r = file_get_block(f, pos / BLKSIZE, false, &blk);
		if (r < 0)
			return r;
		if (blk)
			memcpy(dst, blk + pos % BLKSIZE, bn);
		else
			memset(dst, 0, bn);
		pos += bn;
		dst += bn;
	}
	return end - offset;
}

// The data block is about to change. When a committed file has it, it goes
// through the journal: a power cut leaves what it was, or all of the change.
static int data_changes(const char *blk)
{
	return test_bit(changed, blockof(blk)) ? 0 : journal_add(blk);
}

// Behind a file's end its last block has anything; before the end moves on
// that becomes zeros.
static int clear_tail(struct File *f)
{
	uint32_t used = f->f_size % BLKSIZE;
	char *blk = NULL;
	int r = 0;

	if (used)
		r = file_get_block(f, f->f_size / BLKSIZE, false, &blk);
	if (blk && (r = data_changes(blk)) == 0)
		memset(blk + used, 0, BLKSIZE - used);
	return r;
}

// Unlinks a block, then frees it.
static void unlink_block(uint32_t *slot)
{
	uint32_t b = *slot;

	if (!b)
		return;
	*slot = 0;
	free_block(b);
}

// The same for an indirect block, null if it has none, and all in it, which is
// unlinked at once: the block's own contents may stay.
static void unlink_indirect(uint32_t *slot, const uint32_t *indirect)
{
	uint32_t b = *slot;

	*slot = 0;
	for (uint32_t i = 0; indirect && i < NINDIRECT; i++)
		if (indirect[i])
			free_block(indirect[i]);
	free_block(b);
}

// Cuts f, which is longer or has blocks past its end, to that size. Blocks
// that are not surely its own are only unlinked.
static int file_truncate(struct File *f, off_t size)
{
	uint32_t keep = ROUNDUP(size, BLKSIZE) / BLKSIZE, i;
	uint32_t *indirect = NULL;
	int r;

	if ((r = journal_add(f)) < 0)
		return r;
	if (block_ok(f->f_indirect) &&
	    (r = bc_get(f->f_indirect, &indirect)) < 0)
		return r;
	if (indirect && keep > NDIRECT && (r = journal_add(indirect)) < 0)
		return r;
	f->f_size = size;
	for (i = keep; i < NDIRECT; i++)
		unlink_block(&f->f_direct[i]);
	if (keep <= NDIRECT) {
		unlink_indirect(&f->f_indirect, indirect);
		return 0;
	}
	for (i = keep - NDIRECT; indirect && i < NINDIRECT; i++)
		unlink_block(&indirect[i]);
	return 0;
}

// f's data block filebno, which is about to change.
static int change_block(struct File *f, uint32_t filebno, char **blk)
{
	int r = file_get_block(f, filebno, true, blk);

	return r < 0 ? r : data_changes(*blk);
}

// Has all blocks before it changes any.
ssize_t file_write(struct File *f, const void *buf, size_t n, off_t offset)
{
	uint32_t filebno = offset / BLKSIZE;
	size_t at = offset % BLKSIZE, first = MIN(n, BLKSIZE - at);
	off_t end = offset + n;
	char *blk, *next;
	int r;

	if (offset < 0 || n > BLKSIZE || offset > MAXFILESIZE - (off_t)n)
		return -E_INVAL;
	if (n == 0)
		return 0;
	if ((r = begin()) < 0 ||
	    (end > f->f_size && (r = journal_add(f)) < 0) ||
	    (offset > f->f_size && (r = clear_tail(f)) < 0))
		return r;
	r = change_block(f, filebno, &blk);
	if (r == 0 && n > first)
		r = change_block(f, filebno + 1, &next);
	if (r < 0) {
		if (end > f->f_size)
			file_truncate(f, f->f_size);
		return r;
	}
	memcpy(blk + at, buf, first);
	if (n > first)
		memcpy(next, (const char *)buf + first, n - first);
	if (end > f->f_size)
		f->f_size = end;
	return n;
}

int file_set_size(struct File *f, off_t size)
{
	int r;

	if (size < 0 || size > MAXFILESIZE)
		return -E_INVAL;
	if ((r = begin()) < 0)
		return r;
	if (size < f->f_size)
		return file_truncate(f, size);
	if ((r = journal_add(f)) < 0 ||
	    (size > f->f_size && (r = clear_tail(f)) < 0))
		return r;
	f->f_size = size;
	return 0;
}

static bool is_zero(const char *blk)
{
	const uint64_t *p = (const uint64_t *)blk;

	for (size_t i = 0; i < BLKSIZE / 8; i++)
		if (p[i])
			return false;
	return true;
}

static int copy_blocks(struct File *src, struct File *dst)
{
	uint32_t n = ROUNDUP(src->f_size, BLKSIZE) / BLKSIZE;
	char *from, *to;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		if ((r = file_get_block(src, i, false, &from)) < 0)
			return r;
		if (!from || is_zero(from))
			continue;
		if ((r = file_get_block(dst, i, true, &to)) < 0)
			return r;
		memcpy(to, from, BLKSIZE);
	}
	return 0;
}

int file_copy(struct File *src, struct File *dst)
{
	uint32_t *indirect = NULL;
	struct File old;
	int r;

	if (src == dst)
		return -E_INVAL;
	if ((r = begin()) < 0 || (r = journal_add(dst)) < 0 ||
	    (block_ok(dst->f_indirect) &&
	     (r = bc_get(dst->f_indirect, &indirect)) < 0))
		return r;
	old = *dst;
	memset(dst->f_direct, 0, sizeof(dst->f_direct));
	dst->f_indirect = 0;
	if ((r = copy_blocks(src, dst)) < 0 || (r = bc_settle()) < 0) {
		file_truncate(dst, 0);
		*dst = old;
		return r;
	}
	dst->f_size = src->f_size;
	for (uint32_t i = 0; i < NDIRECT; i++)
		unlink_block(&old.f_direct[i]);
	unlink_indirect(&old.f_indirect, indirect);
	return 0;
}

// --------------------------------------------------------------
// Directories

static bool is_dir(const struct File *f)
{
	return f->f_type == FTYPE_DIR;
}

// dir's entry number i; null: it lies in a hole.
static int dir_entry(struct File *dir, uint32_t i, struct File **pf)
{
	char *blk;
	int r = file_get_block(dir, i / BLKFILES, false, &blk);

	*pf = blk ? (struct File *)blk + i % BLKFILES : NULL;
	return r;
}

static uint32_t dir_size(const struct File *dir)
{
	return dir->f_size / sizeof(struct File);
}

static int dir_lookup(struct File *dir, const char *name, struct File **pf)
{
	struct File *f;
	int r;

	for (uint32_t i = 0; i < dir_size(dir); i++) {
		if ((r = dir_entry(dir, i, &f)) < 0)
			return r;
		if (f && strncmp(f->f_name, name, MAXNAMELEN) == 0) {
			*pf = f;
			return 0;
		}
	}
	return -E_NOT_FOUND;
}

// A free entry in dir, which grows when it has none.
static int dir_alloc_file(struct File *dir, struct File **pf)
{
	uint32_t n = dir_size(dir);
	struct File *f;
	char *blk;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		if ((r = dir_entry(dir, i, &f)) < 0)
			return r;
		if (f && !f->f_name[0]) {
			*pf = f;
			return 0;
		}
	}
	if (dir->f_size == MAXFILESIZE)
		return -E_NO_DISK;
	if ((r = journal_add(dir)) < 0 ||
	    (r = file_get_block(dir, dir->f_size / BLKSIZE, true, &blk)) < 0)
		return r;
	memset(blk, 0, BLKSIZE);
	dir->f_size += BLKSIZE;
	*pf = (struct File *)blk;
	return 0;
}

static int dir_is_empty(struct File *dir)
{
	struct File *f;
	int r;

	for (uint32_t i = 0; i < dir_size(dir); i++) {
		if ((r = dir_entry(dir, i, &f)) < 0)
			return r;
		if (f && f->f_name[0])
			return false;
	}
	return true;
}

// Takes the next name off the path: 1, or 0 when there is none left; `name`
// is the last one then.
static int next_name(const char **path, char *name)
{
	const char *p = *path;
	size_t n = 0;

	while (*p == '/')
		p++;
	while (p[n] && p[n] != '/')
		n++;
	if (n >= MAXNAMELEN)
		return -E_BAD_PATH;
	if (n == 0)
		return 0;
	memcpy(name, p, n);
	name[n] = 0;
	*path = p + n;
	return 1;
}

// Follows the path to its file, null when its directory *pdir has none of the
// name `last`. The root has no directory.
static int walk_path(const char *path, struct File **pdir, struct File **pf,
		     char *last)
{
	struct File *dir = NULL, *f = &super->s_root;
	int r, depth = 0;

	while ((r = next_name(&path, last)) > 0) {
		if (++depth > MAXDEPTH)
			return -E_BAD_PATH;
		if (!f || !is_dir(f))
			return -E_NOT_FOUND;
		if (file_fault(f))
			return -E_CORRUPT;
		dir = f;
		r = dir_lookup(dir, last, &f);
		if (r == -E_NOT_FOUND)
			f = NULL;
		else if (r < 0)
			return r;
	}
	*pdir = dir;
	*pf = f;
	return r;
}

int file_open(const char *path, struct File **pf)
{
	static char name[MAXNAMELEN];
	struct File *dir;
	int r = walk_path(path, &dir, pf, name);

	if (r < 0)
		return r;
	if (!*pf)
		return -E_NOT_FOUND;
	return file_fault(*pf) ? -E_CORRUPT : 0;
}

int file_create(const char *path, uint32_t type, struct File **pf)
{
	static char name[MAXNAMELEN];
	struct File *dir, *f;
	int r = walk_path(path, &dir, &f, name);

	if (r < 0)
		return r;
	if (f)
		return -E_FILE_EXISTS;
	if ((r = begin()) < 0 || (r = dir_alloc_file(dir, &f)) < 0 ||
	    (r = journal_add(f)) < 0)
		return r;
	memset(f, 0, sizeof(*f));
	f->f_type = type;
	strcpy(f->f_name, name);
	*pf = f;
	return 0;
}

int file_set_temp(struct File *f, bool temp)
{
	int r;

	if (f->f_temp == temp)
		return 0;
	// It belongs to the operation that has made it, if that did.
	if ((!journal_has(blockof(f)) && (r = begin()) < 0) ||
	    (r = journal_add(f)) < 0)
		return r;
	f->f_temp = temp;
	return 0;
}

int file_remove(struct File *f)
{
	int r;

	if (f == &super->s_root)
		return -E_INVAL;
	if (is_dir(f) && (r = dir_is_empty(f)) <= 0)
		return r < 0 ? r : -E_FILE_EXISTS;
	if ((r = begin()) < 0 || (r = file_truncate(f, 0)) < 0)
		return r;
	memset(f, 0, sizeof(*f));
	return 0;
}

// --------------------------------------------------------------
// The check at start: follows every file's blocks, says what is damaged,
// and makes the bitmap agree with what it found.

static struct level {
	struct File *file;
	uint32_t next;		// entry of this directory to look at next
} levels[MAXDEPTH + 1];		// levels[0] is the root
static int depth;
static uint32_t damages, reports;
static bool temporaries;	// there are some
static bool told;		// of all damage, by a walk before

// Names the innermost file and what is or was wrong with it.
static void report(const char *fmt, ...)
{
	enum { MAX_REPORTS = 20 };
	va_list ap;

	if (++reports == MAX_REPORTS + 1)
		cprintf("fs: and more\n");
	if (reports > MAX_REPORTS)
		return;
	cprintf("fs: ");
	for (int i = 1; i <= depth; i++)
		cprintf("/%.127s", levels[i].file->f_name);
	cprintf("%s: ", depth == 0 ? "/" : "");
	va_start(ap, fmt);
	vcprintf(fmt, ap);
	va_end(ap);
	cprintf("\n");
}

#define damaged(...) do {						\
	if (!told)							\
		damages++, report(__VA_ARGS__);				\
} while (0)

static void claim(uint32_t blockno)
{
	if (blockno >= nblocks) {
		damaged("block %u is outside the disk", blockno);
	} else if (blockno < data_start) {
		damaged("block %u is not for data", blockno);
	} else if (test_bit(claimed, blockno)) {
		damaged("block %u belongs to another file too", blockno);
		set_bit(claimed_twice, blockno);
	} else {
		set_bit(claimed, blockno);
	}
}

// Claims blocks number `first` and on; one more than the last there is.
static uint32_t claim_all(const uint32_t *slot, uint32_t n, uint32_t first)
{
	uint32_t end = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!slot[i])
			continue;
		claim(slot[i]);
		end = first + i + 1;
	}
	return end;
}

static uint32_t claim_indirect(uint32_t blockno)
{
	uint32_t *indirect;
	int r;

	claim(blockno);
	if (!block_ok(blockno))
		return 0;
	if ((r = bc_get(blockno, &indirect)) == 0)
		return claim_all(indirect, NINDIRECT, NDIRECT);
	damaged("block %u: %e", blockno, r);
	return 0;
}

// Claims the blocks of the innermost file; false when it is too damaged to
// look at what is in it.
static bool check_file(void)
{
	struct File *f = levels[depth].file;
	const char *fault = file_fault(f);
	uint32_t end, more;

	if (fault) {
		damaged("%s", fault);
		return false;
	}
	if (strchr(f->f_name, '/'))
		damaged("its name has a slash");
	temporaries |= f->f_temp;
	end = claim_all(f->f_direct, NDIRECT, 0);
	more = f->f_indirect ? claim_indirect(f->f_indirect) : 0;
	if (MAX(end, more) > (f->f_size + BLKSIZE - 1u) / BLKSIZE)
		damaged("it has blocks past its end");
	return true;
}

// Enters the innermost directory's entry number i, if there is one.
static bool enter(uint32_t i)
{
	struct level *l = &levels[depth];
	struct File *f;
	int r = dir_entry(l->file, i, &f);

	if (r < 0) {
		damaged("block %u of the directory: %e",
			(uint32_t)(i / BLKFILES), r);
		l->next = ROUNDUP(i + 1, BLKFILES);
		return false;
	}
	if (!f || !f->f_name[0])
		return false;
	if (depth == MAXDEPTH) {
		damaged("directories are nested too deeply");
		return false;
	}
	levels[++depth] = (struct level){ f, 0 };
	return true;
}

// Visits every file, each directory before what is in it; false: no further
// into this one.
static void walk_tree(bool (*visit)(void))
{
	depth = 0;
	levels[0] = (struct level){ &super->s_root, 0 };
	if (!visit())
		return;
	while (depth >= 0) {
		struct level *l = &levels[depth];

		if (l->next >= dir_size(l->file))
			depth--;
		else if (enter(l->next++) &&
			 (!visit() || !is_dir(levels[depth].file)))
			depth--;
	}
}

// Nobody was promised to find it again.
static bool remove_temporary(void)
{
	struct File *f = levels[depth].file;
	int r;

	if (file_fault(f))
		return false;
	if (!f->f_temp || is_dir(f))
		return true;
	report("temporary, removed");
	if ((r = file_remove(f)) < 0)
		report("%e", r);
	return true;
}

static uint32_t count_bits(uint32_t w)
{
	uint32_t n = 0;

	for (; w; w &= w - 1)
		n++;
	return n;
}

// A used block that the bitmap calls free would be given to a second file.
// Blocks that no file has are freed, when all files could be seen.
static void check_bitmap(void)
{
	uint32_t wrong = 0, lost = 0;
	void *block;

	for (uint32_t b = 2; b < journal_start; b++)
		if (bc_get(b, &block) < 0)
			bc_new(b);	// it may be written though not read
	for (uint32_t b = 0; b < data_start; b++)
		set_bit(claimed, b);
	for (uint32_t b = nblocks; b % 32 != 0; b++)
		set_bit(claimed, b);
	for (uint32_t w = 0; w < (nblocks + 31) / 32; w++) {
		if (bitmap[w] == ~claimed[w])
			continue;
		wrong += count_bits(bitmap[w] & claimed[w]);
		lost += count_bits(~bitmap[w] & ~claimed[w]);
		if (journal_add(&bitmap[w]) == 0)
			bitmap[w] = (damages ? bitmap[w] : ~0u) & ~claimed[w];
	}
	if (wrong)
		cprintf("fs: %u used blocks were marked free\n", wrong);
	if (lost && !damages)
		cprintf("fs: %u lost blocks are free again\n", lost);
}

static int check_super(uint32_t disk_blocks)
{
	const char *fault = NULL;
	int r = bc_get(1, &super);

	if (r < 0)
		return r;
	nblocks = super->s_nblocks;
	journal_start = 2 + NBITMAP(nblocks);
	data_start = journal_start + super->s_njournal;
	if (super->s_magic != FS_MAGIC)
		fault = "no file system on the disk";
	else if (nblocks > disk_blocks || journal_start >= nblocks)
		fault = "its size is not the disk's";
	else if (super->s_njournal <= MAX_CHANGES(nblocks) ||
		 super->s_njournal > 1 + JOURNAL_COPIES ||
		 data_start >= nblocks)
		fault = "its journal has an impossible size";
	else if (!is_dir(&super->s_root))
		fault = "the root is no directory";
	else
		fault = file_fault(&super->s_root);
	if (!fault)
		return 0;
	cprintf("fs: superblock: %s\n", fault);
	return -E_CORRUPT;
}

static int map_alloc(uint32_t *map)
{
	uint32_t n = NBITMAP(nblocks);
	int r;

	for (uint32_t i = 0; i < n; i++) {
		r = sys_page_alloc(0, (char *)map + i * PGSIZE, PERM_RW);
		if (r < 0)
			return r;
	}
	return 0;
}

int fs_init(uint32_t disk_blocks)
{
	int r = check_super(disk_blocks);

	if (r < 0)
		return r;
	r = journal_init(journal_start, super->s_njournal, nblocks);
	if (r < 0 || (r = check_super(disk_blocks)) < 0)
		return r;
	if ((r = map_alloc(claimed_twice)) < 0 ||
	    (r = map_alloc(claimed)) < 0 || (r = map_alloc(changed)) < 0)
		return r;
	bitmap = diskaddr(2);
	damages = reports = hint = nchanged = 0;
	temporaries = told = false;
	walk_tree(check_file);
	check_bitmap();
	told = true;
	if (temporaries)
		walk_tree(remove_temporary);
	if (!journal_empty())
		fs_commit();		// what was mended
	for (uint32_t i = 0; i < NBITMAP(nblocks); i++)
		sys_page_unmap(0, (char *)claimed + i * PGSIZE);
	return bc_settle();
}
