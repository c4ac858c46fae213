// Requests of clients of the file server: each returns its answer.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "fs_machine.h"

#define CHECK(x) do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s\nconsole:\n%s", __FILE__,	\
			__LINE__, #x, console);				\
		exit(1);						\
	}								\
} while (0)
#define EQUAL(a, b) do {						\
	long a_ = (a), b_ = (b);					\
	if (a_ != b_) {							\
		fprintf(stderr, "%s:%d: %s is %ld, not %ld\n"		\
			"console:\n%s", __FILE__, __LINE__, #a, a_, b_,	\
			console);					\
		exit(1);						\
	}								\
} while (0)

// The page that goes with the requests.
extern union Fsipc page;

int open_as(int who, const char *path, int mode, struct Fd **fd);
struct Fd *must_open(const char *path, int mode);
// The error of opening, or 0; it is closed again.
int try_open(const char *path, int mode);
int64_t pread_as(int who, uint32_t id, void *buf, uint32_t n, off_t offset);
int64_t pwrite_as(int who, uint32_t id, const void *buf, uint32_t n,
		  off_t offset);
// All n bytes, in as many requests as it takes; a short count is an error.
int64_t read_all(struct Fd *fd, void *buf, size_t n, off_t offset);
int64_t write_all(struct Fd *fd, const void *buf, size_t n, off_t offset);
int set_size(struct Fd *fd, off_t size);
int stat_size(struct Fd *fd);
int flush(struct Fd *fd);
int flush_as(int who, uint32_t id);
int remove_path(const char *path);
int copy(struct Fd *src, struct Fd *dst);
int sync_fs(void);
int make_dir(const char *path);
