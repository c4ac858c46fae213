// What the kernel knows about its own code.
#pragma once

#include <inc/types.h>

struct Ripdebuginfo {
	const char *rip_file;		// "?" when unknown
	int rip_line;
	const char *rip_fn_name;
	uintptr_t rip_fn_addr;
};

// Fills *info with what is known about the code at addr; for a return address
// ask about the byte before it. -E_NOT_FOUND: not the kernel's code, *info
// holds "?" and zeroes.
int debuginfo_rip(uintptr_t addr, struct Ripdebuginfo *info);
