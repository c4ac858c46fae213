// What exits cost, in ticks, each the mean over a loop.
#include "tiny.h"

enum { N = 1000, FIRST = 0x400000, PAGES = 256 };

#define MEAN(n, what) ({						\
	uint64_t start = rdtsc();					\
	for (int i = 0; i < (n); i++) {					\
		what;							\
	}								\
	(rdtsc() - start) / (n);					\
})

int main(void)
{
	volatile char *page = (char *)FIRST;

	// The first touch makes the table.
	*page = 1;
	say("vmcall_null=", MEAN(N, hypercall(VMX_VMCALL_LAPICEOI, 0, 0)));
	say("cpuid=", MEAN(N, cpuid(0, 0, NULL, NULL, NULL, NULL)));
	say("ept_demand_4k=", MEAN(PAGES, *(page += 4096) = 1));
	return 0;
}
