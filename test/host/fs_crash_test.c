// Power cuts: fs_crash_test MACHINE BLOCKS OPS SEED
//
// A random workload runs on the file server, and every sector that it writes
// is recorded. Then each disk that a power cut may leave is made: the writes
// up to any sector, a block of which any of its sectors were written, and,
// since a disk may write in any order what was not flushed, some of the writes
// since the last flush. The server starts on it, and a checker that knows only
// the disk's format looks at what is there: sound, and just as the files were
// after one of the requests - none earlier than the last that was synced. What
// the server mends it writes; now and then the power is cut there once more.
//
// MACHINE is host, guest (the disk is fs/host.c's), or both: what the guest's
// server asks of the host is done by a server on a disk of its own, and that
// is the one whose power is cut.
#include <inc/error.h>

#include <string.h>
#include <unistd.h>

#include "fs_client.h"

enum {
	NPATHS = 60,
	MAXSTATES = 2000,
	MAXRECORDS = 100000,
	MAXLEN = 64 * 1024,	// of a file
};

static unsigned rnd(unsigned n)
{
	static uint64_t state = 88172645463325252;

	if (n == 0) {		// a seed is the rest
		state += 0x9e3779b97f4a7c15;
		return 0;
	}
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

// --------------------------------------------------------------
// The model: what there should be after each operation

struct content {
	struct content *next;	// all that there ever were, to the last
	size_t size;
	uint8_t data[];
};

struct node {
	bool exists, dir;
	bool temp;		// a power cut removes it
	const struct content *c;
};

static struct state {
	struct node nodes[NPATHS];
} states[MAXSTATES];
static int nstates;		// the last one is now
static int synced;		// the first one that a power cut may leave
static char paths[NPATHS][32];
static int npaths;
static const struct content nothing;

static struct state *now(void)
{
	return &states[nstates - 1];
}

static struct state *next_state(void)
{
	CHECK(nstates < MAXSTATES);
	states[nstates] = states[nstates - 1];
	nstates++;
	return now();
}

static void now_synced(void)
{
	synced = nstates - 1;
}

static struct content *copy_content(const struct content *c, size_t size)
{
	static struct content *all;
	struct content *n = calloc(1, sizeof(*n) + size);

	n->next = all;
	all = n;
	n->size = size;
	memcpy(n->data, c->data, MIN(size, c->size));
	return n;
}

static int find_path(const char *path)
{
	for (int i = 0; i < npaths; i++)
		if (strcmp(paths[i], path) == 0)
			return i;
	return -1;
}

static bool parent_exists(int i)
{
	char dir[32];
	int d;

	strcpy(dir, paths[i]);
	*strrchr(dir, '/') = 0;
	d = find_path(dir);
	return !dir[0] || (d >= 0 && now()->nodes[d].exists);
}

static bool has_children(int i)
{
	size_t n = strlen(paths[i]);

	for (int k = 0; k < npaths; k++)
		if (now()->nodes[k].exists && paths[k][n] == '/' &&
		    strncmp(paths[k], paths[i], n) == 0)
			return true;
	return false;
}

static void model_create(int i, bool dir)
{
	next_state()->nodes[i] = (struct node){ true, dir, false, &nothing };
}

static void model_resize(int i, size_t size)
{
	struct node *n = &next_state()->nodes[i];

	n->c = copy_content(n->c, size);
}

static void model_write(int i, const void *data, size_t len, size_t off)
{
	struct node *n = &next_state()->nodes[i];
	struct content *c = copy_content(n->c, MAX(off + len, n->c->size));

	memcpy(c->data + off, data, len);
	n->c = c;
}

// --------------------------------------------------------------
// The record

struct record {
	uint32_t secno;
	size_t nsecs;		// 0: a flush
	uint8_t *data;
	int synced, last;	// the states that there may be
};

struct log {
	struct record *r;
	int n;
	uint8_t *base;		// the disk at its beginning
	uint32_t nblocks;
} disklog, guestlog;

static struct log *recording;

static void record(uint32_t secno, const void *buf, size_t nsecs)
{
	struct record *r = &recording->r[recording->n++];

	CHECK(recording->n < MAXRECORDS);
	r->secno = secno;
	r->nsecs = nsecs;
	r->data = malloc(nsecs * SECTSIZE);
	memcpy(r->data, buf ? buf : "", nsecs * SECTSIZE);
	r->synced = synced;
	r->last = -1;		// known when the operation is over
}

static void start_record(struct log *log)
{
	log->r = calloc(MAXRECORDS, sizeof(*log->r));
	log->nblocks = disk_blocks;
	log->base = malloc((size_t)disk_blocks * BLKSIZE);
	memcpy(log->base, disk, (size_t)disk_blocks * BLKSIZE);
	recording = log;
	recorder = record;
}

static void operation_done(int last)
{
	for (int i = recording->n - 1; i >= 0 && recording->r[i].last < 0; i--)
		recording->r[i].last = last;
}

// --------------------------------------------------------------
// The workload: one request, one operation

static bool tight;		// the disk may be full
static bool lazy;		// changes are seldom synced

static void op_create(int i, int flags)
{
	bool missing = !now()->nodes[i].exists;
	struct Fd *fd;
	int r = open_as(USER, paths[i], O_RDWR | O_CREAT | flags, &fd);

	if (!parent_exists(i)) {
		EQUAL(r, -E_NOT_FOUND);
		return;
	}
	if (tight && r == -E_NO_DISK)
		return;
	EQUAL(r, 0);
	if (missing)
		model_create(i, false);
	else if (flags & O_TRUNC)
		model_resize(i, 0);
	fd_close(fd);
}

static void write_at(int i, size_t len, size_t off)
{
	static uint8_t data[4080];
	struct Fd *fd;
	int64_t r;

	memset(data, rnd(255) + 1, len);
	for (size_t k = 0; k < len; k += 1 + rnd(600))
		data[k] = rnd(256);
	fd = must_open(paths[i], O_RDWR);
	r = pwrite_as(USER, fd->fd_file_id, data, len, off);
	fd_close(fd);
	if (tight && r == -E_NO_DISK)
		return;
	EQUAL(r, len);
	model_write(i, data, len, off);
}

static void op_write(int i)
{
	size_t size = now()->nodes[i].c->size;
	size_t len = rnd(3) ? rnd(4080) + 1 : rnd(200) + 1;

	switch (rnd(4)) {
	case 0:
		write_at(i, len, rnd(MAXLEN - len));
		break;
	case 1:
		write_at(i, len, MIN(size, MAXLEN - len));
		break;
	default:
		write_at(i, len, rnd(MIN(size + 1, MAXLEN - len)));
	}
}

// As write() makes them: requests one after the other, each whole.
static void op_write_many(int i)
{
	size_t size = now()->nodes[i].c->size, off = rnd(size / 2 + 1);

	for (int k = 2 + rnd(4); k > 0 && off + 4080 <= MAXLEN; k--) {
		write_at(i, 4080, off);
		operation_done(nstates - 1);
		off += 4080;
	}
}

static void op_resize(int i)
{
	struct Fd *fd = must_open(paths[i], O_RDWR);
	size_t old = now()->nodes[i].c->size;
	size_t size = rnd(2) ? old - rnd(old + 1) / (1 + rnd(4)) : rnd(MAXLEN);

	EQUAL(set_size(fd, size), 0);
	fd_close(fd);
	model_resize(i, size);
	operation_done(nstates - 1);
}

static void op_remove(int i)
{
	int r = remove_path(paths[i]);

	if (!now()->nodes[i].exists) {
		EQUAL(r, -E_NOT_FOUND);
	} else if (has_children(i)) {
		EQUAL(r, -E_FILE_EXISTS);
	} else {
		EQUAL(r, 0);
		next_state()->nodes[i] = (struct node){ .c = &nothing };
	}
}

static void op_mkdir(int i)
{
	int r = make_dir(paths[i]);

	if (!parent_exists(i))
		EQUAL(r, -E_NOT_FOUND);
	else if (now()->nodes[i].exists)
		EQUAL(r, -E_FILE_EXISTS);
	else if (r == 0 || !tight)
		model_create(i, true);
}

static void op_copy(int i, int k)
{
	struct Fd *src = must_open(paths[i], O_RDONLY);
	struct Fd *dst = must_open(paths[k], O_RDWR);
	int r = copy(src, dst);

	fd_close(src);
	fd_close(dst);
	if (tight && r == -E_NO_DISK)
		return;
	EQUAL(r, 0);
	next_state()->nodes[k].c = now()->nodes[i].c;
}

static void op_sync(int i)
{
	struct Fd *fd;

	if (!now()->nodes[i].exists || now()->nodes[i].dir || rnd(2)) {
		EQUAL(sync_fs(), 0);
	} else {
		fd = must_open(paths[i], O_RDWR);
		EQUAL(flush(fd), 0);
		fd_close(fd);
	}
	now_synced();
}

// A temporary file comes, is written, may be promised to somebody and, when
// nobody has it, goes.
static void op_temporary(int i)
{
	struct Fd *fd, *other;
	int r;

	if (now()->nodes[i].exists)
		return;
	r = open_as(USER, paths[i], O_RDWR | O_CREAT | O_TEMP, &fd);
	if (tight && r == -E_NO_DISK)
		return;
	EQUAL(r, 0);
	model_create(i, false);
	now()->nodes[i].temp = true;
	operation_done(nstates - 1);
	for (int k = 0; k < 3; k++) {
		op_write(i);
		operation_done(nstates - 1);
		EQUAL(flush(fd), 0);	// promises nothing
	}
	if (rnd(2)) {
		EQUAL(sync_fs(), 0);	// neither
		operation_done(nstates - 1);
		now_synced();
	}
	if (rnd(2)) {
		other = must_open(paths[i], O_RDWR);
		EQUAL(flush(other), 0);
		next_state()->nodes[i].temp = false;
		operation_done(nstates - 1);
		now_synced();
		op_write_many(i);
		fd_close(other);
	}
	fd_close(fd);
	next_state()->nodes[i] = (struct node){ .c = &nothing };
	EQUAL(remove_path("/nothing"), -E_NOT_FOUND);
}

static bool is_file(int i)
{
	return now()->nodes[i].exists && !now()->nodes[i].dir;
}

static void operation(void)
{
	int i = rnd(5), k = rnd(5);

	switch (rnd(20)) {
	case 0:
		if (!lazy || rnd(8) == 0)
			op_sync(i);
		break;
	case 1:
		op_remove(rnd(8) ? (int)rnd(npaths) : i);
		break;
	case 2:
		i = 5 + rnd(5);
		op_mkdir(i);
		break;
	case 3:
		op_temporary(npaths - 1);
		break;
	case 4: case 5:
		if (!is_file(i))
			break;
		op_resize(i);
		if (rnd(2))
			op_resize(i);
		else
			op_write_many(i);
		break;
	case 6:
		if (i != k && is_file(i) && is_file(k))
			op_copy(i, k);
		break;
	case 7: case 8: case 9:
		i = 10 + rnd(npaths - 11);
		// fall through
	default:
		if (!is_file(i))
			op_create(i, 0);
		else if (rnd(8) == 0)
			op_create(i, O_TRUNC);
		else if (rnd(4) == 0)
			op_write_many(i);
		else
			op_write(i);
	}
}

static void name_paths(void)
{
	static const char *const first[] = { "/a", "/d/a", "/d/b", "/d/e/a",
		"/e/b", "/d", "/e", "/d/e", "/d/d", "/e/e" };
	static const char *const dirs[] = { "/d", "/d", "/d/e", "/e", "/d/d",
		"/d", "/e/e", "" };

	for (npaths = 0; npaths < 10; npaths++)
		strcpy(paths[npaths], first[npaths]);
	for (; npaths < NPATHS - 1; npaths++)
		snprintf(paths[npaths], sizeof(paths[0]), "%s/n%d",
			 dirs[npaths % 8], npaths);
	strcpy(paths[npaths++], "/t");
	for (int i = 0; i < npaths; i++)
		states[0].nodes[i].c = &nothing;
	nstates = 1;
}

static void workload(struct log *log, int nops)
{
	EQUAL(machine_boot(), 0);
	start_record(log);
	for (int i = 5; i < 10; i++) {
		op_mkdir(i);
		operation_done(nstates - 1);
	}
	for (int i = 0; i < nops; i++) {
		operation();
		operation_done(nstates - 1);
	}
	recorder = NULL;
}

// --------------------------------------------------------------
// The checker: reads the disk in memory by its format alone

static struct found {
	bool exists, dir;
	size_t size;
	uint8_t *data;
} found[NPATHS], image;		// image: /vmm/fs7.img, on a host of guests
static uint8_t owned[4096];
static const char *where;	// the cut, for messages

#define SOUND(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s: %s\nconsole:\n%s", __FILE__, \
			__LINE__, where, #x, console);			\
		abort();						\
	}								\
} while (0)

