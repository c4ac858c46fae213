// The user library for programs on the development machine, which has a
// library of its own: what both define gets another name.
#pragma once

#define open	jos_open
#define close	jos_close
#define read	jos_read
#define write	jos_write
#define dup	jos_dup
#define stat	jos_stat
#define fstat	jos_fstat
#define ftruncate jos_ftruncate
#define mkdir	jos_mkdir
#define remove	jos_remove
#define sync	jos_sync
#define pipe	jos_pipe
#define fork	jos_fork
#define wait	jos_wait
#define exit	jos_exit
#define printf	jos_printf
#define fprintf	jos_fprintf
#define getchar	jos_getchar
#define putchar	jos_putchar
#define malloc	jos_malloc
#define free	jos_free
#define sys_exofork exofork_by_interrupt

#include_next <inc/lib.h>

#undef sys_exofork
#undef sysinfo
extern struct sysinfo sysinfo;
envid_t sys_exofork(void);
