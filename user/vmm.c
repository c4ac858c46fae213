// The virtual machine monitor: makes a guest, loads a boot block and a kernel
// into it, gives it a disk, runs it, and stays until it has ended.
//
// The program that the shell starts leaves this to a child of its own and
// only lends the guest the terminal, if it has it itself: when ESC takes that
// back, the shell goes on and the guest runs in the background (vmmanager
// resumes it).

#include <inc/elf.h>
#include <inc/lib.h>
#include <inc/x86.h>

static const char *kernel = "/vmm/kernel", *boot = "/vmm/boot";
static const char *clean_disk = "/vmm/clean-fs.img";
static uint64_t memory = GUEST_MEM_SZ;
static bool verbose;

static void usage(void)
{
	printf("usage: vmm [-v] [-m MIB] [-b BOOT] [-k KERNEL] [-d DISK]\n"
	       "  BOOT: code that starts in real mode at 0x7000\n"
	       "  KERNEL: an ELF file with its entry at 1 MiB, or none\n"
	       "  DISK: an image that the guest gets a copy of, or none\n");
	exit(2);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *opt = argv[i], *arg = argv[i + 1];

		if (strcmp(opt, "-v") == 0) {
			verbose = true;
			continue;
		}
		if (!arg)
			usage();
		i++;
		if (strcmp(opt, "-m") == 0)
			memory = strtol(arg, NULL, 10) << 20;
		else if (strcmp(opt, "-b") == 0)
			boot = arg;
		else if (strcmp(opt, "-k") == 0)
			kernel = arg;
		else if (strcmp(opt, "-d") == 0)
			clean_disk = arg;
		else
			usage();
	}
}

// Says how long a step took: its second half, since `since`.
static void took(const char *what, uint64_t since)
{
	if (verbose)
		printf("vmm: %s=%lu ticks\n", what, rdtsc() - since);
}

// --------------------------------------------------------------
// Loading

// Maps memsz bytes at guest-physical gpa: filesz of them from the file, page
// by page through UTEMP. Whole pages behind those are left to the kernel,
// which gives the guest zeroed pages when it touches them.
static int map_in_guest(envid_t guest, uintptr_t gpa, size_t memsz, int fd,
			size_t filesz, off_t fileoffset)
{
	size_t skew = PGOFF(gpa);	// of the segment in its first page
	ssize_t n;
	int r;

	if (filesz > memsz)
		return -E_INVAL;
	if ((r = seek(fd, fileoffset)) < 0)
		return r;
	for (size_t i = 0; i < filesz; i += n) {
		char *page = (char *)UTEMP + PGOFF(gpa + i);
		size_t want = MIN(PGSIZE - PGOFF(gpa + i), filesz - i);

		r = sys_page_alloc(0, (void *)UTEMP,
				   PTE_P | PTE_U | PTE_W | PTE_NOEXEC);
		if (r < 0)
			return r;
		n = readn(fd, page, want);
		if (n >= 0 && (size_t)n < want)
			n = -E_EOF;
		if (n >= 0)
			r = sys_ept_map(0, (void *)UTEMP, guest,
					(void *)(gpa + i - PGOFF(gpa + i)),
					__EPTE_FULL);
		sys_page_unmap(0, (void *)UTEMP);
		if (n < 0 || r < 0) {
			r = n < 0 ? n : r;
			cprintf("Error copying page into the guest - %d "
				"(%e)\n", r, r);
			return r;
		}
		if ((i + skew) % (8 * PGSIZE) < PGSIZE)
			printf(".");
	}
	return 0;
}

static int bad_elf(const char *why)
{
	printf("\nvmm: %s: %s\n", kernel, why);
	return -E_NOT_EXEC;
}

// Do these two share a page?
static bool overlap(const struct Proghdr *a, const struct Proghdr *b)
{
	return ROUNDDOWN(a->p_pa, PGSIZE) < ROUNDUP(b->p_pa + b->p_memsz,
						    PGSIZE) &&
		ROUNDDOWN(b->p_pa, PGSIZE) < ROUNDUP(a->p_pa + a->p_memsz,
						     PGSIZE);
}

static int check_segment(const struct Proghdr *ph, const struct Proghdr *all,
			 off_t size)
{
	if (ph->p_memsz < ph->p_filesz)
		return bad_elf("a segment is larger in the file than in "
			       "memory");
	if (ph->p_offset + ph->p_filesz < ph->p_offset ||
	    ph->p_offset + ph->p_filesz > (uint64_t)size)
		return bad_elf("the file is truncated");
	if (ph->p_pa + ph->p_memsz < ph->p_pa)
		return bad_elf("a segment wraps around");
	if (ph->p_pa < EXTPHYSMEM || ph->p_pa + ph->p_memsz > memory)
		return bad_elf("a segment lies outside the guest's memory");
	for (const struct Proghdr *o = all; o < ph; o++)
		if (o->p_type == ELF_PROG_LOAD && overlap(o, ph))
			return bad_elf("segments overlap");
	return 0;
}

// Reads and checks the headers of an ELF file of `size` bytes.
static int read_headers(int fd, off_t size, struct Elf *elf,
			struct Proghdr *ph, size_t maxph)
{
	int r;