static struct Super *super(void)
{
	return (struct Super *)(disk + BLKSIZE);
}

static void *block(uint32_t b)
{
	SOUND(b < disk_blocks);
	return disk + (size_t)b * BLKSIZE;
}

static void own(uint32_t b)
{
	if (!b)
		return;
	SOUND(b >= 3 + super()->s_njournal && b < disk_blocks);
	SOUND(!owned[b]);
	owned[b] = true;
}

static void check_dir(const char *path, const uint8_t *data, size_t size);

static void check_file(const char *path, const struct File *f)
{
	uint32_t *ind = f->f_indirect ? block(f->f_indirect) : NULL;
	uint32_t nblks = (f->f_size + BLKSIZE - 1) / BLKSIZE;
	int i = find_path(path);
	struct found *to = i >= 0 ? &found[i] : &image, dir = { 0 };

	if (i < 0 && strcmp(path, "/vmm/fs7.img") != 0)
		to = &dir;
	SOUND(i >= 0 || to == &image || !*path || !strcmp(path, "/vmm"));
	SOUND(f->f_type == FTYPE_REG || f->f_type == FTYPE_DIR);
	SOUND(f->f_size >= 0 && f->f_size <= MAXFILESIZE);
	to->exists = true;
	to->dir = f->f_type == FTYPE_DIR;
	to->size = f->f_size;
	to->data = realloc(to->data, nblks * BLKSIZE + 1);
	own(f->f_indirect);
	for (uint32_t n = 0; n < NDIRECT + NINDIRECT; n++) {
		uint32_t b = n < NDIRECT ? f->f_direct[n]
			: ind ? ind[n - NDIRECT] : 0;

		own(b);
		SOUND(!b || n < nblks);
		if (n < nblks && b)
			memcpy(to->data + n * BLKSIZE, block(b), BLKSIZE);
		else if (n < nblks)
			memset(to->data + n * BLKSIZE, 0, BLKSIZE);
	}
	if (to->dir)
		check_dir(path, to->data, to->size);
	free(dir.data);
}

