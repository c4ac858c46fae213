// File descriptors: one page each at FDTABLE, so that fork and spawn share
// it and its reference count tells who still has it open.
#pragma once

#include <inc/types.h>

#define MAXFD		32
// Data pages (pipes) lie below the descriptors: fork, which goes upwards,
// then shares a pipe before the descriptors that count its ends.
#define FDDATA		0xcff00000ul
#define FDTABLE		0xd0000000ul

struct Fd;
struct Stat;

struct Dev {
	int dev_id;
	const char *dev_name;
	ssize_t (*dev_read)(struct Fd *fd, void *buf, size_t n);
	ssize_t (*dev_write)(struct Fd *fd, const void *buf, size_t n);
	int (*dev_close)(struct Fd *fd);
	int (*dev_stat)(struct Fd *fd, struct Stat *st);
	int (*dev_trunc)(struct Fd *fd, off_t size);
};

// The file server fills a page with one of these when it opens a file; the
// client owns the page from then on, the server trusts nothing in it.
struct Fd {
	int fd_dev_id;		// 'f' file, 'p' pipe, 'c' console
	int fd_omode;		// O_*
	off_t fd_offset;
	uint32_t fd_file_id;	// file: the server's name for it
};

enum { MAXNAMELEN = 128, MAXPATHLEN = 1024 };

struct Stat {
	char st_name[MAXNAMELEN];
	off_t st_size;
	int st_isdir;
	struct Dev *st_dev;
};

#define O_RDONLY	0x0000
#define O_WRONLY	0x0001
#define O_RDWR		0x0002
#define O_ACCMODE	0x0003
#define O_CREAT		0x0100	// create it when it is missing
#define O_TRUNC		0x0200	// cut it to length 0
#define O_EXCL		0x0400	// error when it exists
#define O_MKDIR		0x0800	// create a directory
#define O_APPEND	0x1000	// start at its end
#define O_TEMP		0x2000	// it goes when its last descriptor goes, or
				// when the power does
