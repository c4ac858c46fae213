// ps [-l]: environments, guests, and the machine's memory. With -l all
// figures are key=value in decimal, for programs.
#include <inc/lib.h>
#include <inc/x86.h>

enum { MAXVM = 64 };

static bool longform;

static const char *const status_names[] = {
	[ENV_FREE] = "free",
	[ENV_DYING] = "dying",
	[ENV_RUNNABLE] = "runnable",
	[ENV_RUNNING] = "running",
	[ENV_NOT_RUNNABLE] = "stopped",
	[ENV_BLOCKED] = "blocked",
};

static const char *const wait_names[] = {
	[WAIT_NONE] = "blocked",
	[WAIT_IPC_RECV] = "receive",
	[WAIT_IPC_SEND] = "send",
	[WAIT_ENV] = "wait",
	[WAIT_PAGE] = "page",
	[WAIT_SLEEP] = "sleep",
	[WAIT_IRQ] = "irq",
	[WAIT_CONSOLE] = "console",
	[WAIT_FOREGROUND] = "foregrnd",
	[WAIT_HLT] = "halted",
};

static const char *status_name(const volatile struct Env *e)
{
	enum EnvStatus status = e->env_status;
	enum EnvWait why = e->env_wait_for;

	if (status == ENV_BLOCKED && why < ARRAY_SIZE(wait_names))
		return wait_names[why];
	return status < ARRAY_SIZE(status_names) ? status_names[status] : "?";
}

static void show_env(const volatile struct Env *e)
{
	char name[ENV_NAME_LEN];

	for (int i = 0; i < ENV_NAME_LEN; i++)
		name[i] = e->env_name[i];
	name[ENV_NAME_LEN - 1] = '\0';
	if (longform)
		printf("env=%d parent=%d status=%s runs=%u ticks=%lu cpu=%d "
		       "type=%d name=%s\n", e->env_id, e->env_parent_id,
		       status_name(e), e->env_runs, e->env_ticks,
		       e->env_cpunum, e->env_type, name);
	else
		printf("%08x %08x %-8s %9u %3d %4d %s\n", e->env_id,
		       e->env_parent_id, status_name(e), e->env_runs,
		       e->env_cpunum, e->env_type, name);
}

static void show_vm(const struct vm_info *v)
{
	printf(longform ? "vm=%d disk=%d pages=%u tables=%u exits=%lu "
			  "start=%lu last=%lu runs=%u mem=%lu lost=%lu "
			  "flushes=%u\n" :
			  "%08x %4d %7u %6u %9lu %lu %lu\n",
	       v->vi_env, v->vi_disk, v->vi_pages, v->vi_tables, v->vi_exits,
	       v->vi_start_tsc, v->vi_last_tsc, v->vi_runs, v->vi_mem,
	       v->vi_lost, v->vi_flushes);
}

static void show_vms(void)
{
	static struct vm_info vms[MAXVM];
	int n = sys_vmx_list_vms(vms, MAXVM);

	if (n > 0 && !longform)
		printf("guest    disk   pages tables     exits "
		       "start-tsc last-tsc\n");
	for (int i = 0; i < MIN(n, MAXVM); i++)
		show_vm(&vms[i]);
}

static void show_machine(void)
{
	uint64_t free_pages = sysinfo.si_free_pages;

	if (longform)
		printf("free=%lu total=%lu boot_tsc=%lu tsc_khz=%lu ncpu=%u "
		       "nenv=%u nguest=%u role=%d idle=%lu\n", free_pages,
		       sysinfo.si_total_pages, sysinfo.si_boot_tsc,
		       sysinfo.si_tsc_khz, sysinfo.si_ncpu, sysinfo.si_nenv,
		       sysinfo.si_nguest, sysinfo.si_role,
		       sysinfo.si_idle_ticks + sysinfo.si_sleeping * rdtsc());
	else
		printf("%lu of %lu pages free, boot tsc %lu\n", free_pages,
		       sysinfo.si_total_pages, sysinfo.si_boot_tsc);
}

void umain(int argc, char **argv)
{
	longform = argc > 1 && strcmp(argv[1], "-l") == 0;
	if (!longform)
		printf("env      parent   status        runs cpu type name\n");
	for (int i = 0; i < NENV; i++)
		if (envs[i].env_status != ENV_FREE)
			show_env(&envs[i]);
	show_vms();
	show_machine();
}
