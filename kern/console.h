// The console: serial line, screen and keyboard on the host, hypercalls in a
// guest. Input comes under the kernel lock, output has a lock of its own.
#pragma once

#include <inc/types.h>

// Sets the devices up. Their interrupts, IRQ_KBD and IRQ_SERIAL, are the
// caller's to unmask.
void cons_init(void);

// Writes n characters, all of them before another processor's; '\n' also
// returns the carriage. s may be any address that can be read now.
void cons_write(const char *s, size_t n);

// Waits until the last character has left the serial line: before the power
// goes.
void cons_flush(void);

// For whoever panics: takes the output away from another holder, for good.
void cons_break_lock(void);

// Interrupt of a device: hands what came to cons_input(), one character at a
// time, while the ring has room. The rest stays in the device, which then
// stops its sender: nothing that is typed or pasted is lost.
void cons_intr(void);

// Provided by the console's owner (kern/syscall.c): decides what becomes of
// a character that a device received.
void cons_input(int c);

// Appends c to the ring; false when it is full.
bool cons_put_ring(int c);

// The next character of the ring, -1 when there is none. Enter is '\r', as
// terminals send it; special keys are escape sequences.
int cons_getc(void);

// For the monitor: the next character of ring or devices, past cons_input();
// works with interrupts off. -1: none yet.
int cons_poll(void);
