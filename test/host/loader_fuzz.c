// Fuzzes the loaders of guests (user/vmm.c) and programs (lib/spawn.c) under
// libFuzzer. The input is an ELF file behind a few bytes that say who loads
// it, or numbers that become one; what comes out is compared with a loader
// that does it byte by byte, the other way round: from memory to the file.
#include <stdint.h>
#include <string.h>

#include <inc/elf.h>
#include "fuzz_input.h"
#include "loader.h"

enum { MAXFILE = 3 * PGSIZE, MAXPH = 16 };

static uint8_t contents[MAXFILE];

// --------------------------------------------------------------
// A file that is made: its headers are in order, if they are not spoilt

static uint64_t some_size(void)
{
	uint8_t choice = byte();

	switch (choice >> 5) {
	case 0:
		return choice;
	case 1:
		return PGSIZE * (choice % 8);
	case 2:
		return PGSIZE * (choice % 8) - 1;
	case 3:
		return ~0ul << choice % 32;
	case 4:
		return choice % 2 ? FDDATA : child.memsz;
	case 5:
		return MAXFILE - choice % 32;
	case 6:
		return word(2) % MAXFILE;
	default:
		return word(8);
	}
}

static void make_header(struct Proghdr *ph, uint64_t base)
{
	uint8_t choice = byte();

	ph->p_type = choice % 8 ? ELF_PROG_LOAD : choice / 8;
	ph->p_flags = byte() % 8;
	ph->p_offset = some_size();
	ph->p_va = ph->p_pa = base + some_size();
	if (choice & 64)	// as spawn wants it
		ph->p_va = ROUNDDOWN(ph->p_va, PGSIZE) + PGOFF(ph->p_offset);
	ph->p_filesz = some_size();
	ph->p_memsz = choice & 128 ? ph->p_filesz : some_size();
}

static void make_file(uint64_t base, uint64_t entry)
{
	struct Elf elf = {
		.e_magic = ELF_MAGIC, .e_class = ELFCLASS64,
		.e_elf = { 1, 1 }, .e_type = ET_EXEC,
		.e_machine = EM_X86_64, .e_entry = entry,
		.e_phoff = sizeof(elf), .e_phentsize = sizeof(struct Proghdr),
		.e_phnum = byte() % 8,
	};
	struct Proghdr ph[8] = { 0 };

	for (size_t i = 0; i < MAXFILE; i++)
		contents[i] = 1 + i % 251;
	for (int i = 0; i < elf.e_phnum; i++)
		make_header(&ph[i], base + i * PGSIZE);
	memcpy(contents, &elf, sizeof(elf));
	memcpy(contents + sizeof(elf), ph, elf.e_phnum * sizeof(*ph));
	for (int n = byte() % 4; n > 0; n--)
		contents[byte() % sizeof(elf)] ^= byte();
	file.data = contents;
	file.size = file.says = MAXFILE;
}

// --------------------------------------------------------------
// The reference

// The loadable segments; -1: no ELF file whose headers are all there.
static int segments(struct Elf *elf, struct Proghdr *ph, bool empty_too)
{
	int n = 0;

	if (file.size < sizeof(*elf))
		return -1;
	memcpy(elf, file.data, sizeof(*elf));
	if (elf->e_phnum > MAXPH || elf->e_phentsize != sizeof(*ph) ||
	    memcmp(file.data, "\177ELF\2", 5) != 0 || elf->e_machine != 62 ||
	    elf->e_phoff > file.size)
		return -1;
	for (int i = 0; i < elf->e_phnum; i++) {
		__uint128_t at = (__uint128_t)elf->e_phoff + i * sizeof(*ph);

		if (at + sizeof(*ph) > file.size)
			return -1;
		memcpy(&ph[n], file.data + at, sizeof(*ph));
		if (ph[n].p_type == ELF_PROG_LOAD &&
		    (ph[n].p_memsz || empty_too))
			n++;
	}
	return n;
}

static bool in_file(const struct Proghdr *ph)
{
	return (__uint128_t)ph->p_offset + ph->p_filesz <= file.size &&
		ph->p_filesz <= ph->p_memsz;
}

static bool inside(const struct Proghdr *ph, uint64_t at, uint64_t first,
		   uint64_t end)
{
	return at >= first && (__uint128_t)at + ph->p_memsz <= end;
}

// Do pages of [a, a + an) and [b, b + bn), all below 2^63, meet? One that is
// empty has the page that it begins in the middle of.
static bool meet(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
	return a / PGSIZE < (b + bn + PGSIZE - 1) / PGSIZE &&
		b / PGSIZE < (a + an + PGSIZE - 1) / PGSIZE;
}

