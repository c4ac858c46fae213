// The kernel's beginning and end.

#include <inc/assert.h>
#include <inc/stdio.h>
#include <inc/string.h>
#include <inc/vmx.h>
#include <inc/x86.h>
#include <kern/console.h>
#include <kern/env.h>
#include <kern/init.h>
#include <kern/monitor.h>
#include <kern/trap.h>
#include <vmm/vmx.h>

// embed.S
extern const uint8_t fs_elf[], init_elf[];

static void read_cmdline(uint32_t info)
{
	const struct multiboot_info *mbi = KADDR(info);

	if (mbi->flags & MBI_CMDLINE)
		strlcpy(sysinfo.si_cmdline, KADDR(mbi->cmdline),
			sizeof(sysinfo.si_cmdline));
}

static void init_devices(void)
{
	if (sysinfo.si_role == ROLE_GUEST)
		return;
	mp_init();
	lapic_init();
	pic_init();
	pic_unmask(IRQ_KBD);
	pic_unmask(IRQ_SERIAL);
	pic_unmask(IRQ_IDE);
}

void i386_init(uint32_t magic, uint32_t info)
{
	sysinfo.si_role = magic == GUEST_MAGIC ? ROLE_GUEST : ROLE_HOST;
	sysinfo.si_boot_tsc = *(uint64_t *)KADDR(BOOT_TSC);
	trap_init();
	cpu_init(0);
	cons_init();
	cprintf("JOS %s\n", sysinfo.si_role == ROLE_GUEST ? "guest" : "host");
	mem_init(info);
	read_cmdline(info);
	env_init();
	sched_init();
	init_devices();
	clock_init();
	lock_kernel(thiscpu);
	boot_aps();
	vmx_report();
	env_create(fs_elf, "fs", ENV_TYPE_FS);
	env_create(init_elf, "init", ENV_TYPE_USER);
	sched_yield();
}

void poweroff(int status)
{
	cons_flush();
	if (sysinfo.si_role == ROLE_GUEST)
		hypercall(VMX_VMCALL_POWEROFF, status, 0);
	outw(0x604, 0x2000);		// QEMU: ACPI's PM1a, S5
	for (const char *s = "Shutdown"; *s; s++)
		outb(0x8900, *s);	// Bochs
	outw(0xb004, 0x2000);		// both, of old
	// QEMU runs on for a while until its other thread has seen it.
	for (uint64_t t = rdtsc() + ms2tsc(1000); rdtsc() < t;)
		pause();
	cprintf("This machine has no power switch that we know.\n");
}

// The first panic; others, also those of other processors, only add a line.
static bool panicked;

void _panic(const char *file, int line, const char *fmt, ...)
{
	bool first = !panicked;
	va_list ap;

	panicked = true;
	cli();
	cons_break_lock();
	cprintf("kernel panic on CPU %d at %s:%d: ", cpunum(), file, line);
	va_start(ap, fmt);
	vcprintf(fmt, ap);
	va_end(ap);
	cprintf("\n");
	while (first)
		monitor(NULL);
	for (;;)
		hlt();
}

void _warn(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cprintf("kernel warning at %s:%d: ", file, line);
	vcprintf(fmt, ap);
	cprintf("\n");
	va_end(ap);
}
