// panic() and assert(), for kernel and user programs.
#pragma once

// The kernel's stops all processors; a program's ends the program.
void _panic(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn));

#define panic(...)	_panic(__FILE__, __LINE__, __VA_ARGS__)

#define assert(x) do {							\
	if (!(x))							\
		panic("assertion failed: %s", #x);			\
} while (0)
