// The kernel monitor: what a developer types at when the kernel has stopped.
#pragma once

#include <inc/trap.h>

// Obeys the console until `continue` or `step`, other processors' interrupts
// left alone and its own off. tf: what was interrupted, null when nothing was
// (a panic, no environment left).
void monitor(struct Trapframe *tf);

// A debug exception in a program. When the monitor's `step` caused it, enters
// the monitor again and returns true; false: it is the program's own.
bool monitor_step(struct Trapframe *tf);
