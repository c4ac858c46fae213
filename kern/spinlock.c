// The kernel lock: a ticket lock, so that processors get it in turn.

#include <kern/cpu.h>

static struct {
	volatile uint32_t next;		// ticket for who comes next
	volatile uint32_t owner;	// ticket being served
} kernel_lock;

void lock_kernel(void)
{
	uint32_t ticket;

	thiscpu->cpu_in_kernel = true;
	ticket = __atomic_fetch_add(&kernel_lock.next, 1, __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&kernel_lock.owner, __ATOMIC_ACQUIRE) != ticket)
		pause();
}

void unlock_kernel(void)
{
	thiscpu->cpu_in_kernel = false;
	__atomic_store_n(&kernel_lock.owner, kernel_lock.owner + 1,
			 __ATOMIC_RELEASE);
}
