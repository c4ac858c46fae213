// spawn: a child that runs a program from the file system.
#include <inc/elf.h>
#include <inc/lib.h>

// The child's stack; its arguments fill one page of it at most.
enum { STACKPAGES = 4, MAXPHDR = 16 };
#define STACKTOP_PAGE	(USTACKTOP - PGSIZE)
#define PERM		(PTE_P | PTE_U | PTE_W)

// A segment that is wrong is refused before anything is loaded. Segments are
// in ascending order (gABI, "Program Header") and have pages of their own;
// what lies above FDDATA belongs to the library.
static int check_segment(const struct Proghdr *ph, off_t filesize,
			 uintptr_t *end)
{
	if (ph->p_memsz < ph->p_filesz || ph->p_memsz > FDDATA ||
	    ph->p_offset > (uint64_t)filesize ||
	    ph->p_filesz > filesize - ph->p_offset ||
	    ph->p_va > FDDATA - ph->p_memsz ||
	    ROUNDDOWN(ph->p_va, PGSIZE) < *end ||
	    PGOFF(ph->p_va) != PGOFF(ph->p_offset))
		return -E_NOT_EXEC;
	*end = ROUNDUP(ph->p_va + ph->p_memsz, PGSIZE);
	return 0;
}

static int check_header(const struct Elf *elf)
{
	static const uint8_t little_endian[2] = { 1, 1 };

	if (elf->e_magic != ELF_MAGIC || elf->e_class != ELFCLASS64 ||
	    memcmp(elf->e_elf, little_endian, 2) != 0 ||
	    elf->e_type != ET_EXEC || elf->e_machine != EM_X86_64 ||
	    elf->e_phentsize != sizeof(struct Proghdr) ||
	    elf->e_phnum == 0 || elf->e_phnum > MAXPHDR)
		return -E_NOT_EXEC;
	return 0;
}

// Reads the ELF header and the loadable segments' headers; returns their
// number.
static int read_headers(int fd, struct Elf *elf, struct Proghdr *ph)
{
	struct Stat st;
	uintptr_t end = UTEXT;
	bool entry_ok = false;
	ssize_t n;
	int r, nload = 0;

	if ((r = fstat(fd, &st)) < 0)
		return r;
	n = readn(fd, elf, sizeof(*elf));
	if (n < 0 || (size_t)n < sizeof(*elf))
		return n < 0 ? n : -E_NOT_EXEC;
	if (check_header(elf) < 0 || elf->e_phoff > (uint64_t)st.st_size)
		return -E_NOT_EXEC;
	seek(fd, elf->e_phoff);
	for (int i = 0; i < elf->e_phnum; i++) {
		n = readn(fd, &ph[nload], sizeof(*ph));
		if (n < 0 || (size_t)n < sizeof(*ph))
			return n < 0 ? n : -E_NOT_EXEC;
		if (ph[nload].p_type != ELF_PROG_LOAD ||
		    ph[nload].p_memsz == 0)
			continue;
		if (check_segment(&ph[nload], st.st_size, &end) < 0)
			return -E_NOT_EXEC;
		entry_ok |= (ph[nload].p_flags & ELF_PROG_FLAG_EXEC) &&
			    elf->e_entry - ph[nload].p_va < ph[nload].p_memsz;
		nload++;
	}
	return entry_ok ? nload : -E_NOT_EXEC;
}

// One page of file and zeroes, made at UTEMP and moved into the child.
static int load_page(envid_t child, int fd, uintptr_t va, size_t nfile,
		     int perm)
{
	ssize_t n;
	int r;

	if (nfile == 0)
		return sys_page_alloc(child, (void *)va, perm);
	if ((r = sys_page_alloc(0, (void *)UTEMP, PERM)) < 0)
		return r;
	n = readn(fd, (void *)UTEMP, nfile);
	r = n < 0 ? n : (size_t)n < nfile ? -E_NOT_EXEC :
	    sys_page_map(0, (void *)UTEMP, child, (void *)va, perm);
	sys_page_unmap(0, (void *)UTEMP);
	return r;
}

static int load_segment(envid_t child, int fd, const struct Proghdr *ph)
{
	int perm = PTE_P | PTE_U;
	uintptr_t va = ROUNDDOWN(ph->p_va, PGSIZE);
	uintptr_t end = ph->p_va + ph->p_memsz;
	uintptr_t file_end = ph->p_va + ph->p_filesz;
	size_t nfile;
	int r;

	if (ph->p_flags & ELF_PROG_FLAG_WRITE)
		perm |= PTE_W;
	if (!(ph->p_flags & ELF_PROG_FLAG_EXEC))
		perm |= PTE_NOEXEC;
	seek(fd, ph->p_offset - PGOFF(ph->p_va));
	for (; va < end; va += PGSIZE) {
		nfile = va >= file_end ? 0 : MIN(file_end - va,
						 (uintptr_t)PGSIZE);
		if ((r = load_page(child, fd, va, nfile, perm)) < 0)
			return r;
	}
	return 0;
}

