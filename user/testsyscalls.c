// Every system call with wrong arguments: each gives the error that inc/lib.h
// promises, and no page is lost.
#include <inc/lib.h>

#define PAGE	((char *)0xa00000)	// ours, writable
#define RDONLY	((char *)0xa01000)	// ours, read-only
#define NOPAGE	((char *)0xa02000)	// nothing there
#define FULL	((char *)0xa04000)	// ours, ends in no null
#define PERM	(PTE_P | PTE_U | PTE_W)

static const uintptr_t bad_buffers[] = {
	0, 1, (uintptr_t)NOPAGE, ULIM, 0x7ffffffff000, 0x800000000000,
	0xffff7fffffffffff, KERNBASE, KERNBASE + EXTPHYSMEM, -4096ul, -1ul,
};

// No addresses of pages: unaligned, or not below UTOP.
static const uintptr_t bad_pages[] = {
	(uintptr_t)PAGE + 1, (uintptr_t)PAGE + 0x800, UTOP, UPAGES, UVPT, ULIM,
	0x800000000000, KERNBASE, -4096ul, -1ul,
};

// The same for calls to which UTOP and above means "no page".
static const uintptr_t unaligned[] = {
	1, (uintptr_t)PAGE + 1, (uintptr_t)PAGE + 0x800, UTOP - 1,
};

static const uintptr_t bad_upcalls[] = {
	UTOP, 0x800000000000, KERNBASE, -1ul,
};

static const envid_t bad_envs[] = { -1, INT32_MIN, 0x7fffffff, 0x12345678 };
static const int bad_perms[] = {
	0, PTE_P, PTE_U, PTE_W, PERM | PTE_PS, PERM | PTE_PCD, PERM | PTE_G,
	PERM | 0x1000, -1,
};

#define EACH(i, array)	(size_t i = 0; i < ARRAY_SIZE(array); i++)
#define EXPECT(want, call)	check(#call, call, want)

static int checks;
static envid_t fs, first;	// not ours to change

static void check(const char *what, int64_t r, int64_t want)
{
	checks++;
	if (r != want)
		panic("%s: %ld (%e) instead of %ld (%e)", what, r, (int)r,
		      want, (int)want);
}

static int64_t raw(uint64_t nr)
{
	int64_t r;

	__asm__ volatile("int %1" : "=a"(r)
			 : "i"(T_SYSCALL), "a"(nr), "d"(0), "c"(0), "b"(0),
			   "D"(0), "S"(0) : "memory", "cc");
	return r;
}

static void test_numbers(void)
{
	EXPECT(-E_NO_SYS, raw(NSYSCALLS));
	EXPECT(-E_NO_SYS, raw(-1ul));
	EXPECT(-E_NO_SYS, raw(1ul << 32));
	EXPECT(-E_NO_SYS, raw(1ul << 63));
}

static void test_buffers(void)
{
	struct Trapframe *tf;
	char *p;

	for EACH(i, bad_buffers) {
		p = (char *)bad_buffers[i];
		tf = (struct Trapframe *)p;
		EXPECT(-E_FAULT, sys_cputs(p, 1));
		EXPECT(-E_FAULT, sys_cputs(p, -1ul));
		EXPECT(-E_FAULT, sys_env_set_name(0, p));
		EXPECT(-E_FAULT, sys_env_set_trapframe(0, tf));
		EXPECT(-E_FAULT, sys_page_wait((uint32_t *)(p), 0, 0));
		EXPECT(-E_FAULT, sys_page_wake(p));
	}
	for EACH(i, bad_upcalls)
		EXPECT(-E_INVAL, sys_env_set_pgfault_upcall(
			0, (void *)bad_upcalls[i]));
	EXPECT(-E_FAULT, sys_env_set_name(0, FULL + PGSIZE - 2));
	EXPECT('t', thisenv->env_name[0]);
	EXPECT(-E_FAULT, sys_cputs(PAGE, 3 * PGSIZE));
	EXPECT(-E_FAULT, sys_cputs(PAGE, -1ul));
	EXPECT(-E_FAULT, sys_cputs(PAGE, 1ul << 63));
	EXPECT(-E_FAULT, sys_env_set_trapframe(0, (struct Trapframe *)
					       (NOPAGE - 8)));
	EXPECT(-E_FAULT, sys_page_wait((uint32_t *)(PAGE + 1), 0, 0));
}

