// Physical memory is at an address where the development machine has room;
// test/host/exits_machine.c puts it there.
#pragma once

#include_next <inc/memlayout.h>

#undef KERNBASE
#define KERNBASE	0x40000000ul
