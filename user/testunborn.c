// A parent ends before it has started its children: they and their pages go
// with it. One that it has started lives on.
#include <inc/lib.h>

enum { CHILDREN = 3, ROUNDS = 20, PERM = PTE_P | PTE_U | PTE_W | PTE_NOEXEC };

static envid_t conceive(void)
{
	envid_t child = sys_exofork();
	int r;

	if (child < 0)
		panic("sys_exofork: %e", child);
	if (child > 0 && (r = sys_page_alloc(child, (void *)UTEMP, PERM)) < 0)
		panic("sys_page_alloc: %e", r);
	return child;
}

// Whoever is killed in sys_exofork's first half.
static void half_parent(bool waits)
{
	for (int i = 0; i < CHILDREN; i++)
		if (conceive() == 0)
			panic("an unborn child runs");
	while (waits)
		sys_sleep(1000);
	exit(0);
}

static void round(bool killed)
{
	uint32_t before = sysinfo.si_nenv;
	envid_t parent = fork();
	int r;

	if (parent < 0)
		panic("fork: %e", parent);
	if (parent == 0)
		half_parent(killed);
	while (killed && sysinfo.si_nenv != before + 1 + CHILDREN)
		sys_yield();
	if (killed && (r = sys_env_destroy(parent)) < 0)
		panic("sys_env_destroy: %e", r);
	wait(parent);
	if (sysinfo.si_nenv != before)
		panic("%d are left", sysinfo.si_nenv - before);
}

static void survivor(void)
{
	envid_t me = sys_getenvid(), parent = fork(), child;
	int status;

	if (parent == 0) {
		if ((child = fork()) == 0) {
			wait(thisenv->env_parent_id);
			ipc_send(me, 42, NULL, 0);
			exit(0);
		}
		exit(0);
	}
	wait(parent);
	status = ipc_recv(NULL, NULL, NULL);
	if (status != 42)
		panic("the child says %d", status);
}

void umain(int argc, char **argv)
{
	USED(argc);
	USED(argv);
	for (int i = 0; i < ROUNDS; i++)
		round(i % 2);
	survivor();
	printf("testunborn: nobody is left\n");
}