// Calls that take an environment to change.
static void test_env(envid_t env)
{
	struct Trapframe tf;

	memset(&tf, 0, sizeof(tf));
	EXPECT(-E_BAD_ENV, sys_env_destroy(env));
	EXPECT(-E_BAD_ENV, sys_env_set_status(env, ENV_RUNNABLE));
	EXPECT(-E_BAD_ENV, sys_env_set_trapframe(env, &tf));
	EXPECT(-E_BAD_ENV, sys_env_set_pgfault_upcall(env, NULL));
	EXPECT(-E_BAD_ENV, sys_env_set_name(env, "x"));
	EXPECT(-E_BAD_ENV, sys_page_alloc(env, NOPAGE, PERM));
	EXPECT(-E_BAD_ENV, sys_page_map(env, PAGE, 0, NOPAGE, PERM));
	EXPECT(-E_BAD_ENV, sys_page_map(0, PAGE, env, NOPAGE, PERM));
	EXPECT(-E_BAD_ENV, sys_page_unmap(env, NOPAGE));
	EXPECT(-E_BAD_ENV, sys_ept_map(env, PAGE, 0, NULL, __EPTE_FULL));
	EXPECT(-E_BAD_ENV, sys_ept_map(0, PAGE, env, NULL, __EPTE_FULL));
	EXPECT(-E_BAD_ENV, sys_vmx_sel_resume(env));
}

static void test_envs(void)
{
	for EACH(i, bad_envs) {
		test_env(bad_envs[i]);
		EXPECT(-E_BAD_ENV, sys_env_wait(bad_envs[i]));
		EXPECT(-E_BAD_ENV, sys_ipc_try_send(bad_envs[i], 0,
						    (void *)UTOP, 0));
		EXPECT(-E_BAD_ENV, sys_ipc_send(bad_envs[i], 0,
						(void *)UTOP, 0));
		EXPECT(-E_BAD_ENV, sys_ipc_call(bad_envs[i], 0, (void *)UTOP,
						0, (void *)UTOP));
	}
	test_env(fs);
	test_env(first);
	EXPECT(-E_BAD_ENV, sys_ept_map(0, PAGE, 0, NULL, __EPTE_FULL));
	EXPECT(-E_BAD_ENV, sys_vmx_sel_resume(0));
}

static void test_pages(void)
{
	void *bad;

	for EACH(i, bad_pages) {
		bad = (void *)bad_pages[i];
		EXPECT(-E_INVAL, sys_page_alloc(0, bad, PERM));
		EXPECT(-E_INVAL, sys_page_map(0, bad, 0, NOPAGE, PERM));
		EXPECT(-E_INVAL, sys_page_map(0, PAGE, 0, bad, PERM));
		EXPECT(-E_INVAL, sys_page_unmap(0, bad));
	}
	for EACH(i, bad_perms) {
		EXPECT(-E_INVAL, sys_page_alloc(0, NOPAGE, bad_perms[i]));
		EXPECT(-E_INVAL, sys_page_map(0, PAGE, 0, NOPAGE,
					      bad_perms[i]));
	}
	EXPECT(-E_INVAL, sys_page_map(0, NOPAGE, 0, PAGE, PERM));
	EXPECT(-E_INVAL, sys_page_map(0, RDONLY, 0, NOPAGE, PERM));
	EXPECT(0, sys_page_unmap(0, NOPAGE));
	EXPECT(0, (int)va_pte(NOPAGE));
}

static void test_child(void)
{
	struct Trapframe tf;
	envid_t child = sys_exofork();

	if (child == 0)
		panic("the child ran");
	EXPECT(true, child > 0);
	EXPECT(-E_INVAL, sys_env_set_status(child, 99));
	EXPECT(-E_INVAL, sys_env_set_status(child, ENV_FREE));
	EXPECT(-E_INVAL, sys_env_set_status(child, ENV_DYING));
	EXPECT(-E_IPC_NOT_RECV, sys_ipc_try_send(child, 0, (void *)UTOP, 0));
	memset(&tf, 0, sizeof(tf));
	tf.tf_rip = KERNBASE;
	EXPECT(-E_INVAL, sys_env_set_trapframe(child, &tf));
	tf.tf_rip = UTEXT;
	tf.tf_rsp = 0x800000000000;
	EXPECT(-E_INVAL, sys_env_set_trapframe(child, &tf));
	EXPECT(-E_BAD_ENV, sys_ept_map(0, PAGE, child, NULL, __EPTE_FULL));
	EXPECT(0, sys_page_map(0, PAGE, child, PAGE, PERM));
	EXPECT(0, sys_env_destroy(child));
	EXPECT(EXIT_KILLED, sys_env_wait(child));
	test_env(child);
}

