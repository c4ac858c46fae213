// Page faults of this program, handled by itself: first copy-on-write, then
// the program's own handler.
#include <inc/lib.h>

#define UXSTACK		((void *)(UXSTACKTOP - PGSIZE))

_Static_assert(offsetof(struct UTrapframe, utf_regs) == 16, "pfentry.S");
_Static_assert(offsetof(struct UTrapframe, utf_rip) == 136, "pfentry.S");
_Static_assert(offsetof(struct UTrapframe, utf_rsp) == 152, "pfentry.S");

void _pgfault_upcall(void);
void pgfault_dispatch(struct UTrapframe *utf);

static void (*pgfault_handler)(struct UTrapframe *utf);

void pgfault_dispatch(struct UTrapframe *utf)
{
	if (cow_fault(utf))
		return;
	if (pgfault_handler) {
		pgfault_handler(utf);
		return;
	}
	panic("page fault at va %lx, rip %lx, error %lx", utf->utf_fault_va,
	      utf->utf_rip, utf->utf_err);
}

int pgfault_setup(void)
{
	int r;

	if (thisenv->env_pgfault_upcall)
		return 0;
	r = sys_page_alloc(0, UXSTACK, PTE_P | PTE_U | PTE_W | PTE_NOEXEC);
	if (r < 0)
		return r;
	return sys_env_set_pgfault_upcall(0, _pgfault_upcall);
}

void set_pgfault_handler(void (*handler)(struct UTrapframe *utf))
{
	int r = pgfault_setup();

	if (r < 0)
		panic("set_pgfault_handler: %e", r);
	pgfault_handler = handler;
}