static void check_dir(const char *path, const uint8_t *data, size_t size)
{
	const struct File *f = (const struct File *)data;
	char child[64];

	SOUND(size % BLKSIZE == 0);
	for (; (const uint8_t *)f < data + size; f++) {
		SOUND(memchr(f->f_name, 0, MAXNAMELEN));
		if (!f->f_name[0])
			continue;
		SOUND(strlen(path) + strlen(f->f_name) + 2 < sizeof(child));
		sprintf(child, "%s/%s", path, f->f_name);
		SOUND(find_path(child) < 0 ||
		      !found[find_path(child)].exists);
		check_file(child, f);
	}
}

// Each block is in one place, and the bitmap says so.
static void check_disk(void)
{
	for (int i = 0; i < NPATHS; i++)
		found[i].exists = false;
	image.exists = false;
	memset(owned, 0, sizeof(owned));
	SOUND(super()->s_magic == FS_MAGIC);
	SOUND(super()->s_nblocks == disk_blocks);
	check_file("", &super()->s_root);
	for (uint32_t b = 3 + super()->s_njournal; b < disk_blocks; b++)
		SOUND((disk[2 * BLKSIZE + b / 8] >> b % 8 & 1) != owned[b]);
}

// --------------------------------------------------------------
// Comparing: why state k can't be what is there, or null

