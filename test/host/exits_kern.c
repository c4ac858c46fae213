// kern/pmap.c and kern/sched.c on the development machine: ASan is told which
// pages are free, and nobody's stack starts anew.
#include <sanitizer/asan_interface.h>

#include <inc/string.h>
#include <kern/env.h>
#include <kern/pmap.h>

char text[1], erodata[1];

// page_alloc() clears what it hands out.
static void *clear_page(void *page, int c, size_t n)
{
	__asan_unpoison_memory_region(page, n);
	return memset(page, c, n);
}

// page_decref() wakes those who wait for a page before it frees that.
static void poison_free_page(struct PageInfo *pp)
{
	page_wake(pp);
	if (pp->pp_ref == 0)
		__asan_poison_memory_region(page2kva(pp), PGSIZE);
}

#define memset(dst, c, n) clear_page(dst, c, n)
#define page_wake(pp) poison_free_page(pp)
#include "kern/pmap.c"
#undef memset
#undef page_wake

void yield_on_empty_stack(void);
#define sched_yield yield_on_empty_stack
#include "kern/sched.c"