	if (readn(fd, elf, sizeof(*elf)) != sizeof(*elf) ||
	    elf->e_magic != ELF_MAGIC || elf->e_class != ELFCLASS64 ||
	    elf->e_machine != EM_X86_64)
		return bad_elf("not an ELF file for x86-64");
	if (elf->e_phentsize != sizeof(*ph) || elf->e_phnum > maxph ||
	    elf->e_phoff > (uint64_t)size)
		return bad_elf("strange program headers");
	if (elf->e_entry != EXTPHYSMEM)
		return bad_elf("its entry point is not at 1 MiB, "
			       "where the boot block jumps to");
	if ((r = seek(fd, elf->e_phoff)) < 0)
		return r;
	if (readn(fd, ph, elf->e_phnum * sizeof(*ph)) !=
	    (ssize_t)(elf->e_phnum * sizeof(*ph)))
		return bad_elf("the file is truncated");
	for (int i = 0; i < elf->e_phnum; i++)
		if (ph[i].p_type == ELF_PROG_LOAD &&
		    (r = check_segment(&ph[i], ph, size)) < 0)
			return r;
	return 0;
}

// Every PT_LOAD segment of the ELF file fname to its physical address. All is
// checked before anything is copied.
static int copy_guest_kern_gpa(envid_t guest, char *fname)
{
	struct Proghdr ph[16];
	struct Elf elf;
	struct Stat st;
	int fd, r;

	if ((fd = open(fname, O_RDONLY)) < 0) {
		printf("\nvmm: %s: %e\n", fname, fd);
		return fd;
	}
	r = fstat(fd, &st);
	if (r >= 0)
		r = read_headers(fd, st.st_size, &elf, ph, ARRAY_SIZE(ph));
	for (int i = 0; r >= 0 && i < elf.e_phnum; i++)
		if (ph[i].p_type == ELF_PROG_LOAD)
			r = map_in_guest(guest, ph[i].p_pa, ph[i].p_memsz,
					 fd, ph[i].p_filesz, ph[i].p_offset);
	close(fd);
	return r;
}

static int copy_boot_block(envid_t guest)
{
	enum { MAXBOOT = 0x9000 };	// up to 64 KiB, real mode's reach
	int fd = open(boot, O_RDONLY), r;
	struct Stat st;

	if (fd < 0) {
		printf("\nvmm: %s: %e\n", boot, fd);
		return fd;
	}
	r = fstat(fd, &st);
	if (r >= 0 && (st.st_size == 0 || st.st_size > MAXBOOT)) {
		printf("\nvmm: %s: no boot block, %ld bytes\n", boot,
		       st.st_size);
		r = -E_NOT_EXEC;
	}
	if (r >= 0)
		r = map_in_guest(guest, GUEST_BOOT, st.st_size, fd,
				 st.st_size, 0);
	close(fd);
	return r;
}

// The guest's disk: a copy of the clean image that goes when the guest and we
// are gone. The descriptor stays open meanwhile.
static int make_disk(void)
{
	uint64_t start = rdtsc();
	int src, dst, r, n;
	char path[32];

	if (strcmp(clean_disk, "none") == 0)
		return 0;
	if ((n = sys_vmx_incr_vmdisk_number()) < 0)
		return n;
	if ((src = open(clean_disk, O_RDONLY)) < 0) {
		printf("vmm: %s: %e\n", clean_disk, src);
		return src;
	}
	snprintf(path, sizeof(path), "/vmm/fs%d.img", n);
	dst = open(path, O_RDWR | O_CREAT | O_TRUNC | O_TEMP);
	r = dst < 0 ? dst : copy_file(src, dst);
	if (r < 0)
		printf("vmm: %s: %e\n", path, r);
	close(src);
	took("guest_disk", start);
	return r;
}

// Makes and loads the guest; returns its id.
static envid_t make_guest(void)
{
	uint64_t start = rdtsc();
	envid_t guest;
	int r = make_disk();

	if (r < 0)
		return r;
	guest = sys_env_mkguest(memory, GUEST_BOOT);
	if (guest < 0) {
		printf("vmm: cannot make a guest: %e\n", guest);
		return guest;
	}
	printf("Loading guest %08x: %s ", guest, boot);
	r = copy_boot_block(guest);
	if (r >= 0 && strcmp(kernel, "none") != 0) {
		printf(" %s ", kernel);
		r = copy_guest_kern_gpa(guest, (char *)kernel);
	}
	if (r < 0) {
		sys_env_destroy(guest);
		return r;
	}
	printf(" %lu MiB\n", memory >> 20);
	took("guest_start", start);
	return guest;
}

// --------------------------------------------------------------
// Running

// The monitor proper: its parent asks for the guest's id, lends it the
// terminal, and may be gone long before the guest.
static void monitor(void)
{
	envid_t guest = make_guest(), parent;
	int r;

	if (guest < 0)
		exit(1);
	ipc_recv(&parent, (void *)UTOP, NULL);
	sys_ipc_try_send(parent, guest, (void *)UTOP, 0);
	if ((r = sys_env_set_status(guest, ENV_RUNNABLE)) < 0)
		printf("vmm: cannot start the guest: %e\n", r);
	else if ((r = wait(guest)) != 0)
		printf("vmm: guest %08x ended with status %d\n", guest, r);
	exit(r < 0 ? 1 : r);
}

void umain(int argc, char **argv)
{
	envid_t child;
	int r;

	parse(argc, argv);
	if ((child = fork()) < 0) {
		printf("vmm: fork: %e\n", child);
		exit(1);
	}
	if (child == 0)
		monitor();
	// Fails when the monitor has ended before it had a guest.
	r = sys_ipc_call(child, 0, (void *)UTOP, 0, (void *)UTOP);
	if (r >= 0 && iscons(0) &&
	    sys_vmx_sel_resume(thisenv->env_ipc_value) == 1) {
		printf("\nGuest %08lx runs on in the background; vmmanager "
		       "resumes it.\n", thisenv->env_ipc_value);
		exit(0);
	}
	exit(wait(child));
}
