// The input, and what guests and programs have in common.
#pragma once

#include <kern/env.h>

uint8_t byte(void);
bool input_left(void);
// Numbers that mean something to somebody, or any.
uint64_t some_number(void);
// An address at or about the ends of e's memory and of the page that it
// has, or anywhere.
uint64_t some_gpa(struct Env *e);

// exits_guest.c: e has just been made, or its VMM has set its registers: what
// is in its VMCS is not to be judged until it has been entered.
void guest_new(struct Env *e);
void guest_registers_set(struct Env *e);
