// Builds a file system image on the development machine:
//
//	fsformat IMAGE NBLOCKS [DEST=SOURCE | DEST/ | @LIST]...
//
// DEST=SOURCE is a file, DEST/ an empty directory; directories above DEST
// are made. LIST is a file with one of these a line, # starts a comment.
// Blocks of zeros become holes in the files, and in IMAGE itself. The same
// input gives the same image.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <inc/fs.h>

enum {
	MIN_NBLOCKS = 16,
	MAX_NBLOCKS = 0xbff00000 / BLKSIZE,	// see DISKSIZE in fs/fs.h
};

struct node {
	char name[MAXNAMELEN];
	char *source;			// null: a directory
	struct node *child, *last;	// in the order they were named
	struct node *next;
	uint32_t nchild;
};

static struct node root;
static uint8_t *disk;
static uint32_t nblocks, next_block;
static const char *image;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "fsformat: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

static void *zalloc(size_t n)
{
	void *p = calloc(1, n);

	if (!p)
		die("out of memory");
	return p;
}

static struct node *find(struct node *dir, const char *name, size_t len)
{
	struct node *n;

	for (n = dir->child; n; n = n->next)
		if (strncmp(n->name, name, len) == 0 && !n->name[len])
			return n;
	return NULL;
}

static struct node *add(struct node *dir, const char *name, size_t len)
{
	struct node *n = zalloc(sizeof(*n));

	if (len >= MAXNAMELEN)
		die("%.*s: a name has at most %d characters", (int)len, name,
		    MAXNAMELEN - 1);
	memcpy(n->name, name, len);
	if (dir->last)
		dir->last->next = n;
	else
		dir->child = n;
	dir->last = n;
	dir->nchild++;
	return n;
}

// Enters one DEST=SOURCE or DEST/ into the tree.
static void add_entry(const char *entry)
{
	const char *eq = strchr(entry, '='), *p = entry;
	const char *end = eq ? eq : entry + strlen(entry);
	struct node *dir = &root, *n = &root;

	if (!eq && (end == entry || end[-1] != '/'))
		die("%s: neither DEST=SOURCE nor DEST/", entry);
	if (end - entry >= MAXPATHLEN)
		die("%s: the path is too long", entry);
	for (;;) {
		while (p < end && *p == '/')
			p++;
		if (p == end)
			break;
		size_t len = 0;
		while (p + len < end && p[len] != '/')
			len++;
		if (n->source)
			die("%s: %s is a file", entry, n->name);
		dir = n;
		n = find(dir, p, len);
		if (n && eq && p + len == end)
			die("%s: is there already", entry);
		if (!n)
			n = add(dir, p, len);
		p += len;
	}
	if (eq && (n == &root || end[-1] == '/'))
		die("%s: no name for the file", entry);
	if (eq && !(n->source = strdup(eq + 1)))
		die("out of memory");
}

static void add_list(const char *path)
{
	char line[2 * MAXPATHLEN];
	FILE *f = fopen(path, "r");

	if (!f)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (!strchr(line, '\n') && !feof(f))
			die("%s: a line is too long", path);
		line[strcspn(line, "#\r\n")] = 0;
		size_t len = strlen(line);
		while (len > 0 &&
		       (line[len - 1] == ' ' || line[len - 1] == '\t'))
			line[--len] = 0;
		if (len > 0)
			add_entry(line);
	}
	fclose(f);
}

static uint32_t alloc_block(const char *name)
{
	if (next_block == nblocks)
		die("%s: no room for '%s' and what follows in %u blocks",
		    image, name, nblocks);
	return next_block++;
}

