// Every wrong argument of sys_ept_map and sys_env_mkguest has its error and
// changes nothing: no reference, no page.

#include <inc/lib.h>

enum { VA = 0x20000000, PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };
#define PAGE ((void *)VA)

static int checks;

static void is(const char *what, int got, int want)
{
	checks++;
	if (got != want)
		panic("%s gives %e, not %e", what, got, want);
}

static int map(void *srcva, envid_t guest, uint64_t gpa, int perm)
{
	return sys_ept_map(0, srcva, guest, (void *)gpa, perm);
}

static void bad_environments(envid_t guest)
{
	envid_t child = sys_exofork(), stale;

	if (child == 0)
		exit(0);
	is("no guest", map(PAGE, child, 0x1000, __EPTE_FULL), -E_BAD_ENV);
	is("myself", map(PAGE, 0, 0x1000, __EPTE_FULL), -E_BAD_ENV);
	is("another's guest", map(PAGE, thisenv->env_parent_id, 0x1000,
				  __EPTE_FULL), -E_BAD_ENV);
	is("no source", sys_ept_map(12345678, PAGE, guest, (void *)0x1000,
				    __EPTE_FULL), -E_BAD_ENV);
	is("a guest as source", sys_ept_map(guest, PAGE, guest,
					    (void *)0x1000, __EPTE_FULL),
	   -E_BAD_ENV);
	is("file server as source", sys_ept_map(ipc_find_env(ENV_TYPE_FS),
						PAGE, guest, (void *)0x1000,
						__EPTE_FULL), -E_BAD_ENV);
	stale = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	sys_env_destroy(stale);
	is("a freed slot", map(PAGE, stale, 0x1000, __EPTE_FULL), -E_BAD_ENV);
	sys_env_destroy(child);
	is("a freed source", sys_ept_map(child, PAGE, guest, (void *)0x1000,
					 __EPTE_FULL), -E_BAD_ENV);
	is("negative", map(PAGE, -1, 0x1000, __EPTE_FULL), -E_BAD_ENV);
}

static void bad_addresses(envid_t guest)
{
	static const uint64_t srcs[] = {
		UTOP, UTOP + PGSIZE, KERNBASE, 0x800000000000, -4096ul,
		VA + 1, VA + PGSIZE,		// unaligned, unmapped
	};
	static const uint64_t dsts[] = {
		1, 0x1800, 0xa0000, 0xb8000, 0xff000, GUEST_MEM_SZ,
		GUEST_MEM_SZ + PGSIZE, 1ul << 32, 1ul << 48, -4096ul,
		0x8000000000000000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(srcs); i++)
		is("source address", map((void *)srcs[i], guest, 0x1000,
					 __EPTE_FULL), -E_INVAL);
	for (size_t i = 0; i < ARRAY_SIZE(dsts); i++)
		is("guest address", map(PAGE, guest, dsts[i], __EPTE_FULL),
		   -E_INVAL);
}

static void bad_permissions(envid_t guest)
{
	is("no permission", map(PAGE, guest, 0x1000, 0), -E_INVAL);
	is("write alone", map(PAGE, guest, 0x1000, __EPTE_WRITE), -E_INVAL);
	is("write and execute", map(PAGE, guest, 0x1000,
				    __EPTE_WRITE | __EPTE_EXEC), -E_INVAL);
	is("unknown bit", map(PAGE, guest, 0x1000, 8 | __EPTE_READ), -E_INVAL);
	is("negative", map(PAGE, guest, 0x1000, -1), -E_INVAL);
	sys_page_map(0, PAGE, 0, PAGE, PERM & ~PTE_W);
	is("write to a read-only page", map(PAGE, guest, 0x1000, __EPTE_FULL),
	   -E_INVAL);
	is("read of a read-only page", map(PAGE, guest, 0x2000,
					   __EPTE_READ | __EPTE_EXEC), 0);
}

static void bad_guests(void)
{
	is("memory of no whole page",
	   sys_env_mkguest(GUEST_MEM_SZ + 1, GUEST_BOOT), -E_INVAL);
	is("no memory", sys_env_mkguest(0, GUEST_BOOT), -E_INVAL);
	is("too little memory", sys_env_mkguest(EXTPHYSMEM - PGSIZE,
						GUEST_BOOT), -E_INVAL);
	is("too much memory", sys_env_mkguest(GUEST_MEM_MAX + PGSIZE,
					      GUEST_BOOT), -E_INVAL);
	is("negative memory", sys_env_mkguest(-4096ul, GUEST_BOOT), -E_INVAL);
	is("start out of real mode's reach",
	   sys_env_mkguest(GUEST_MEM_SZ, 0x10000), -E_INVAL);
	is("resume of nobody", sys_vmx_sel_resume(0), -E_BAD_ENV);
	is("resume of no guest", sys_vmx_sel_resume(thisenv->env_parent_id),
	   -E_BAD_ENV);
	is("list to nowhere", sys_vmx_list_vms((void *)8, 1), -E_FAULT);
	is("list to the kernel", sys_vmx_list_vms((void *)KERNBASE, 1),
	   -E_FAULT);
}

void umain(int argc, char **argv)
{
	uint64_t before = sysinfo.si_free_pages;
	envid_t guest;

	USED(argc);
	USED(argv);
	is("page", sys_page_alloc(0, PAGE, PERM), 0);
	guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	if (guest < 0)
		panic("cannot make a guest: %e", guest);
	bad_guests();
	bad_environments(guest);
	bad_addresses(guest);
	is("references", pageref(PAGE), 1);
	is("page 0", map(PAGE, guest, 0, __EPTE_FULL), 0);
	is("references", pageref(PAGE), 2);
	is("page 0 again", map(PAGE, guest, 0, __EPTE_FULL), -E_INVAL);
	is("the last page", map(PAGE, guest, GUEST_MEM_SZ - PGSIZE,
				__EPTE_READ), 0);
	is("references", pageref(PAGE), 3);
	bad_permissions(guest);
	is("references", pageref(PAGE), 4);
	sys_env_destroy(guest);
	is("references", pageref(PAGE), 1);
	sys_page_unmap(0, PAGE);
	sys_page_unmap(0, (void *)UTEMP);
	// The table for VA stays with us.
	if (before - sysinfo.si_free_pages > 2)
		panic("%lu pages are lost", before - sysinfo.si_free_pages);
	printf("testept: %d checks\n", checks);
}