static const char *state_differs(int k, int *path)
{
	const char *why = NULL;

	for (int i = 0; i < npaths && !why; i++) {
		const struct node *n = &states[k].nodes[i];

		*path = i;
		if ((n->exists && !n->temp) != found[i].exists)
			why = "existence";
		else if (!found[i].exists)
			continue;
		else if (n->dir != found[i].dir)
			why = "type";
		else if (!n->dir && n->c->size != found[i].size)
			why = "size";
		else if (!n->dir && memcmp(n->c->data, found[i].data,
					   n->c->size))
			why = "data";
	}
	return why;
}

static void check_states(int first, int last)
{
	const char *why = "?";
	int path = 0;

	for (int k = last; k >= first; k--)
		if (!(why = state_differs(k, &path)))
			return;
	fprintf(stderr, "%s: no state from %d to %d; state %d has another %s "
		"of %s\nconsole:\n%s", where, first, last, first, why,
		paths[path], console);
	abort();
}

// --------------------------------------------------------------
// Power cuts

static unsigned ncuts, nreplays, nremoved, nmendcuts;

// The server says at most that it finished a transaction, and which temporary
// files it removed; whether it said anything.
static bool check_console(void)
{
	static const char removed[] = ": temporary, removed";
	char *copy = strdup(console), *line = strtok(copy, "\n");

	for (; line; line = strtok(NULL, "\n")) {
		if (strncmp(line, "fs: journal", 11) == 0) {
			nreplays++;
		} else {
			SOUND(strstr(line, removed) &&
			      !strstr(line, removed)[sizeof(removed) - 1]);
			nremoved++;
		}
	}
	free(copy);
	return console[0];
}

