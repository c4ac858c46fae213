// fork: a child that shares all pages with its parent until one of them
// writes. Writable pages become read-only and PTE_COW in both; the page fault
// that the first write causes makes a copy.
#include <inc/lib.h>

#define UXSTACK		(UXSTACKTOP - PGSIZE)

bool cow_fault(const struct UTrapframe *utf)
{
	void *va = (void *)ROUNDDOWN(utf->utf_fault_va, PGSIZE);
	pte_t pte = va_pte(va);
	int perm = (pte & PTE_SYSCALL & ~PTE_COW) | PTE_W;
	int r;

	if (!(utf->utf_err & FEC_WR) || !(pte & PTE_COW))
		return false;
	r = sys_page_alloc(0, (void *)PFTEMP, PTE_P | PTE_U | PTE_W);
	if (r < 0)
		panic("copy on write: %e", r);
	memcpy((void *)PFTEMP, va, PGSIZE);
	r = sys_page_map(0, (void *)PFTEMP, 0, va, perm);
	if (r < 0)
		panic("copy on write: %e", r);
	sys_page_unmap(0, (void *)PFTEMP);
	return true;
}

// The child first: were the parent's page read-only before, a write to the
// stack in between would copy it, and parent and child would share the copy.
// For the same reason the parent's entry is looked at once more.
static int dup_page(envid_t child, uintptr_t a, pte_t pte)
{
	int perm = pte & PTE_SYSCALL;
	void *va = (void *)a;
	int r;

	if ((pte & PTE_SHARE) || !(pte & (PTE_W | PTE_COW)))
		return sys_page_map(0, va, child, va, perm);
	perm = (perm & ~PTE_W) | PTE_COW;
	r = sys_page_map(0, va, child, va, perm);
	if (r < 0 || !(va_pte(va) & PTE_W))
		return r;
	return sys_page_map(0, va, 0, va, perm);
}

// All mapped pages below UTOP but the exception stack; absent tables are
// skipped whole.
static int dup_pages(envid_t child)
{
	uintptr_t a = 0;
	int r;

	if (!(uvpml4e[0] & PTE_P))
		return 0;
	while (a < UXSTACK) {
		if (!(uvpde[a >> 30] & PTE_P)) {
			a = ROUNDDOWN(a, 1ul << 30) + (1ul << 30);
			continue;
		}
		if (!(uvpd[a >> 21] & PTE_P)) {
			a = ROUNDDOWN(a, PTSIZE) + PTSIZE;
			continue;
		}
		if ((uvpt[a >> 12] & PTE_P) &&
		    (r = dup_page(child, a, uvpt[a >> 12])) < 0)
			return r;
		a += PGSIZE;
	}
	return 0;
}

static int dup_xstack(envid_t child)
{
	int r;

	r = sys_page_alloc(child, (void *)UXSTACK,
			   PTE_P | PTE_U | PTE_W | PTE_NOEXEC);
	if (r < 0)
		return r;
	return sys_env_set_pgfault_upcall(child,
					  (void *)thisenv->env_pgfault_upcall);
}

envid_t fork(void)
{
	envid_t child;
	int r;

	if ((r = pgfault_setup()) < 0)
		return r;
	child = sys_exofork();
	if (child < 0)
		return child;
	if (child == 0) {
		thisenv = &envs[ENVX(sys_getenvid())];
		return 0;
	}
	if ((r = dup_pages(child)) < 0 || (r = dup_xstack(child)) < 0 ||
	    (r = sys_env_set_status(child, ENV_RUNNABLE)) < 0) {
		sys_env_destroy(child);
		return r;
	}
	return child;
}
