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
#include <user/devices/pc.h>

#define RECORD	((volatile struct vm_exit *)0x30000000)

static const char *kernel = "/vmm/kernel", *boot = "/vmm/boot";
static const char *clean_disk = "/vmm/clean-fs.img";
static uint64_t memory = GUEST_MEM_SZ;
static const char *argument;		// for the guest, at BOOT_CMDLINE
static uint32_t time_limit_ms;		// 0: none
static bool verbose;

static void usage(void)
{
	printf("usage: vmm [-v] [-m MIB] [-b BOOT] [-k KERNEL] [-d DISK] "
	       "[-a ARGUMENT] [-t MS]\n"
	       "  BOOT: code that starts in real mode at 0x7000\n"
	       "  KERNEL: an ELF file with its entry at 1 MiB, or none\n"
	       "  DISK: an image that the guest gets a copy of, or none\n"
	       "  ARGUMENT: a text for the guest, at 0x5c00\n"
	       "  MS: the guest ends after that many milliseconds\n");
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
		else if (strcmp(opt, "-a") == 0)
			argument = arg;
		else if (strcmp(opt, "-t") == 0)
			time_limit_ms = strtol(arg, NULL, 10);
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
// Devices: a PC's, for guests that want them (user/devices/pc.h). Ours talks
// to the host by hypercalls instead.

enum { COM1 = 0x3f8 };

static struct {
	struct pc pc;
	envid_t guest;
	uint64_t start;		// TSC that is time 0
	int vector;		// acknowledged, not yet delivered; -1: none
	int ended;		// status, when a device ended the guest; -1: no
	bool serial;		// it uses the serial line, so input is for that
	bool input;		// there may be some
} machine = { .vector = -1, .ended = -1 };

static uint64_t now_ns(void)
{
	uint64_t ticks = rdtsc() - machine.start;
	uint64_t khz = sysinfo.si_tsc_khz;

	return ticks / khz * 1000000 + ticks % khz * 1000000 / khz;
}

static void to_console(void *ctx, uint8_t c)
{
	USED(ctx);
	sys_vm_cputs(machine.guest, (char *)&c, 1);
}

static void reset(void *ctx)
{
	USED(ctx);
	machine.ended = 0;
}

static void end(void *ctx, uint8_t status)
{
	USED(ctx);
	machine.ended = status;
}

// Gives the guest the devices: their ports reach us.
static int plug_in(envid_t guest)
{
	static const uint16_t ports[][2] = {
		{ 0x20, 0x21 }, { 0xa0, 0xa1 }, { 0x40, 0x43 }, { 0x60, 0x64 },
		{ 0x70, 0x71 }, { 0xe9, 0xe9 }, { 0xf4, 0xf4 },
		{ 0x3f8, 0x3ff },
	};
	const struct pc_host host = {
		to_console, to_console, reset, end, NULL
	};
	int r = sys_vm_record(guest, (struct vm_exit *)RECORD);

	machine.guest = guest;
	machine.start = rdtsc();
	pc_init(&machine.pc, &host, MAX(0l, sysinfo.si_boot_time +
		(int64_t)((machine.start - sysinfo.si_boot_tsc) /
			  sysinfo.si_tsc_khz / 1000)));
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ports); i++)
		r = sys_vm_ask(guest, VM_ASK_PORT, ports[i][0], ports[i][1]);
	return r;
}

static void answer_port(void)
{
	uint16_t port = RECORD->vx_port.port;
	int size = RECORD->vx_port.size;
	uint64_t now = now_ns();

	if (RECORD->vx_port.write)
		pc_out(&machine.pc, port, size, RECORD->vx_port.data, now);
	else
		RECORD->vx_port.data = pc_in(&machine.pc, port, size, now);
	machine.serial |= port >= COM1 && port < COM1 + 8;
	RECORD->vx_answer = VM_RESUME;
	if (machine.ended >= 0) {
		RECORD->vx_answer = VM_END;
		RECORD->vx_status = machine.ended;
	}
}

// What has come for the guest: characters, and the interrupt that is due.
static void feed(void)
{
	while (machine.input && machine.serial &&
	       pc_input_room(&machine.pc) > 0) {
		int c = sys_vm_cgetc(machine.guest);

		machine.input = c >= 0;
		if (c >= 0)
			pc_input(&machine.pc, c);
	}
	if (machine.vector < 0 && pc_has_interrupt(&machine.pc))
		machine.vector = pc_interrupt(&machine.pc);
	if (machine.vector >= 0 &&
	    sys_vm_interrupt(machine.guest, machine.vector) != -E_BUSY)
		machine.vector = -1;
}

// How long we may wait for the guest's next exit, in microseconds.
static uint32_t patience(uint64_t limit)
{
	uint64_t due = MIN(pc_next_event(&machine.pc), limit), now;

	if (due == TIME_NEVER)
		return VM_FOREVER;
	now = now_ns();
	return due <= now ? 1 : MIN((due - now) / 1000 + 1, 1000000000ul);
}

// Serves the guest until it has ended; returns its status.
static int serve(envid_t guest)
{
	uint64_t limit = time_limit_ms ? time_limit_ms * 1000000ul :
		TIME_NEVER;
	envid_t r = 0;

	for (;;) {
		if (limit != TIME_NEVER && now_ns() >= limit)
			sys_env_destroy(guest);
		r = sys_vm_next(MAX(r, 0), patience(limit));
		if (r == -E_BAD_ENV)
			return wait(guest);
		if (r > 0) {
			answer_port();
		} else {
			machine.input = true;
			pc_advance(&machine.pc, now_ns());
		}
		feed();
	}
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

// Reads n bytes of the kernel; `why` is said when it has less.
static int read_kernel(int fd, void *buf, size_t n, const char *why)
{
	ssize_t got = readn(fd, buf, n);

	if (got >= 0 && (size_t)got < n)
		return bad_elf(why);
	if (got < 0)
		printf("\nvmm: %s: %e\n", kernel, (int)got);
	return got;
}

// Reads and checks the headers of an ELF file of `size` bytes.
static int read_headers(int fd, off_t size, struct Elf *elf,
			struct Proghdr *ph, size_t maxph)
{
	const char *no_elf = "not an ELF file for x86-64";
	int r;

	r = read_kernel(fd, elf, sizeof(*elf), no_elf);
	if (r < 0)
		return r;
	if (elf->e_magic != ELF_MAGIC || elf->e_class != ELFCLASS64 ||
	    elf->e_machine != EM_X86_64)
		return bad_elf(no_elf);
	if (elf->e_phentsize != sizeof(*ph) || elf->e_phnum > maxph ||
	    elf->e_phoff > (uint64_t)size)
		return bad_elf("strange program headers");
	if (elf->e_entry != EXTPHYSMEM)
		return bad_elf("its entry point is not at 1 MiB, "
			       "where the boot block jumps to");
	if ((r = seek(fd, elf->e_phoff)) < 0)
		return r;
	r = read_kernel(fd, ph, elf->e_phnum * sizeof(*ph),
			"the file is truncated");
	if (r < 0)
		return r;
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
	if (r >= 0 && argument)
		r = sys_vm_memory(guest, BOOT_CMDLINE, (void *)argument,
				  MIN(strlen(argument) + 1, 512ul), true);
	if (r >= 0)
		r = plug_in(guest);
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
	else if ((r = serve(guest)) != 0)
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
