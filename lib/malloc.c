// Memory from a heap of pages. The page tables are the record of what is in
// use. Small blocks share a page with others of their size; that page's
// header counts them, and the page is given back with the last. A larger
// block has pages of its own.
#include <inc/lib.h>

#define HEAP		0x20000000ul
#define HEAPEND		0x60000000ul

enum { MINSIZE = 32, MAXSMALL = 1008, NCLASS = 6 };	// 32, 64, ... 1008

// At the start of the first page of a block, of the page of small ones.
struct heap_page {
	uint32_t hp_npages;		// pages of a large block; 0: small
	uint16_t hp_class, hp_used;
	struct heap_page *hp_next, **hp_prev;	// with free blocks, same class
	void *hp_free;			// free blocks, linked
};

static struct heap_page *partial[NCLASS];	// have a free block
static uintptr_t next_page = HEAP;	// where to look for pages first

#define HEADER		ROUNDUP(sizeof(struct heap_page), 16ul)

static size_t class_size(int class)
{
	return MIN(MINSIZE << class, MAXSMALL);
}

// n pages in a row of which none is mapped, between from and to; 0: none.
static uintptr_t find_run(uintptr_t from, uintptr_t to, size_t n)
{
	size_t have = 0;

	for (uintptr_t a = from; a < to; a += PGSIZE) {
		have = va_pte((void *)a) ? 0 : have + 1;
		if (have == n)
			return a + PGSIZE - n * PGSIZE;
	}
	return 0;
}

static void unmap(uintptr_t a, size_t n)
{
	for (; n > 0; n--, a += PGSIZE)
		sys_page_unmap(0, (void *)a);
}

static struct heap_page *alloc_pages(size_t n)
{
	uintptr_t a = find_run(next_page, HEAPEND, n);

	if (a == 0)
		a = find_run(HEAP, HEAPEND, n);
	if (a == 0)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (sys_page_alloc(0, (void *)(a + i * PGSIZE),
				   PTE_P | PTE_U | PTE_W | PTE_NOEXEC) < 0) {
			unmap(a, i);
			return NULL;
		}
	next_page = a + n * PGSIZE;
	return (struct heap_page *)a;
}

static void list_insert(struct heap_page *hp)
{
	struct heap_page **head = &partial[hp->hp_class];

	hp->hp_next = *head;
	hp->hp_prev = head;
	if (hp->hp_next)
		hp->hp_next->hp_prev = &hp->hp_next;
	*head = hp;
}

static void list_remove(struct heap_page *hp)
{
	if (hp->hp_next)
		hp->hp_next->hp_prev = hp->hp_prev;
	*hp->hp_prev = hp->hp_next;
}

static struct heap_page *new_small_page(int class)
{
	struct heap_page *hp = alloc_pages(1);
	size_t size = class_size(class);

	if (hp == NULL)
		return NULL;
	hp->hp_class = class;
	for (size_t off = HEADER; off + size <= PGSIZE; off += size) {
		*(void **)((char *)hp + off) = hp->hp_free;
		hp->hp_free = (char *)hp + off;
	}
	list_insert(hp);
	return hp;
}

static void *alloc_small(int class)
{
	struct heap_page *hp = partial[class];
	void *p;

	if (hp == NULL && (hp = new_small_page(class)) == NULL)
		return NULL;
	p = hp->hp_free;
	hp->hp_free = *(void **)p;
	hp->hp_used++;
	if (hp->hp_free == NULL)
		list_remove(hp);
	return p;
}

void *malloc(size_t n)
{
	struct heap_page *hp;
	int class = 0;

	if (n > HEAPEND - HEAP - HEADER)
		return NULL;
	if (n <= MAXSMALL) {
		while (class_size(class) < n)
			class++;
		return alloc_small(class);
	}
	n = ROUNDUP(n + HEADER, (size_t)PGSIZE) / PGSIZE;
	if ((hp = alloc_pages(n)) == NULL)
		return NULL;
	hp->hp_npages = n;
	return (char *)hp + HEADER;
}

void free(void *p)
{
	struct heap_page *hp = (void *)ROUNDDOWN((uintptr_t)p, PGSIZE);

	if (p == NULL)
		return;
	assert((uintptr_t)p >= HEAP && (uintptr_t)p < HEAPEND);
	if (hp->hp_npages > 0) {
		next_page = MIN(next_page, (uintptr_t)hp);
		unmap((uintptr_t)hp, hp->hp_npages);
		return;
	}
	if (hp->hp_free == NULL)
		list_insert(hp);
	*(void **)p = hp->hp_free;
	hp->hp_free = p;
	if (--hp->hp_used == 0) {
		list_remove(hp);
		next_page = MIN(next_page, (uintptr_t)hp);
		unmap((uintptr_t)hp, 1);
	}
}
