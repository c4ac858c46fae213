// SSE registers belong to one program each: children that use them at the
// same time don't disturb each other, and a new program starts with none set.
#include <inc/lib.h>

enum { CHILDREN = 4, ROUNDS = 2000 };

static void compute(int id)
{
	double sum = 0, want = (double)id * ROUNDS;
	uint64_t seed = 0x1111111111111111ul * id, now;

	__asm__ volatile("movq %0, %%xmm15" : : "r"(seed) : "xmm15");
	for (int i = 0; i < ROUNDS; i++) {
		sum += id;
		if (i % 100 == 0)
			sys_yield();
		for (volatile int j = 0; j < 100; j++)
			;
		__asm__ volatile("movq %%xmm15, %0" : "=r"(now) : : "xmm15");
		if (now != seed)
			panic("child %d: xmm15 is %lx", id, now);
	}
	if (sum != want)
		panic("child %d: sum is %ld", id, (long)sum);
	exit(0);
}

static void check_fresh(void)
{
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(fcw));
	if (mxcsr != 0x1f80 || fcw != 0x37f)
		panic("mxcsr is %x, the control word %x", mxcsr, fcw);
}

void umain(int argc, char **argv)
{
	envid_t child[CHILDREN];

	USED(argc);
	USED(argv);
	check_fresh();
	for (int i = 0; i < CHILDREN; i++) {
		if ((child[i] = fork()) == 0)
			compute(i + 1);
		if (child[i] < 0)
			panic("fork: %e", child[i]);
	}
	for (int i = 0; i < CHILDREN; i++)
		if (wait(child[i]) != 0)
			panic("child %d failed", i + 1);
	cprintf("testfpu: SSE state is kept apart\n");
}