static bool kernel_fits(const struct Elf *elf, const struct Proghdr *ph, int n)
{
	if (n < 0 || elf->e_entry != EXTPHYSMEM)
		return false;
	for (int i = 0; i < n; i++) {
		if (!in_file(&ph[i]) ||
		    !inside(&ph[i], ph[i].p_pa, EXTPHYSMEM, child.memsz))
			return false;
		for (int j = 0; j < i; j++)
			if (meet(ph[i].p_pa, ph[i].p_memsz, ph[j].p_pa,
				 ph[j].p_memsz))
				return false;
	}
	return true;
}

static bool program_fits(const struct Elf *elf, const struct Proghdr *ph,
			 int n)
{
	bool entry = false;
	uint64_t last = UTEXT;

	if (n < 0 || elf->e_elf[0] != 1 || elf->e_elf[1] != 1 ||
	    elf->e_type != ET_EXEC)
		return false;
	for (int i = 0; i < n; i++) {
		if (!in_file(&ph[i]) ||
		    !inside(&ph[i], ph[i].p_va, last, FDDATA) ||
		    (ph[i].p_va - ph[i].p_offset) % PGSIZE)
			return false;
		last = (ph[i].p_va + ph[i].p_memsz + PGSIZE - 1) / PGSIZE *
			PGSIZE;
		if ((ph[i].p_flags & 1) && elf->e_entry >= ph[i].p_va &&
		    elf->e_entry < ph[i].p_va + ph[i].p_memsz)
			entry = true;
	}
	return entry;
}

// The segment that has the byte at that address, which may be null.
static const struct Proghdr *segment_of(const struct Proghdr *ph, int n,
					uint64_t at, bool guest)
{
	for (; n > 0; n--, ph++) {
		uint64_t first = guest ? ph->p_pa : ph->p_va / PGSIZE * PGSIZE;
		uint64_t end = (guest ? ph->p_pa : ph->p_va) + ph->p_memsz;

		if (at >= first && at < end)
			return ph;
	}
	return NULL;
}

// What must be at an address.
static uint8_t expected(const struct Proghdr *s, uint64_t at, bool guest)
{
	uint64_t i;

	if (!s)
		return 0;
	// Negative: the file's bytes before a program's segment.
	i = at - (guest ? s->p_pa : s->p_va);
	if ((int64_t)i >= (int64_t)s->p_filesz ||
	    s->p_offset + i >= file.size)
		return 0;
	return file.data[s->p_offset + i];
}

static void check_pages(const struct Proghdr *ph, int n, bool guest)
{
	for (int i = 0; i < child.npages; i++) {
		const struct loaded_page *p = &child.page[i];

		if (!guest && p->va >= FDDATA)
			continue;		// stack and descriptors
		for (int k = 0; k < PGSIZE; k++) {
			const struct Proghdr *s =
				segment_of(ph, n, p->va + k, guest);

			if (p->data[k] != expected(s, p->va + k, guest))
				panic("byte at %lx", p->va + k);
		}
	}
}

// --------------------------------------------------------------
// Guests

static void check_kernel(int r)
{
	struct Elf elf;
	struct Proghdr ph[MAXPH];
	int n = segments(&elf, ph, true);
	bool fits = !file.missing && kernel_fits(&elf, ph, n);

	CHECK(r <= 0);
	CHECK(fits || (r < 0 && child.npages == 0));
	// Nothing but reading and memory may fail then.
	CHECK(!fits || r == 0 || r == -E_IO || r == -E_NO_MEM);
	if (r < 0)
		return;
	check_pages(ph, n, true);
	for (int i = 0; i < n; i++)
		for (uint64_t k = 0; k < ph[i].p_filesz; k++)
			CHECK(child_page((ph[i].p_pa + k) & -PGSIZE));
}

static void check_boot_block(int r)
{
	enum { MAXBOOT = 0x9000 };
	bool fits = !file.missing && file.size > 0 && file.size <= MAXBOOT;

	CHECK(fits || (r < 0 && child.npages == 0));
	CHECK(!fits || r == 0 || r == -E_IO || r == -E_NO_MEM);
	for (size_t i = 0; r == 0 && i < file.size; i++) {
		const struct loaded_page *p =
			child_page((GUEST_BOOT + i) & -PGSIZE);

		CHECK(p && p->data[i % PGSIZE] == file.data[i]);
	}
}

static void load_guest(bool boot_block)
{
	int r = boot_block ? vmm_load_boot_block(CHILD) :
		vmm_load_kernel(CHILD, child.memsz);

	loader_end();
	CHECK(child.alive);
	if (file.says != (off_t)file.size)
		return;			// it has changed meanwhile
	if (boot_block)
		check_boot_block(r);
	else
		check_kernel(r);
}

