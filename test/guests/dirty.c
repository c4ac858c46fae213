// Memory on demand is zeroed: looks at all of it before it writes it full.
#include "tiny.h"

int main(void)
{
	for (uintptr_t pa = 0x100000; pa < GUEST_MEM_SZ; pa += 8) {
		volatile uint64_t *p = (uint64_t *)pa;

		if (*p) {
			say("not zero at ", pa);
			return 1;
		}
		*p = 0xdeadbeefdeadbeef;
	}
	puts("all zero\n");
	return 0;
}
