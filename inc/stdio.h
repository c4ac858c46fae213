// Formatted output: %d %i %u %x %X %o %p %c %s %% with flags 0 - # + and
// space, width, precision and * for both, h hh l ll z t, and %e for the name
// of an error.
#pragma once

#include <inc/types.h>
#include <stdarg.h>


// printfmt.c: calls putch for each character.
void vprintfmt(void (*putch)(int c, void *arg), void *arg, const char *fmt,
	       va_list ap);
// Length that the whole output has, like C's.
int snprintf(char *buf, size_t n, const char *fmt, ...);
int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap);
// The console, as is: kern/console.c for the kernel, lib/syscall.c for
// programs.
void cons_write(const char *s, size_t n);
// printf.c: to the console.
int cprintf(const char *fmt, ...);
int vcprintf(const char *fmt, va_list ap);
// user: fprintf.c
int fprintf(int fd, const char *fmt, ...);
int printf(const char *fmt, ...);	// to descriptor 1