// The server starts on the disk that is there; whether it mended anything.
static bool start_server(void)
{
	bool mended;

	SOUND(machine_boot() == 0);
	mended = check_console();
	check_disk();
	if (rnd(16))
		return mended;
	SOUND(machine_boot() == 0 && !console[0]);	// done once and for all
	SOUND(try_open("/after", O_RDWR | O_CREAT) == 0);
	SOUND(remove_path("/after") == 0);
	SOUND(sync_fs() == 0);
	check_disk();
	return mended;
}

static bool promised_before(const struct record *r)
{
	while (r-- > guestlog.r)
		if (r->nsecs == 0)
			return true;
	return false;
}

static void start_guest(const struct record *r)
{
	if (!image.exists) {
		SOUND(r->synced == 0 && !promised_before(r));
		return;
	}
	SOUND(image.size == guestlog.nblocks * BLKSIZE);
	machine_in_guest(true);
	disk_new(guestlog.nblocks);
	memcpy(disk, image.data, image.size);
	start_server();
	check_states(r->synced, r->last);
	machine_in_guest(false);
	disk_new(disklog.nblocks);
}

// The power was cut during write r, and left what is in `left`.
static bool start_on(const uint8_t *left, const struct record *r)
{
	bool mended;

	memcpy(disk, left, (size_t)disk_blocks * BLKSIZE);
	mended = start_server();
	if (guestlog.n)
		start_guest(&guestlog.r[r->last]);
	else
		check_states(r->synced, r->last);
	return mended;
}

// Writes sector i of r; false when that changes nothing.
static bool put_sector(uint8_t *to, const struct record *r, size_t i)
{
	uint8_t *at = to + (r->secno + i) * SECTSIZE;
	const uint8_t *from = r->data + i * SECTSIZE;

	if (memcmp(at, from, SECTSIZE) == 0)
		return false;
	memcpy(at, from, SECTSIZE);
	return true;
}

// Some of the sectors of all writes from `from` to before `to`, put on top of
// what is in `left`.
static int put_some(uint8_t *left, const struct record *from,
		    const struct record *to)
{
	unsigned odds = 2 + rnd(6);
	int n = 0;

	for (; from < to; from++)
		for (size_t i = 0; i < from->nsecs; i++)
			if (rnd(odds))
				n += put_sector(left, from, i);
	return n;
}

// Cuts the power again at each sector that the start on `left` writes, and
// with only some of them written.
static void cut_mending(const uint8_t *left, const struct record *r)
{
	size_t size = (size_t)disk_blocks * BLKSIZE;
	struct log log = { 0 };
	struct record *m;
	int flush = 0;

	memcpy(disk, left, size);
	start_record(&log);
	SOUND(machine_boot() == 0);
	recorder = NULL;
	while (flush < log.n && log.r[flush].nsecs)
		flush++;
	put_some(log.base, log.r, log.r + flush);
	start_on(log.base, r);
	memcpy(log.base, left, size);
	for (m = log.r; m < log.r + log.n; m++) {
		for (size_t i = 0; i < m->nsecs; i++)
			if (put_sector(log.base, m, i)) {
				nmendcuts++;
				start_on(log.base, r);
			}
		free(m->data);
	}
	free(log.base);
	free(log.r);
}

