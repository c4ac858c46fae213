// Giving up: panic() and warn() of a program.
#include <inc/lib.h>

static void complain(const char *what, const char *file, int line,
		     const char *fmt, va_list ap)
{
	cprintf("[%08x] user %s in %s at %s:%d: ", sys_getenvid(), what,
		binaryname, file, line);
	vcprintf(fmt, ap);
	cprintf("\n");
}

void _panic(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("panic", file, line, fmt, ap);
	va_end(ap);
	sys_exit(1);
}

void _warn(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain("warning", file, line, fmt, ap);
	va_end(ap);
}
