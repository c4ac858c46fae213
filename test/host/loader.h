// What the loaders stand on, in a process: one file, the caller's scratch page
// at UTEMP, and another environment that gets pages.
#pragma once

#include <inc/lib.h>

#define CHECK(x) do {							\
	if (!(x))							\
		panic("%s", #x);					\
} while (0)

// The file, and what is wrong with it.
struct test_file {
	const uint8_t *data;
	size_t size;
	off_t says;		// the size that fstat tells
	size_t bad_from;	// reading fails from that offset on
	bool missing;
};
extern struct test_file file;

// The other one: a guest with so much memory, or, with 0, a program.
enum { CHILD = 0x1005, MAXPAGES = 256 };
struct loaded_page {
	uintptr_t va;		// or guest-physical address
	int perm;
	uint8_t data[PGSIZE] __attribute__((aligned(16)));
};
struct child {
	uint64_t memsz;
	int npages, room;	// pages that it has and may have
	struct loaded_page page[MAXPAGES];
	bool alive, runnable;
	struct Trapframe tf;
	char name[ENV_NAME_LEN];
};
extern struct child child;

void loader_init(void);
// A new child and its memory: alive, when it is a guest.
void loader_begin(uint64_t memsz, int room);
// All that was used to load is given back.
void loader_end(void);
// The child's page at that address, or null.
struct loaded_page *child_page(uintptr_t va);

// loader_vmm.c
int vmm_load_kernel(envid_t guest, uint64_t memsz);
int vmm_load_boot_block(envid_t guest);
