// The file system on the disk, and the file server's protocol.
#pragma once

#include <inc/fd.h>
#include <inc/types.h>

// Disk: block 0 is empty, block 1 the superblock, then the bitmap of free
// blocks (bit set: free), the journal, data. All numbers are little-endian.
#define BLKSIZE		4096
#define BLKBITSIZE	(BLKSIZE * 8)
#define SECTSIZE	512
#define BLKSECTS	(BLKSIZE / SECTSIZE)

#define NDIRECT		10
#define NINDIRECT	(BLKSIZE / 4)
#define MAXFILESIZE	((NDIRECT + NINDIRECT) * BLKSIZE)

enum { FTYPE_REG = 0, FTYPE_DIR = 1 };

// A directory's data is an array of these; an empty name marks a free one.
struct File {
	char f_name[MAXNAMELEN];
	int32_t f_size;			// bytes
	uint32_t f_type;		// FTYPE_*
	uint32_t f_direct[NDIRECT];	// block numbers; 0 is a hole
	uint32_t f_indirect;		// a block of NINDIRECT more; 0: none
	uint8_t f_temp;			// not 0: the next start removes it
	uint8_t f_pad[256 - MAXNAMELEN - 8 - 4 * NDIRECT - 4 - 1];
};
_Static_assert(sizeof(struct File) == 256, "disk format");

#define BLKFILES	(BLKSIZE / sizeof(struct File))

#define FS_MAGIC	0x4a4f5346	// "FSOJ"
struct Super {
	uint32_t s_magic;
	uint32_t s_nblocks;	// size of the disk in blocks
	struct File s_root;
	uint32_t s_njournal;	// blocks of the journal
};
_Static_assert(sizeof(struct Super) <= SECTSIZE, "no power cut splits it");

#define NBITMAP(nblocks)	(((nblocks) + BLKBITSIZE - 1) / BLKBITSIZE)

// The journal's first sector; behind its first block stand copies of the
// blocks j_block, in that order. All zeros: there are none. fs/journal.c
// explains. The sum is one of this sector, j_sum as 0, and the copies.
#define JOURNAL_MAGIC	0x4c4e524a	// "JRNL"
#define JOURNAL_COPIES	124
struct Journal {
	uint32_t j_magic;
	uint32_t j_nblocks;
	uint64_t j_sum;
	uint32_t j_block[JOURNAL_COPIES];
};
_Static_assert(sizeof(struct Journal) == SECTSIZE, "no power cut splits it");
// An operation changes no more blocks of the present state than that: all of
// the bitmap and four. When a directory grows they are its own entry, its
// indirect block and its new block; when a file is written, its entry, its
// indirect block and the block that was its last, or two of its blocks; on a
// damaged disk it may have a block behind its last already.
#define MAX_CHANGES(nblocks)	(NBITMAP(nblocks) + 4)

// Requests. The client shares one page that holds the arguments with the
// server; READ's data come back in the same page. The IPC value is the
// request's number; the reply's value is the result, 0 or more, or -E_....
// Only OPEN's reply carries a page: the struct Fd.
//
// A request is done whole or, when it is answered by an error or the power
// fails, not at all; after a power cut there is all that was done up to some
// request, and that is none before the last FLUSH or SYNC which was answered
// by 0. A temporary file (O_TEMP) is there only if a FLUSH promised it.
// write() makes one request of each 4080 bytes, in their order.
enum {
	FSREQ_OPEN = 1,
	FSREQ_SET_SIZE,
	FSREQ_READ,
	FSREQ_WRITE,
	FSREQ_STAT,
	FSREQ_FLUSH,	// this file is on the disk for good, name and all,
			// unless it was opened here by O_TEMP
	FSREQ_REMOVE,
	FSREQ_SYNC,	// so is everything that is not temporary; the server
			// gives back what memory it can
	FSREQ_COPY,	// dst's contents become src's, holes stay holes
};

union Fsipc {
	struct Fsreq_open {
		char req_path[MAXPATHLEN];
		int req_omode;
	} open;
	struct Fsreq_set_size {
		uint32_t req_fileid;
		off_t req_size;
	} set_size;
	struct Fsreq_read {
		uint32_t req_fileid;
		uint32_t req_n;		// at most PGSIZE
		off_t req_offset;
	} read;
	struct Fsret_read {
		char ret_buf[4096];
	} readRet;
	struct Fsreq_write {
		uint32_t req_fileid;
		uint32_t req_n;		// at most sizeof req_buf
		off_t req_offset;
		char req_buf[4096 - 16];
	} write;
	struct Fsreq_stat {
		uint32_t req_fileid;
	} stat;
	struct Fsret_stat {
		char ret_name[MAXNAMELEN];
		off_t ret_size;
		int ret_isdir;
	} statRet;
	struct Fsreq_flush {
		uint32_t req_fileid;
	} flush;
	struct Fsreq_remove {
		char req_path[MAXPATHLEN];
	} remove;
	struct Fsreq_copy {
		uint32_t req_src, req_dst;
	} copy;
	char _pad[4096];
};
_Static_assert(sizeof(union Fsipc) == 4096, "one page");
