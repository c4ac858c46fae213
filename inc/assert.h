// Giving up: in the kernel into the monitor (kern/init.c), in a program by
// ending it (lib/panic.c).
#pragma once

#include <inc/types.h>

// Prints where and why and does not return. (The compiler can't check the
// format: its %e is another one.)
void _panic(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn));
// Prints where and why and goes on.
void _warn(const char *file, int line, const char *fmt, ...);

#define panic(...)	_panic(__FILE__, __LINE__, __VA_ARGS__)
#define warn(...)	_warn(__FILE__, __LINE__, __VA_ARGS__)

#define assert(x)							\
	do {								\
		if (!(x))						\
			panic("assertion failed: %s", #x);		\
	} while (0)

#define static_assert(x)	_Static_assert(x, #x)