static void *block(uint32_t b)
{
	return disk + (size_t)b * BLKSIZE;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

// Where the number of f's block i stands.
static uint32_t *block_slot(struct File *f, uint32_t i)
{
	if (i < NDIRECT)
		return &f->f_direct[i];
	if (!f->f_indirect)
		f->f_indirect = alloc_block(f->f_name);
	return (uint32_t *)block(f->f_indirect) + (i - NDIRECT);
}

static void *add_block(struct File *f, uint32_t i)
{
	uint32_t *slot = block_slot(f, i);

	*slot = alloc_block(f->f_name);
	return block(*slot);
}

static void emit_file(struct node *n, struct File *f)
{
	uint8_t buf[BLKSIZE];
	size_t len, size = 0;
	FILE *in = fopen(n->source, "rb");

	if (!in)
		die("%s: %s", n->source, strerror(errno));
	while ((len = fread(buf, 1, BLKSIZE, in)) > 0) {
		if (size + len > MAXFILESIZE)
			die("%s: a file has at most %d bytes", n->source,
			    MAXFILESIZE);
		if (!is_zero(buf, len))
			memcpy(add_block(f, size / BLKSIZE), buf, len);
		size += len;
	}
	if (ferror(in))
		die("%s: %s", n->source, strerror(errno));
	fclose(in);
	f->f_size = size;
}

// Writes n's contents; f is its entry in the directory above.
static void emit(struct node *n, struct File *f)
{
	uint32_t i = 0;

	memcpy(f->f_name, n->name, MAXNAMELEN);
	if (n->source) {
		emit_file(n, f);
		return;
	}
	f->f_type = FTYPE_DIR;
	f->f_size = ROUNDUP(n->nchild * sizeof(struct File), BLKSIZE);
	if (f->f_size > MAXFILESIZE)
		die("%s: too many files in one directory", n->name);
	// All blocks of a directory lie together, before what is in it.
	for (i = 0; i < (uint32_t)f->f_size / BLKSIZE; i++)
		add_block(f, i);
	i = 0;
	for (struct node *c = n->child; c; c = c->next, i++) {
		struct File *e = block(*block_slot(f, i / BLKFILES));
		emit(c, &e[i % BLKFILES]);
	}
}

static void write_image(void)
{
	FILE *out = fopen(image, "wb");

	if (!out)
		die("%s: %s", image, strerror(errno));
	for (uint32_t b = 0; b < next_block; b++) {
		if (is_zero(block(b), BLKSIZE))
			continue;
		if (fseeko(out, (off_t)b * BLKSIZE, SEEK_SET) < 0 ||
		    fwrite(block(b), BLKSIZE, 1, out) != 1)
			die("%s: %s", image, strerror(errno));
	}
	if (fflush(out) != 0 ||
	    ftruncate(fileno(out), (off_t)nblocks * BLKSIZE) < 0 ||
	    fclose(out) != 0)
		die("%s: %s", image, strerror(errno));
}

static void format(void)
{
	uint32_t njournal = 1 + MAX(MAX_CHANGES(nblocks),
				    MIN(nblocks / 64, JOURNAL_COPIES));

	disk = zalloc((size_t)nblocks * BLKSIZE);
	next_block = 2 + NBITMAP(nblocks) + njournal;
	if (next_block >= nblocks)
		die("%s: no room for bitmap and journal", image);
	struct Super *super = block(1);
	super->s_magic = FS_MAGIC;
	super->s_nblocks = nblocks;
	super->s_njournal = njournal;
	emit(&root, &super->s_root);

	uint8_t *bitmap = block(2);
	for (uint32_t b = next_block; b < nblocks; b++)
		bitmap[b / 8] |= 1 << b % 8;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		die("usage: fsformat IMAGE NBLOCKS "
		    "[DEST=SOURCE | DEST/ | @LIST]...");
	char *end;
	unsigned long n = strtoul(argv[2], &end, 0);
	if (*end || n < MIN_NBLOCKS || n > MAX_NBLOCKS)
		die("%s: a disk has %d to %d blocks", argv[2], MIN_NBLOCKS,
		    MAX_NBLOCKS);
	image = argv[1];
	nblocks = n;
	for (int i = 3; i < argc; i++)
		if (argv[i][0] == '@')
			add_list(argv[i] + 1);
		else
			add_entry(argv[i]);
	format();
	write_image();
	return 0;
}
