// What a guest costs its host: sys_ept_map in ticks a call, and the kernel's
// pages beyond the guest's memory when all of it is touched.

#include <inc/lib.h>
#include <inc/x86.h>

enum { VA = 0x20000000, N = 256, PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };

static envid_t guest;

static int map(uint64_t gpa)
{
	return sys_ept_map(0, (void *)VA, guest, (void *)gpa, __EPTE_FULL);
}

void umain(int argc, char **argv)
{
	uint64_t before, start, mapped = 0;
	int r = sys_page_alloc(0, (void *)VA, PERM);

	USED(argc);
	USED(argv);
	before = sysinfo.si_free_pages;
	guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	if (r < 0 || guest < 0)
		panic("no guest: %e", guest);
	map(EXTPHYSMEM);		// makes the table
	start = rdtsc();
	for (int i = 1; i <= N - 1; i++)
		r |= map(EXTPHYSMEM + i * PGSIZE);
	printf("sys_ept_map=%lu\n", (rdtsc() - start) / (N - 1));
	if (r < 0)
		panic("sys_ept_map: %e", r);
	// The same page everywhere: its memory costs nothing, so all that is
	// missing is what the guest costs beyond it.
	for (uint64_t gpa = 0; gpa < GUEST_MEM_SZ; gpa += PGSIZE)
		mapped += map(gpa) == 0;
	printf("guest_overhead_pages=%lu\n", before - sysinfo.si_free_pages);
	printf("pages mapped: %lu\n", mapped + N);
	sys_env_destroy(guest);
}
