#include <inc/lib.h>

void exit(int status)
{
	close_all();
	sys_exit(status);
}
