// Blocks of all sizes don't overlap, and freed memory goes back.
#include <inc/lib.h>

enum { N = 200 };

static uint8_t *blocks[N];
static size_t sizes[N];

static uint32_t next_random(void)
{
	static uint32_t x = 12345;

	x = x * 1664525 + 1013904223;
	return x >> 8;
}

static void check_and_free(int i)
{
	for (size_t j = 0; j < sizes[i]; j++)
		if (blocks[i][j] != (uint8_t)(i * 3))
			panic("block %d of %lu bytes was overwritten", i,
			      sizes[i]);
	free(blocks[i]);
	blocks[i] = NULL;
}

static void churn(int rounds)
{
	for (int n = 0; n < rounds; n++) {
		int i = next_random() % N;

		if (blocks[i]) {
			check_and_free(i);
			continue;
		}
		sizes[i] = next_random() % (n % 10 ? 500 : 20000);
		if ((blocks[i] = malloc(sizes[i])) == NULL)
			panic("malloc(%lu) failed", sizes[i]);
		if ((uintptr_t)blocks[i] % 16)
			panic("malloc returned %p", blocks[i]);
		memset(blocks[i], i * 3, sizes[i]);
	}
	for (int i = 0; i < N; i++)
		if (blocks[i])
			check_and_free(i);
}

// Only page tables may stay.
void umain(int argc, char **argv)
{
	uint64_t before, after;

	USED(argc);
	USED(argv);
	churn(500);
	before = sysinfo.si_free_pages;
	churn(5000);
	after = sysinfo.si_free_pages;
	if (before != after)
		panic("%lu free pages before, %lu after", before, after);
	if (malloc(1ul << 40) != NULL || malloc(~0ul) != NULL)
		panic("malloc of too much worked");
	free(NULL);
	cprintf("testmalloc: all memory is back\n");
}
