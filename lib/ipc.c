// Messages between environments, and between a guest and its host.
#include <inc/lib.h>

#define NOWHERE		((void *)UTOP)	// "no page"
#define NO_GPA		(~0ul)

void ipc_send(envid_t to, uint64_t value, void *pg, int perm)
{
	int r = sys_ipc_send(to, value, pg ? pg : NOWHERE, perm);

	if (r < 0)
		panic("ipc_send to %08x: %e", to, r);
}

int64_t ipc_recv(envid_t *from, void *pg, int *perm)
{
	int r = sys_ipc_recv(pg ? pg : NOWHERE);

	if (from)
		*from = r < 0 ? 0 : thisenv->env_ipc_from;
	if (perm)
		*perm = r < 0 ? 0 : thisenv->env_ipc_perm;
	return r < 0 ? r : (int64_t)thisenv->env_ipc_value;
}

envid_t ipc_find_env(enum EnvType type)
{
	for (int i = 0; i < NENV; i++)
		if (envs[i].env_type == type &&
		    envs[i].env_status != ENV_FREE)
			return envs[i].env_id;
	return 0;
}

// Guest-physical address of a page that the host may read, and write when
// `write` is true: a page shared copy-on-write becomes our own first.
static int page_gpa(void *pg, bool write, uint64_t *gpa)
{
	int r;

	*gpa = NO_GPA;
	if (pg == NULL)
		return 0;
	if (PGOFF(pg) || (uintptr_t)pg >= UTOP)
		return -E_INVAL;
	if (!va_pte(pg)) {
		r = sys_page_alloc(0, pg, PTE_P | PTE_U | PTE_W);
		if (r < 0)
			return r;
	}
	if (write && (va_pte(pg) & PTE_COW))
		*(volatile char *)pg = *(volatile char *)pg;
	if (write && !(va_pte(pg) & PTE_W))
		return -E_INVAL;
	*gpa = PTE_ADDR(va_pte(pg));
	return 0;
}

int ipc_host_send(int type, uint64_t value, void *pg, int perm)
{
	uint64_t gpa;
	int64_t r;

	if ((r = page_gpa(pg, perm & PTE_W, &gpa)) < 0)
		return r;
	r = VMX_VMCALL_IPCSEND;
	__asm__ volatile("vmcall" : "+a"(r)
			 : "b"((uint64_t)type), "c"(value), "d"(gpa),
			   "S"((uint64_t)perm) : "memory", "cc");
	return r;
}

int64_t ipc_host_recv(void *pg)
{
	uint64_t gpa, value;
	int64_t r;

	if ((r = page_gpa(pg, true, &gpa)) < 0)
		return r;
	r = VMX_VMCALL_IPCRECV;
	__asm__ volatile("vmcall" : "+a"(r), "=S"(value)
			 : "b"(gpa) : "memory", "cc");
	return r < 0 ? r : (int64_t)value;
}
