// Reads the message of the day from the file system, then starts init.
#include <inc/lib.h>

void umain(int argc, char **argv)
{
	static char buf[512];
	int fd, n;
	envid_t child;

	USED(argc);
	USED(argv);
	cprintf("icode: open /motd\n");
	if ((fd = open("/motd", O_RDONLY)) < 0)
		panic("open /motd: %e", fd);
	cprintf("icode: read /motd\n");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sys_cputs(buf, n);
	if (n < 0)
		panic("read /motd: %e", n);
	cprintf("icode: close /motd\n");
	close(fd);
	cprintf("icode: spawn /bin/init\n");
	child = spawnl("/bin/init", "init", "echo", "initarg1", "initarg2",
		       NULL);
	if (child < 0)
		panic("spawn /bin/init: %e", child);
	if (wait(child) != 0)
		panic("init failed");
	cprintf("icode: exiting\n");
}
