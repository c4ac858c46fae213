// kill envid...: ids in hexadecimal, as ps shows them.
#include <inc/lib.h>

static int kill(const char *arg)
{
	char *end;
	envid_t id = strtol(arg, &end, 16);
	int r;

	if (end == arg || *end != '\0' || id <= 0) {
		fprintf(2, "kill: %s: not an environment's id\n", arg);
		return 1;
	}
	if ((r = sys_env_destroy(id)) < 0)
		fprintf(2, "kill: %s: %e\n", arg, r);
	return r < 0;
}

void umain(int argc, char **argv)
{
	int failed = 0;

	if (argc < 2) {
		fprintf(2, "usage: kill envid...\n");
		exit(1);
	}
	for (int i = 1; i < argc; i++)
		failed |= kill(argv[i]);
	exit(failed);
}