static void cut(const uint8_t *left, const struct record *r, const char *how)
{
	char text[80];

	snprintf(text, sizeof(text), "%s %d, sector %u+%zu", how,
		 (int)(r - disklog.r), r->secno, r->nsecs);
	where = text;
	ncuts++;
	if (start_on(left, r) && rnd(32) == 0)
		cut_mending(left, r);
}

static void cut_everywhere(void)
{
	size_t size = (size_t)disklog.nblocks * BLKSIZE;
	uint8_t *left = malloc(size), *flushed = malloc(size);
	uint8_t *some = malloc(size);
	const struct record *r, *epoch = disklog.r;

	memcpy(left, disklog.base, size);
	memcpy(flushed, left, size);
	for (r = disklog.r; r < disklog.r + disklog.n; r++) {
		memcpy(some, left, size);
		if (put_some(some, r, r + 1) > 1)
			cut(some, r, "torn write");
		for (size_t i = 0; i < r->nsecs; i++)
			if (put_sector(left, r, i))
				cut(left, r, "cut in write");
		if (r > epoch && rnd(r->nsecs ? 8 : 2) == 0) {
			memcpy(some, flushed, size);
			if (put_some(some, epoch, r + 1))
				cut(some, r, "some writes up to");
		}
		if (r->nsecs == 0) {
			memcpy(flushed, left, size);
			epoch = r + 1;
		}
	}
	free(left);
	free(flushed);
	free(some);
}

// --------------------------------------------------------------
// A host under the guest

static void write_image(struct Fd *fd)
{
	static const uint8_t zeros[BLKSIZE];

	EQUAL(set_size(fd, guestlog.nblocks * BLKSIZE), 0);
	for (size_t b = 0; b < guestlog.nblocks; b++) {
		const uint8_t *p = guestlog.base + b * BLKSIZE;

		if (memcmp(p, zeros, BLKSIZE))
			EQUAL(write_all(fd, p, BLKSIZE, b * BLKSIZE), 0);
	}
}

// The host does what the guest asked for; `last` of the host's records names
// the guest's.
static void run_host(uint32_t nblocks)
{
	const struct record *r = guestlog.r;
	struct Fd *fd, *guest;
	uint32_t id;

	machine_in_guest(false);
	disk_new(nblocks);
	EQUAL(machine_boot(), 0);
	EQUAL(make_dir("/vmm"), 0);
	fd = must_open("/vmm/fs7.img", O_RDWR | O_CREAT | O_TEMP);
	write_image(fd);
	EQUAL(open_as(GUEST7, "/vmm/fs7.img", O_RDWR, &guest), 0);
	id = guest->fd_file_id;
	EQUAL(sync_fs(), 0);
	start_record(&disklog);
	for (; r < guestlog.r + guestlog.n; r++) {
		if (r->nsecs == 0)
			EQUAL(flush_as(GUEST7, id), 0);
		else
			EQUAL(pwrite_as(GUEST7, id, r->data,
					r->nsecs * SECTSIZE,
					r->secno * SECTSIZE),
			      (int64_t)r->nsecs * SECTSIZE);
		operation_done(r - guestlog.r);
	}
	recorder = NULL;
}

int main(int argc, char **argv)
{
	uint32_t nblocks;
	int nops;
	bool both;

	CHECK(argc == 5);
	both = strcmp(argv[1], "both") == 0;
	nblocks = atoi(argv[2]);
	nops = atoi(argv[3]);
	tight = nblocks < 100;
	lazy = atoi(argv[4]) % 2;
	for (int i = atoi(argv[4]); i > 0; i--)
		rnd(0);
	alarm(100);
	machine_init();
	name_paths();
	machine_in_guest(strcmp(argv[1], "host") != 0);
	disk_new(nblocks);
	workload(both ? &guestlog : &disklog, nops);
	if (both)
		run_host(nblocks + 128);
	printf("%d states, %d writes, ", nstates, disklog.n);
	fflush(stdout);
	cut_everywhere();
	printf("%u power cuts, %u more while mending; %u transactions "
	       "finished, %u temporary files removed\n", ncuts, nmendcuts,
	       nreplays, nremoved);
	CHECK(nreplays > 0 && nremoved > 0 && nmendcuts > 0);
	return 0;
}
