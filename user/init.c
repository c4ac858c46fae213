// The first program: gives descriptors 0 to 2 to the console, then runs what
// the command line names, or the shell. Its last one's end is the machine's.
#include <inc/lib.h>

enum { MAXARG = 32 };
enum { NOT_STARTED = 127 };	// a program's status when it can't be run

static int run(const char **argv)
{
	envid_t child = spawn(argv[0], argv);
	int status;

	if (child < 0) {
		cprintf("init: %s: %e\n", argv[0], child);
		return NOT_STARTED;
	}
	status = wait(child);
	if (status == EXIT_KILLED)
		cprintf("init: %s was killed\n", argv[0]);
	else if (status != 0)
		cprintf("init: %s ended with status %d\n", argv[0], status);
	return status;
}

// The command line's words; a copy, as the page is the kernel's.
static const char **words(char *s)
{
	static const char *argv[MAXARG + 1];
	int n = 0;

	while (n < MAXARG) {
		while (*s == ' ')
			*s++ = '\0';
		if (*s == '\0')
			break;
		argv[n++] = s;
		s = strfind(s, ' ');
	}
	argv[n] = NULL;
	return argv;
}

static int shell(void)
{
	const char *argv[] = { "sh", NULL };

	return run(argv);
}

static void show_motd(void)
{
	static char buf[512];
	ssize_t n;
	int fd = open("/motd", O_RDONLY);

	if (fd < 0) {
		cprintf("init: /motd: %e\n", fd);
		return;
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write(1, buf, n);
	close(fd);
}

static int first_program(const char **argv)
{
	int status;

	if (sysinfo.si_role == ROLE_GUEST) {
		show_motd();
		return argv[0] ? run(argv) : shell();
	}
	if (argv[0]) {
		status = run(argv);
		if (sysinfo.si_nguest == 0)
			return status;
	}
	for (;;)
		if (shell() == NOT_STARTED)
			sys_sleep(1000);	// memory may come back
}

// Started by another program (argc > 0): runs its arguments.
void umain(int argc, char **argv)
{
	static char cmdline[512];
	int fd, status;

	if (argc > 0)
		exit(argc > 1 ? run((const char **)argv + 1) : shell());
	binaryname = "init";
	if ((fd = opencons()) != 0)
		panic("opencons: %d", fd);
	if (dup(0, 1) < 0 || dup(0, 2) < 0)
		panic("dup");
	for (int i = 0; i < 511; i++)
		cmdline[i] = sysinfo.si_cmdline[i];
	status = first_program(words(cmdline));
	sync();
	sys_poweroff(status);
}
