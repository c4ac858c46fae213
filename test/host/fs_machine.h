// A machine for the file server to run on, in a process: paging by mprotect
// and SIGSEGV, a disk in memory that can fail, clients that send requests.
#pragma once

#include <inc/fs.h>

// fs_server.c
int server_start(void);
void server_step(void);
uint32_t server_free_blocks(void);
uint32_t server_cached(void);
uint32_t server_open_files(void);

extern uint8_t *disk;
extern uint32_t disk_blocks;
extern uint32_t bad_read, bad_write;	// blocks that fail; 0: none
extern bool all_bad;			// every access fails
extern unsigned disk_reads, disk_writes;
extern int fail_alloc;			// that many page allocations fail
// Is told of each write, and of each flush with nsecs 0. Null: nobody is.
extern void (*recorder)(uint32_t secno, const void *buf, size_t nsecs);
extern bool scarce;			// only what was unmapped can be had
extern bool deaf;			// clients do not take their answers
extern bool evil;			// they change requests under way
extern bool no_room;			// they can't map a page
extern char console[];			// what the server printed

void machine_init(void);
// An empty disk; a fresh start of the server on the disk that is there: all
// its memory is gone, and no client has anything open.
enum { njournal = 9 };
void disk_new(uint32_t nblocks);
int machine_boot(void);
// From its next start on: the disk is the host's, or one of a guest, whose
// requests to the host have that disk as their file.
void machine_in_guest(bool guest);

enum { USER = 0x1005, OTHER = 0x1006, GUEST7 = 0x1007, GUEST8 = 0x1008 };

// One request of a client with that page (null: none), and its answer.
int64_t call(int who, uint64_t nr, union Fsipc *page);
// A file that a client has open: the page of its struct Fd.
struct Fd *fd_of_answer(void);
void fd_close(struct Fd *fd);
