// What this program's page tables say.
#include <inc/lib.h>

pte_t va_pte(const volatile void *va)
{
	uintptr_t a = (uintptr_t)va;
	pte_t pte;

	if (a >= ULIM || !(uvpml4e[PML4(a)] & PTE_P) ||
	    !(uvpde[a >> 30] & PTE_P) || !(uvpd[a >> 21] & PTE_P))
		return 0;
	pte = uvpt[a >> 12];
	return pte & PTE_P ? pte : 0;
}

uint32_t pageref(const volatile void *va)
{
	pte_t pte = va_pte(va);

	return pte ? pages[PGNUM(PTE_ADDR(pte))].pp_ref : 0;
}
