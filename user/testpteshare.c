// PTE_SHARE pages stay common over fork and, among the descriptors, spawn.
#include <inc/lib.h>

#define VA	((char *)0xa0000000)

static const char *msg = "hello, world\n", *msg2 = "goodbye, world\n";

static void must(const char *what, int r)
{
	if (r < 0)
		panic("%s: %e", what, r);
}

// Descriptor 31's page, which spawn looks at.
static char *const shared = (char *)FDTABLE + (MAXFD - 1) * PGSIZE;

static void test_fork(void)
{
	envid_t child;

	must("sys_page_alloc",
	     sys_page_alloc(0, VA, PTE_P | PTE_U | PTE_W | PTE_SHARE));
	if ((child = fork()) == 0) {
		strcpy(VA, msg);
		exit(0);
	}
	must("fork", child);
	wait(child);
	if (strcmp(VA, msg) != 0)
		panic("fork does not share the page");
	cprintf("fork handles PTE_SHARE right\n");
}

static void test_spawn(void)
{
	envid_t child;

	must("sys_page_alloc",
	     sys_page_alloc(0, shared, PTE_P | PTE_U | PTE_W | PTE_SHARE));
	child = spawnl("testpteshare", "testpteshare", "arg", NULL);
	must("spawn", child);
	wait(child);
	if (strcmp(shared, msg2) != 0)
		panic("spawn does not share the page");
	sys_page_unmap(0, shared);
	cprintf("spawn handles PTE_SHARE right\n");
}

void umain(int argc, char **argv)
{
	USED(argv);
	if (argc > 1) {
		strcpy(shared, msg2);
		sys_exit(0);
	}
	test_fork();
	test_spawn();
}
