// What the machine does while we sleep: its busy share over a second, and that
// of the busiest guest, in hundredths of a percent of one processor.

#include <inc/lib.h>
#include <inc/x86.h>

enum { MS = 1000 };

static uint64_t idle_ticks(void)
{
	return sysinfo.si_idle_ticks + sysinfo.si_sleeping * rdtsc();
}

static uint64_t ticks[NENV];

static uint64_t busiest_guest(void)
{
	uint64_t most = 0;

	for (int i = 0; i < NENV; i++)
		if (envs[i].env_type == ENV_TYPE_GUEST)
			most = MAX(most, envs[i].env_ticks - ticks[i]);
	return most;
}

void umain(int argc, char **argv)
{
	uint64_t start, idle, elapsed, busy;

	USED(argc);
	USED(argv);
	for (int i = 0; i < NENV; i++)
		ticks[i] = envs[i].env_ticks;
	start = rdtsc();
	idle = idle_ticks();
	sys_sleep(MS);
	elapsed = rdtsc() - start;
	busy = elapsed * sysinfo.si_ncpu - (idle_ticks() - idle);
	printf("busy=%lu elapsed=%lu idle_share=%lu guest_share=%lu\n", busy,
	       elapsed, busy * 10000 / elapsed,
	       busiest_guest() * 10000 / elapsed);
}
