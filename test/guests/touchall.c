// Touches all of its memory, then sleeps for good.
#include "tiny.h"

int main(void)
{
	for (uintptr_t pa = 0; pa < GUEST_MEM_SZ; pa += 4096)
		if (pa < 0xa0000 || pa >= 0x100000)
			*(volatile char *)pa |= 0;
	puts("all touched\n");
	for (;;)
		hlt();
}
