// ELF-64 (System V gABI, "Object Files").
#pragma once

#include <inc/types.h>

#define ELF_MAGIC	0x464c457fu	// "\x7FELF"
enum { ELFCLASS64 = 2, EM_X86_64 = 62, ET_EXEC = 2 };
enum { ELF_PROG_LOAD = 1 };
enum { ELF_PROG_FLAG_EXEC = 1, ELF_PROG_FLAG_WRITE = 2 };

struct Elf {
	uint32_t e_magic;
	uint8_t e_class, e_elf[11];
	uint16_t e_type, e_machine;
	uint32_t e_version;
	uint64_t e_entry, e_phoff, e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize, e_phentsize, e_phnum;
	uint16_t e_shentsize, e_shnum, e_shstrndx;
};

struct Proghdr {
	uint32_t p_type, p_flags;
	uint64_t p_offset, p_va, p_pa, p_filesz, p_memsz, p_align;
};

_Static_assert(sizeof(struct Elf) == 64, "gABI");
_Static_assert(sizeof(struct Proghdr) == 56, "gABI");
