// The kernel's beginning and end.
#pragma once

#include <inc/types.h>

// The kernel's entry in C: entry.S calls it with what the boot block left.
void i386_init(uint32_t magic, uint32_t info) __attribute__((noreturn));
// Ends the machine; a guest ends with that status for its VMM. Returns only
// when the machine cannot be ended.
void poweroff(int status);
