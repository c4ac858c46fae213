// Who has the terminal: the host's programs, or one guest.
#pragma once

#include <inc/env.h>

// sys_cgetc: the next character for e, or e waits for it.
int64_t tty_getc(struct Env *e);
// sys_vmx_sel_resume: the guest gets the terminal, what it wrote meanwhile
// is shown, and e waits until the terminal comes back. 0 or -E_BAD_ENV.
int64_t tty_give(struct Env *e, struct Env *guest);
// Back to the host; who waits in tty_give gets `result`.
void tty_back(int64_t result);
// The guest gives the terminal back, if it has it.
void tty_release(struct Env *guest);
// e ends: it neither owns the terminal nor waits for it any more.
void tty_env_gone(struct Env *e);
// A guest writes: to the terminal when it has it, else into its buffer,
// where the oldest characters make room for the newest.
void tty_guest_write(struct Env *guest, const char *s, size_t n);
// A guest reads: a character or -E_EOF.
int tty_guest_getc(struct Env *guest);