// --------------------------------------------------------------
// Programs

// The bytes at the child's va.
static const void *child_at(uint64_t va)
{
	const struct loaded_page *p = child_page(va & -PGSIZE);

	CHECK(p);
	return p->data + va % PGSIZE;
}

static void check_stack(const char **argv)
{
	uint64_t rsp = child.tf.tf_rsp;
	const uint64_t *table = child_at(rsp);
	uint64_t argc = table[0];

	CHECK(rsp % 16 == 0 && rsp < USTACKTOP);
	for (uint64_t i = 0; i < argc; i++)
		CHECK(argv[i] && strcmp(child_at(table[i + 1]), argv[i]) == 0);
	CHECK(!argv[argc] && table[argc + 1] == 0);
	for (int i = 1; i <= 4; i++)
		CHECK(child_page(USTACKTOP - i * PGSIZE)->perm ==
		      (PTE_P | PTE_U | PTE_W | PTE_NOEXEC));
}

static void check_permissions(const struct Proghdr *ph, int n)
{
	int npages = 5;			// the stack's, a descriptor's

	for (int i = 0; i < n; i++)
		for (uint64_t va = ph[i].p_va & -PGSIZE;
		     va < ph[i].p_va + ph[i].p_memsz; va += PGSIZE) {
			int perm = child_page(va)->perm;

			CHECK(!(perm & PTE_W) == !(ph[i].p_flags & 2));
			CHECK(!(perm & PTE_NOEXEC) == !!(ph[i].p_flags & 1));
			npages++;
		}
	CHECK(npages == child.npages);
}

static void check_program(envid_t r, const char **argv, bool args_fit)
{
	struct Elf elf;
	struct Proghdr ph[MAXPH];
	int n = segments(&elf, ph, false);
	bool fits = !file.missing && program_fits(&elf, ph, n) && args_fit;

	CHECK(r == CHILD || r < 0);
	CHECK(fits || r < 0);
	CHECK(!fits || r > 0 || r == -E_IO || r == -E_NO_MEM);
	if (r < 0)
		return;
	CHECK(child.tf.tf_rip == elf.e_entry);
	check_pages(ph, n, false);
	check_permissions(ph, n);
	check_stack(argv);
}

// Arguments, all alike; how much of a page they and their table take.
static size_t make_args(const char **argv)
{
	static char string[4096];
	size_t argc = byte() < 240 ? byte() % 8 : 2 * byte();
	size_t length = argc ? word(2) % sizeof(string) / argc : 0;

	memset(string, 'x', length);
	string[length] = 0;
	for (size_t i = 0; i < argc; i++)
		argv[i] = string;
	argv[argc] = NULL;
	return 8 * ((argc + 3) & ~1ul) + argc * (length + 1);
}

static void load_program(const char **argv, size_t need)
{
	envid_t r = spawn("/bin/name", argv);

	loader_end();
	CHECK((r > 0) == child.alive && (r > 0) == child.runnable);
	CHECK(r > 0 || child.npages == 0);
	// Its size has changed meanwhile; or the arguments' alignment decides.
	if (file.says != (off_t)file.size ||
	    (need > PGSIZE - 64 && need <= PGSIZE + 64))
		return;
	check_program(r, argv, need <= PGSIZE);
}

// --------------------------------------------------------------

// The rest of the input; says: another size that it is said to have, or -1.
static void take_file(off_t says)
{
	file.data = input;
	file.size = end_of_input - input;
	file.says = says < 0 ? (off_t)file.size : says;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	const char *argv[512];
	size_t need;
	uint8_t how, fails;
	bool guest;

	if (!made)
		loader_init();
	made = true;
	input = data;
	end_of_input = data + size;
	how = byte();
	fails = byte();
	guest = how & 1;
	loader_begin(guest ? EXTPHYSMEM + byte() % 32 * PGSIZE : 0,
		     fails & 1 ? fails / 2 : MAXPAGES);
	file.missing = (how & 0xf0) == 0xf0;
	file.bad_from = (fails & 3) == 2 ? fails * 64 : ~0ul;
	need = guest ? 0 : make_args(argv);
	if (how & 2)
		make_file(guest ? EXTPHYSMEM : UTEXT,
			  guest ? EXTPHYSMEM : UTEXT + byte());
	else
		take_file(how & 8 ? (off_t)word(8) : -1);
	if (guest)
		load_guest(how & 4);
	else
		load_program(argv, need);
	return 0;
}
