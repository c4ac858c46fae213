// From entry.S to the program's umain.
#include <inc/lib.h>

const char *binaryname = "<unknown>";
const volatile struct Env *thisenv;

void libmain(char **sp);

// spawn leaves on the stack what the System V ABI says: argc, then
// argv[0..argc-1], then null. The stack of a program that the kernel started
// is empty: no arguments.
void libmain(char **sp)
{
	static char *no_args[1];
	bool empty = (uintptr_t)sp == USTACKTOP;
	int argc = empty ? 0 : (int)*(uint64_t *)sp;
	char **argv = empty ? no_args : sp + 1;

	thisenv = &envs[ENVX(sys_getenvid())];
	if (argc > 0)
		binaryname = argv[0];
	umain(argc, argv);
	exit(0);
}
