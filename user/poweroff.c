// poweroff [status]: ends the machine; in a guest, the guest.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	int r = sync();

	if (r < 0)
		fprintf(2, "poweroff: %e\n", r);
	sys_poweroff(argc > 1 ? strtol(argv[1], NULL, 0) : 0);
}
