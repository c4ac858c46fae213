// Memory runs out at each single allocation while a tiny guest is made and
// run. Before each attempt this program stops in the monitor, where the test
// says which allocation from now on shall fail (failalloc N, continue); the
// attempt after the last one that is made succeeds.

#include <inc/lib.h>
#include <inc/x86.h>

enum { VA = 0x20000000, PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };

// Real mode: writes to a page that is not there yet and ends with status 7.
static const uint8_t code[] = {
	0x66, 0xb8, 20, 0, 0, 0,	// movl $VMX_VMCALL_POWEROFF, %eax
	0x66, 0xbb, 7, 0, 0, 0,		// movl $7, %ebx
	0xa2, 0x00, 0x50,		// movb %al, 0x5000
	0x0f, 0x01, 0xc1,		// vmcall
};

static int attempt(void)
{
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	int r;

	if (guest < 0)
		return guest;
	r = sys_ept_map(0, (void *)VA, guest, (void *)GUEST_BOOT, __EPTE_FULL);
	if (r == 0)
		r = sys_env_set_status(guest, ENV_RUNNABLE);
	if (r < 0) {
		sys_env_destroy(guest);
		return r;
	}
	return wait(guest);
}

void umain(int argc, char **argv)
{
	uint64_t before;
	int r = sys_page_alloc(0, (void *)VA, PERM);

	USED(argc);
	USED(argv);
	if (r < 0)
		panic("sys_page_alloc: %e", r);
	memcpy((void *)VA, code, sizeof(code));
	before = sysinfo.si_free_pages;
	for (int i = 1; r != 7; i++) {
		breakpoint();
		r = attempt();
		if (sysinfo.si_free_pages != before)
			panic("attempt %d loses %ld pages", i,
			      before - sysinfo.si_free_pages);
		if (r != 7 && r != EXIT_KILLED && r != -E_NO_MEM)
			panic("attempt %d gives %e", i, r);
		cprintf("attempt %d: %d\n", i, r);
	}
	breakpoint();		// failalloc 0: whatever is left of it
	cprintf("testnomem: passed\n");
}
