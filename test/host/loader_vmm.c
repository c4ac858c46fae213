// The VMM's loader, for its test.
#include "loader.h"
#include "user/vmm.c"

int vmm_load_kernel(envid_t guest, uint64_t memsz)
{
	memory = memsz;
	return copy_guest_kern_gpa(guest, "kernel");
}

int vmm_load_boot_block(envid_t guest)
{
	return copy_boot_block(guest);
}
