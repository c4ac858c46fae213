// The file server: block cache, files, requests.
//
//	serv.c	requests of clients, open files
//	fs.c	files, directories, free blocks, the check at start
//	journal.c	makes operations whole
//	bc.c	the block cache
//	ide.c	the disk on the host; host.c: the disk in a guest
//
// Calls return 0 or more, or -E_.... What is read from the disk is not
// trusted: a damaged file answers -E_CORRUPT, a disk that fails -E_IO.
#pragma once

#include <inc/lib.h>

// The server's memory: block b of the disk appears at DISKMAP + b * BLKSIZE
// when it is touched. The tests have their own values for the first two.
#ifndef DISKMAP
#define DISKMAP		0x10000000ul
#define NCACHE		512			// blocks in the cache
#endif
#define DISKSIZE	0xbff00000ul		// most that fits below FDDATA
#define FSMAPS		(DISKMAP + 0xc2000000ul) // fs.c: maps of blocks
#define FILEVA		(DISKMAP + 0xc3000000ul) // serv.c: struct Fd pages
#define REQVA		(DISKMAP + 0xc4000000ul) // a client's request
#define HOSTVA		(DISKMAP + 0xc4001000ul) // host.c: our own requests
#define FSEND		(DISKMAP + 0xc4003000ul)

#define PERM_RW		((int)(PTE_P | PTE_U | PTE_W | PTE_NOEXEC))

enum {
	MAXOPEN = 512,		// open files
	MAXDEPTH = 32,		// names in a path
};

// bc.c. Sets up the cache over the disk; the number of the disk's blocks.
int bc_init(void);
void *diskaddr(uint32_t blockno);
uint32_t blockof(const void *addr);
// Brings the block in and gives its address, which may be touched at any
// time: a block that was evicted comes back by page fault. -E_CORRUPT: not on
// this disk. -E_IO.
int bc_get(uint32_t blockno, void *pp);
// The block becomes zeros, without being read.
void bc_new(uint32_t blockno);
// Nobody needs the block's contents any more: they are not written. The
// memory comes back with bc_sweep(), which looks at all blocks there are.
void bc_drop(uint32_t blockno);
void bc_sweep(void);
// Writes the block at addr to the disk when it is in the cache, dirty, and no
// part of the running transaction.
int flush_block(void *addr);
// The same for all blocks; the last error, after all were tried.
int bc_flush(void);
// Empties the cache of what is clean.
void bc_empty(void);
// The error of a block that could not be brought in since the last call.
// Until then it shows zeros, and nothing written to it counts.
int bc_settle(void);

// To this machine's disk, whichever it is, past the cache. disk_flush: what
// was written is on the disk for good when it returns.
int disk_write(uint32_t secno, const void *buf, size_t nsecs);
int disk_flush(void);

// journal.c. The journal's place, n blocks from `first` on, on a disk of
// nblocks. Finishes the transaction that a power cut left behind, or ignores
// it; says so.
int journal_init(uint32_t first, uint32_t n, uint32_t nblocks);
// The block at addr, which the disk's present state has, is about to change:
// it joins the running transaction. There must be room.
int journal_add(const void *addr);
// Is the block part of the running transaction?
bool journal_has(uint32_t blockno);
// The block is freed: what is in it no longer matters.
void journal_drop(uint32_t blockno);
// How many blocks more the transaction can have; whether it has none.
uint32_t journal_room(void);
bool journal_empty(void);
// Makes all that was done the disk's, for good. An error although the
// transaction is empty then: a data block could not be written.
int journal_commit(void);

// ide.c, host.c: the number of blocks on the disk; nsecs sectors from or to
// buf. host_read wants one whole block and a page of its own for it.
int ide_init(void);
int ide_read(uint32_t secno, void *buf, size_t nsecs);
int ide_write(uint32_t secno, const void *buf, size_t nsecs);
int ide_flush(void);
int host_init(void);
int host_read(uint32_t secno, void *buf, size_t nsecs);
int host_write(uint32_t secno, const void *buf, size_t nsecs);
int host_flush(void);

// fs.c. Mounts the disk of that many blocks: checks the superblock, finishes
// what a power cut broke off, then checks every file and directory, mends the
// bitmap, removes temporary files; says what is damaged and what it did. Each
// call that changes something does all or, with an error, nothing, also when
// the power fails; it is on the disk for good after fs_commit. -E_IO alone
// promises nothing about what the disk could not read or write.
int fs_init(uint32_t disk_blocks);
// The number of a free block, now used; its contents are what they were.
int alloc_block(void);
bool block_is_free(uint32_t blockno);
void free_block(uint32_t blockno);
// What is wrong with f itself, null when nothing is.
const char *file_fault(const struct File *f);
// f's block filebno: null when it is a hole, unless alloc is set.
int file_get_block(struct File *f, uint32_t filebno, bool alloc, char **blk);
int file_open(const char *path, struct File **pf);
int file_create(const char *path, uint32_t type, struct File **pf);
// How much was read. The data may change while they are copied.
ssize_t file_read(struct File *f, void *buf, size_t n, off_t offset);
// n is at most BLKSIZE; writes all, and returns n.
ssize_t file_write(struct File *f, const void *buf, size_t n, off_t offset);
int file_set_size(struct File *f, off_t size);
// dst becomes what src is; blocks of zeros become holes.
int file_copy(struct File *src, struct File *dst);
// Whether the start after a power cut removes f. In one with the operation
// that created f, if that was the last.
int file_set_temp(struct File *f, bool temp);
// A directory must be empty: -E_FILE_EXISTS.
int file_remove(struct File *f);
int fs_commit(void);
// Commits, when that may make blocks free for use: false when it can't.
bool fs_reclaim(void);
// Commits, and gives memory back.
int fs_sync(void);
