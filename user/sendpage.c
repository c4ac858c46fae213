// Parent and child send each other a page.
#include <inc/lib.h>

static const char *str1 = "hello child environment! how are you?";
static const char *str2 = "hello parent environment! I'm good.";

#define TEMP_ADDR	((char *)0xa00000)
#define TEMP_ADDR_CHILD	((char *)0xb00000)
#define PERM		(PTE_P | PTE_U | PTE_W)

static void child(void)
{
	envid_t who;
	int perm;

	ipc_recv(&who, TEMP_ADDR_CHILD, &perm);
	cprintf("%x got message: %s\n", who, TEMP_ADDR_CHILD);
	if (strcmp(TEMP_ADDR_CHILD, str1) != 0 || !(perm & PTE_W))
		panic("child got a wrong page");
	cprintf("child received correct message\n");
	strcpy(TEMP_ADDR_CHILD, str2);
	ipc_send(who, 0, TEMP_ADDR_CHILD, PERM);
	exit(0);
}

void umain(int argc, char **argv)
{
	envid_t who, from;
	int r;

	USED(argc);
	USED(argv);
	if ((who = fork()) == 0)
		child();
	if (who < 0)
		panic("fork: %e", who);
	if ((r = sys_page_alloc(0, TEMP_ADDR, PERM)) < 0)
		panic("sys_page_alloc: %e", r);
	strcpy(TEMP_ADDR, str1);
	ipc_send(who, 0, TEMP_ADDR, PERM);
	ipc_recv(&from, TEMP_ADDR, NULL);
	cprintf("%x got message: %s\n", from, TEMP_ADDR);
	if (strcmp(TEMP_ADDR, str2) != 0)
		panic("parent got a wrong page");
	cprintf("parent received correct message\n");
}
