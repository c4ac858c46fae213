// From code addresses to functions, files and lines. conf/symtab.py makes the
// tables from the linked kernel; in that first link they are empty.
//
// The functions are sorted by address (from KERNBASE). Each has a run of rows
// in symtab_lines: two bytes, how far the address goes up and the line goes
// up or down from the row before (at first: the function's address, line 0).
// The second byte ESCAPE says that the file changes, or the line by more: its
// number in symtab_files and the line, low byte first, follow.

#include <inc/error.h>
#include <inc/memlayout.h>
#include <kern/kdebug.h>

enum { ESCAPE = -128 };

struct symtab_function {
	uint32_t addr;
	uint32_t name;		// in symtab_strings
	uint32_t lines;		// in symtab_lines; ends where the next begins
};

extern const uint32_t symtab_nfunctions, symtab_files[];
extern const struct symtab_function symtab_functions[];
extern const uint8_t symtab_lines[];
extern const char symtab_strings[];

__asm__(".pushsection .rodata\n"
	".weak symtab_nfunctions, symtab_files, symtab_functions\n"
	".weak symtab_lines, symtab_strings\n"
	".balign 8\n"
	"symtab_nfunctions: symtab_files: symtab_functions:\n"
	"symtab_lines: symtab_strings:\n"
	".quad 0\n"
	".popsection");

extern char text[], etext[];	// from the linker

static const struct symtab_function *find_function(uint32_t addr)
{
	uint32_t lo = 0, hi = symtab_nfunctions;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (symtab_functions[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? &symtab_functions[lo - 1] : NULL;
}

static void find_line(const struct symtab_function *f, uint32_t addr,
		      struct Ripdebuginfo *info)
{
	const uint8_t *row = &symtab_lines[f[0].lines];
	const uint8_t *limit = &symtab_lines[f[1].lines];
	uint32_t at = f->addr;

	while (row < limit && (at += row[0]) <= addr) {
		int8_t change = row[1];

		row += 2;
		if (change != ESCAPE) {
			info->rip_line += change;
			continue;
		}
		info->rip_file = &symtab_strings[symtab_files[row[0]]];
		info->rip_line = row[1] | row[2] << 8;
		row += 3;
	}
}

int debuginfo_rip(uintptr_t addr, struct Ripdebuginfo *info)
{
	const struct symtab_function *f;

	*info = (struct Ripdebuginfo) { "?", 0, "?", 0 };
	if (addr < (uintptr_t)text || addr >= (uintptr_t)etext)
		return -E_NOT_FOUND;
	f = find_function(addr - KERNBASE);
	if (!f)
		return -E_NOT_FOUND;
	info->rip_fn_name = &symtab_strings[f->name];
	info->rip_fn_addr = KERNBASE + f->addr;
	find_line(f, addr - KERNBASE, info);
	return 0;
}
