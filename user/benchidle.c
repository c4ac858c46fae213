// What the machine does while it has nothing to do: its busy share over a
// second, in hundredths of a percent of one processor.

#include <inc/lib.h>
#include <inc/x86.h>

enum { MS = 1000 };

static uint64_t idle_ticks(void)
{
	return sysinfo.si_idle_ticks + sysinfo.si_sleeping * rdtsc();
}

void umain(int argc, char **argv)
{
	uint64_t start = rdtsc(), idle = idle_ticks();
	uint64_t elapsed, busy;

	USED(argc);
	USED(argv);
	sys_sleep(MS);
	elapsed = rdtsc() - start;
	busy = elapsed * sysinfo.si_ncpu - (idle_ticks() - idle);
	printf("busy=%lu elapsed=%lu idle_share=%lu\n", busy, elapsed,
	       busy * 10000 / elapsed);
}
