// Guest kernels that are none: vmm refuses each with its own message, and
// everything it had is back.

#include <inc/elf.h>
#include <inc/lib.h>

enum { FILESIZE = 3 * PGSIZE };

struct image {
	struct Elf elf;
	struct Proghdr ph[2];
};

static union {
	struct image image;
	char bytes[FILESIZE];
} file;

// A kernel that would be loaded: two segments of a page.
static void make_good(void)
{
	struct image *k = &file.image;

	memset(&file, 0, sizeof(file));
	k->elf = (struct Elf){
		.e_magic = ELF_MAGIC, .e_class = ELFCLASS64,
		.e_machine = EM_X86_64, .e_type = ET_EXEC,
		.e_entry = EXTPHYSMEM, .e_phoff = sizeof(struct Elf),
		.e_phentsize = sizeof(struct Proghdr), .e_phnum = 2,
	};
	for (int i = 0; i < 2; i++)
		k->ph[i] = (struct Proghdr){
			.p_type = ELF_PROG_LOAD, .p_offset = (i + 1) * PGSIZE,
			.p_pa = EXTPHYSMEM + i * PGSIZE, .p_filesz = PGSIZE,
			.p_memsz = PGSIZE,
		};
}

static void write_file(size_t size)
{
	int fd = open("/bad", O_WRONLY | O_CREAT | O_TRUNC);

	if (fd < 0 || write(fd, &file, size) != (ssize_t)size)
		panic("cannot write /bad");
	close(fd);
}

// Twice: the first time fills the file server's cache.
static void run(const char *what, size_t size)
{
	uint64_t before = 0;
	int r;

	write_file(size);
	for (int i = 0; i < 2; i++) {
		before = sysinfo.si_free_pages;
		printf("%s: ", what);
		r = wait(spawnl("vmm", "vmm", "-d", "none", "-k", "/bad",
				NULL));
		if (r != 1)
			panic("%s: vmm gives %d", what, r);
	}
	if (sysinfo.si_nguest != 0)
		panic("%s: a guest is left", what);
	if (sysinfo.si_free_pages != before)
		panic("%s: %ld pages are lost", what,
		      before - sysinfo.si_free_pages);
	make_good();
}

void umain(int argc, char **argv)
{
	struct image *k = &file.image;
	struct Proghdr *ph = k->ph;

	USED(argc);
	USED(argv);
	make_good();
	run("empty", 0);
	k->elf.e_magic = 0;
	run("no magic", FILESIZE);
	k->elf.e_class = 1;
	run("32 bit", FILESIZE);
	run("header cut", sizeof(struct Elf) + 20);
	run("segment cut", FILESIZE - 1);
	k->elf.e_phoff = -8ul;
	run("headers at -8", FILESIZE);
	k->elf.e_phnum = 0xffff;
	run("65535 headers", FILESIZE);
	k->elf.e_entry = 0x200000;
	run("entry elsewhere", FILESIZE);
	ph[1].p_pa = ph[0].p_pa + 8;
	run("overlap", FILESIZE);
	ph[1].p_pa = -(uint64_t)PGSIZE;
	ph[1].p_memsz = 2 * PGSIZE;
	run("wraps around", FILESIZE);
	ph[1].p_memsz = -1ul;
	run("wraps around whole", FILESIZE);
	ph[1].p_pa = GUEST_MEM_SZ;
	run("beyond memory", FILESIZE);
	ph[1].p_memsz = GUEST_MEM_SZ;
	run("too large", FILESIZE);
	ph[0].p_pa = 0xb8000;
	run("in the VGA hole", FILESIZE);
	ph[0].p_memsz = PGSIZE - 1;
	run("memsz < filesz", FILESIZE);
	ph[0].p_offset = -16ul;
	run("offset wraps around", FILESIZE);
	remove("/bad");
	printf("missing:");
	if (wait(spawnl("vmm", "vmm", "-d", "none", "-k", "/bad", NULL)) != 1)
		panic("a missing kernel");
	printf("no boot block:");
	if (wait(spawnl("vmm", "vmm", "-d", "none", "-b", "/bad", NULL)) != 1)
		panic("a missing boot block");
	printf("directory:");
	if (wait(spawnl("vmm", "vmm", "-d", "none", "-k", "/vmm", NULL)) != 1)
		panic("a directory as kernel");
	if (wait(spawnl("vmm", "vmm", "-d", "/bad", NULL)) != 1)
		panic("a missing disk");
	printf("testbadelf: passed\n");
}
