#include <inc/lib.h>

int wait(envid_t env)
{
	int status = sys_env_wait(env);

	return status == -E_BAD_ENV ? EXIT_KILLED : status;
}