static void receiver(void)
{
	envid_t from;

	for EACH(i, unaligned)
		EXPECT(-E_INVAL, sys_ipc_recv((void *)unaligned[i]));
	EXPECT(42, ipc_recv(&from, NOPAGE, NULL));
	EXPECT(thisenv->env_parent_id, from);
	EXPECT('p', NOPAGE[0]);
	sys_exit(0);
}

// The sender's errors, with a receiver that does wait.
static void test_ipc(void)
{
	envid_t child = fork();

	if (child == 0)
		receiver();
	EXPECT(true, child > 0);
	while (!envs[ENVX(child)].env_ipc_recving &&
	       envs[ENVX(child)].env_status != ENV_FREE)
		sys_yield();
	for EACH(i, unaligned)
		EXPECT(-E_INVAL, sys_ipc_try_send(child, 1,
						  (void *)unaligned[i], PERM));
	for EACH(i, bad_perms)
		EXPECT(-E_INVAL, sys_ipc_try_send(child, 1, PAGE,
						  bad_perms[i]));
	EXPECT(-E_INVAL, sys_ipc_try_send(child, 1, NOPAGE, PERM));
	EXPECT(-E_INVAL, sys_ipc_try_send(child, 1, RDONLY, PERM));
	EXPECT(-E_INVAL, sys_ipc_send(child, 1, NOPAGE, PERM));
	EXPECT(-E_IPC_NOT_RECV, sys_ipc_send(0, 1, (void *)UTOP, 0));
	EXPECT(-E_INVAL, sys_ipc_call(child, 1, NOPAGE, PERM, (void *)UTOP));
	EXPECT(-E_INVAL, sys_ipc_call(child, 1, PAGE, PERM, PAGE + 1));
	EXPECT(0, sys_ipc_send(child, 42, PAGE, PTE_P | PTE_U));
	EXPECT(0, sys_env_wait(child));
}

static void test_rest(void)
{
	int r;

	EXPECT(-E_ACCESS, sys_irq_wait(IRQ_IDE, 0));
	EXPECT(-E_ACCESS, sys_irq_wait(-1, 0));
	r = sys_env_mkguest(GUEST_MEM_SZ + 1, 0);
	EXPECT(true, r == -E_NO_VMX || r == -E_NO_EPT || r == -E_INVAL);
	r = sys_env_mkguest(GUEST_MEM_SZ, 0x100000);
	EXPECT(true, r == -E_NO_VMX || r == -E_NO_EPT || r == -E_INVAL);
	for EACH(i, bad_buffers) {
		r = sys_vmx_list_vms((struct vm_info *)bad_buffers[i], 1);
		EXPECT(true, r == 0 || r == -E_FAULT);
	}
}

// fork leaves the page copy-on-write: writing makes it ours again.
static void test_all(void)
{
	PAGE[0] = 'p';
	test_numbers();
	test_buffers();
	test_envs();
	test_pages();
	test_child();
	test_ipc();
	test_rest();
}

static envid_t first_program(void)
{
	for (int i = 0; i < NENV; i++)
		if (envs[i].env_type == ENV_TYPE_USER &&
		    envs[i].env_status != ENV_FREE &&
		    envs[i].env_parent_id == 0)
			return envs[i].env_id;
	panic("there is no first program");
}

// The first time page tables are made that stay.
void umain(int argc, char **argv)
{
	uint64_t before;

	USED(argc);
	USED(argv);
	fs = ipc_find_env(ENV_TYPE_FS);
	first = first_program();
	EXPECT(0, sys_page_alloc(0, PAGE, PERM));
	EXPECT(0, sys_page_alloc(0, RDONLY, PTE_P | PTE_U));
	EXPECT(0, sys_page_alloc(0, FULL, PERM));
	memset(FULL, 'x', PGSIZE);
	test_all();
	before = sysinfo.si_free_pages;
	test_all();
	if (sysinfo.si_free_pages != before)
		panic("%lu free pages before, %lu after", before,
		      sysinfo.si_free_pages);
	cprintf("testsyscalls: %d checks, all pages are back\n", checks);
}