// Fills the page at UTEMP, which will be the stack's first: argc, argv[],
// null, then the strings up to the page's end. Returns the child's rsp.
static int64_t put_args(const char **argv)
{
	size_t argc, size = 0, delta = STACKTOP_PAGE - UTEMP;
	uint64_t *table;
	char *strings;

	for (argc = 0; argv[argc]; argc++)
		if ((size += strlen(argv[argc]) + 1) > PGSIZE)
			return -E_INVAL;
	strings = (char *)UTEMP + PGSIZE - size;
	table = (void *)ROUNDDOWN((uintptr_t)strings, 16);
	table -= ROUNDUP(argc + 2, 2);
	if ((uintptr_t)table < UTEMP + 16 || argc > PGSIZE / 8)
		return -E_INVAL;
	table[0] = argc;
	for (size_t i = 0; i < argc; i++) {
		table[i + 1] = (uintptr_t)strings + delta;
		strcpy(strings, argv[i]);
		strings += strlen(argv[i]) + 1;
	}
	table[argc + 1] = 0;
	return (uintptr_t)table + delta;
}

static int64_t make_stack(envid_t child, const char **argv)
{
	int perm = PERM | PTE_NOEXEC;
	int64_t rsp;
	int r;

	if ((r = sys_page_alloc(0, (void *)UTEMP, PERM)) < 0)
		return r;
	if ((rsp = put_args(argv)) > 0 &&
	    (r = sys_page_map(0, (void *)UTEMP, child,
			      (void *)STACKTOP_PAGE, perm)) < 0)
		rsp = r;
	sys_page_unmap(0, (void *)UTEMP);
	for (int i = 1; rsp > 0 && i < STACKPAGES; i++) {
		r = sys_page_alloc(child, (void *)(STACKTOP_PAGE - i * PGSIZE),
				   perm);
		if (r < 0)
			rsp = r;
	}
	return rsp;
}

// Upwards, so that the descriptors' data come before them (inc/fd.h).
static int share_pages(envid_t child)
{
	int r;

	for (uintptr_t a = ROUNDDOWN(FDDATA, PTSIZE);
	     a < FDTABLE + MAXFD * PGSIZE; a += PGSIZE) {
		pte_t pte = va_pte((void *)a);

		if ((pte & PTE_SHARE) &&
		    (r = sys_page_map(0, (void *)a, child, (void *)a,
				      pte & PTE_SYSCALL)) < 0)
			return r;
	}
	return 0;
}

static const char *base_name(const char *path)
{
	const char *p;

	for (p = path; *p; p++)
		if (*p == '/' && p[1])
			path = p + 1;
	return path;
}

static int start(envid_t child, const char *path, uintptr_t rip,
		 const char **argv)
{
	struct Trapframe tf;
	int64_t rsp;
	int r;

	if ((rsp = make_stack(child, argv)) < 0)
		return rsp;
	memset(&tf, 0, sizeof(tf));
	tf.tf_rip = rip;
	tf.tf_cs = GD_UT | 3;
	tf.tf_ss = GD_UD | 3;
	tf.tf_eflags = FL_IF;
	tf.tf_rsp = rsp;
	if ((r = share_pages(child)) < 0 ||
	    (r = sys_env_set_name(child, base_name(path))) < 0 ||
	    (r = sys_env_set_trapframe(child, &tf)) < 0)
		return r;
	return sys_env_set_status(child, ENV_RUNNABLE);
}

// A name without a slash is a program's in /bin, or else a file's in /.
static int open_program(const char *path)
{
	char bin[MAXNAMELEN];
	int fd;

	if (!strchr(path, '/')) {
		snprintf(bin, sizeof(bin), "/bin/%s", path);
		fd = open(bin, O_RDONLY);
		if (fd != -E_NOT_FOUND)
			return fd;
	}
	return open(path, O_RDONLY);
}

envid_t spawn(const char *path, const char **argv)
{
	struct Elf elf;
	struct Proghdr ph[MAXPHDR];
	envid_t child;
	int fd, n, r = 0;

	if ((fd = open_program(path)) < 0)
		return fd;
	child = n = read_headers(fd, &elf, ph);
	if (n >= 0 && (child = sys_exofork()) >= 0) {
		for (int i = 0; i < n && r == 0; i++)
			r = load_segment(child, fd, &ph[i]);
		if (r < 0 || (r = start(child, path, elf.e_entry, argv)) < 0) {
			sys_env_destroy(child);
			child = r;
		}
	}
	close(fd);
	return child;
}

envid_t spawnl(const char *path, const char *arg0, ...)
{
	const char *argv[32] = { arg0 };
	va_list ap;
	size_t n = 0;

	va_start(ap, arg0);
	while (argv[n] && n < ARRAY_SIZE(argv) - 1)
		argv[++n] = va_arg(ap, const char *);
	va_end(ap);
	if (argv[n])
		return -E_INVAL;
	return spawn(path, argv);
}
