// A VMM that ends at once, its guest just started: the guest goes with it.

#include <inc/lib.h>

enum { VA = 0x20000000, PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };

void umain(int argc, char **argv)
{
	envid_t guest = sys_env_mkguest(GUEST_MEM_SZ, GUEST_BOOT);
	int r = sys_page_alloc(0, (void *)VA, PERM);

	USED(argc);
	USED(argv);
	*(uint16_t *)VA = 0xfeeb;		// jmp .
	if (r == 0)
		r = sys_ept_map(0, (void *)VA, guest, (void *)GUEST_BOOT,
				__EPTE_FULL);
	if (r == 0)
		r = sys_env_set_status(guest, ENV_RUNNABLE);
	if (r < 0)
		panic("no guest: %e", r);
	sys_sleep(30);
	printf("vmmquit: %u guest alive\n", sysinfo.si_nguest);
}
