// Which processor this is, the test decides.
#pragma once

#define cpunum	task_register_cpunum
#define this_cpu task_register_this_cpu
#define cpu_load_tables lgdt_lidt
#include_next <kern/cpu.h>
#undef cpunum
#undef this_cpu
#undef cpu_load_tables

extern int here;

static inline int cpunum(void)
{
	return here;
}
static inline struct CpuInfo *this_cpu(void)
{
	return &cpus[here];
}
static inline void cpu_load_tables(void)
{
}
