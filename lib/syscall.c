// The user side of system calls; inc/syscall.h has the registers.
#include <inc/lib.h>

static int64_t syscall(int nr, uint64_t a1, uint64_t a2, uint64_t a3,
		       uint64_t a4, uint64_t a5)
{
	int64_t ret;

	__asm__ volatile("int %1" : "=a"(ret)
			 : "i"(T_SYSCALL), "a"((uint64_t)nr), "d"(a1),
			   "c"(a2), "b"(a3), "D"(a4), "S"(a5)
			 : "memory", "cc");
	return ret;
}

int sys_cputs(const char *s, size_t n)
{
	int64_t r;

	do {
		r = syscall(SYS_cputs, (uintptr_t)s, n, 0, 0, 0);
		if (r < 0)
			return r;
		s += r;
		n -= r;
	} while (n > 0);
	return 0;
}

void cons_write(const char *s, size_t n)
{
	sys_cputs(s, n);
}

int sys_cgetc(void)
{
	return syscall(SYS_cgetc, 0, 0, 0, 0, 0);
}

envid_t sys_getenvid(void)
{
	return syscall(SYS_getenvid, 0, 0, 0, 0, 0);
}

int sys_env_destroy(envid_t env)
{
	return syscall(SYS_env_destroy, env, 0, 0, 0, 0);
}

void sys_exit(int status)
{
	for (;;)
		syscall(SYS_exit, status, 0, 0, 0, 0);
}

int sys_env_wait(envid_t env)
{
	return syscall(SYS_env_wait, env, 0, 0, 0, 0);
}

void sys_yield(void)
{
	syscall(SYS_yield, 0, 0, 0, 0, 0);
}

int sys_env_set_status(envid_t env, int status)
{
	return syscall(SYS_env_set_status, env, status, 0, 0, 0);
}

int sys_env_set_trapframe(envid_t env, struct Trapframe *tf)
{
	return syscall(SYS_env_set_trapframe, env, (uintptr_t)tf, 0, 0, 0);
}

int sys_env_set_pgfault_upcall(envid_t env, void *upcall)
{
	return syscall(SYS_env_set_pgfault_upcall, env, (uintptr_t)upcall, 0,
		       0, 0);
}

int sys_env_set_name(envid_t env, const char *name)
{
	return syscall(SYS_env_set_name, env, (uintptr_t)name, 0, 0, 0);
}

int sys_page_alloc(envid_t env, void *va, int perm)
{
	return syscall(SYS_page_alloc, env, (uintptr_t)va, perm, 0, 0);
}

int sys_page_map(envid_t src, void *srcva, envid_t dst, void *dstva,
		 int perm)
{
	return syscall(SYS_page_map, src, (uintptr_t)srcva, dst,
		       (uintptr_t)dstva, perm);
}

int sys_page_unmap(envid_t env, void *va)
{
	return syscall(SYS_page_unmap, env, (uintptr_t)va, 0, 0, 0);
}

int sys_page_wait(const volatile uint32_t *va, uint32_t value, uint32_t refs)
{
	return syscall(SYS_page_wait, (uintptr_t)va, value, refs, 0, 0);
}

int sys_page_wake(const volatile void *va)
{
	return syscall(SYS_page_wake, (uintptr_t)va, 0, 0, 0, 0);
}

int sys_ipc_try_send(envid_t to, uint64_t value, void *srcva, int perm)
{
	return syscall(SYS_ipc_try_send, to, value, (uintptr_t)srcva, perm, 0);
}

int sys_ipc_send(envid_t to, uint64_t value, void *srcva, int perm)
{
	return syscall(SYS_ipc_send, to, value, (uintptr_t)srcva, perm, 0);
}

int sys_ipc_recv(void *dstva)
{
	return syscall(SYS_ipc_recv, (uintptr_t)dstva, 0, 0, 0, 0);
}

int sys_ipc_call(envid_t to, uint64_t value, void *srcva, int perm,
		 void *dstva)
{
	return syscall(SYS_ipc_call, to, value, (uintptr_t)srcva, perm,
		       (uintptr_t)dstva);
}

int sys_sleep(uint32_t ms)
{
	return syscall(SYS_sleep, ms, 0, 0, 0, 0);
}

int sys_irq_wait(int irq, uint32_t ms)
{
	return syscall(SYS_irq_wait, irq, ms, 0, 0, 0);
}

int sys_poweroff(int status)
{
	return syscall(SYS_poweroff, status, 0, 0, 0, 0);
}

int sys_ept_map(envid_t src, void *srcva, envid_t guest, void *guest_pa,
		int perm)
{
	return syscall(SYS_ept_map, src, (uintptr_t)srcva, guest,
		       (uintptr_t)guest_pa, perm);
}

envid_t sys_env_mkguest(uint64_t gphysz, uint64_t gRIP)
{
	return syscall(SYS_env_mkguest, gphysz, gRIP, 0, 0, 0);
}

int sys_vmx_list_vms(struct vm_info *buf, size_t n)
{
	return syscall(SYS_vmx_list_vms, (uintptr_t)buf, n, 0, 0, 0);
}

int sys_vmx_sel_resume(envid_t guest)
{
	return syscall(SYS_vmx_sel_resume, guest, 0, 0, 0, 0);
}

int sys_vmx_get_vmdisk_number(void)
{
	return syscall(SYS_vmx_get_vmdisk_number, 0, 0, 0, 0, 0);
}

int sys_vmx_incr_vmdisk_number(void)
{
	return syscall(SYS_vmx_incr_vmdisk_number, 0, 0, 0, 0, 0);
}

int sys_vm_ask(envid_t guest, enum vm_ask kind, uint32_t first, uint32_t last)
{
	return syscall(SYS_vm_ask, guest, kind, first, last, 0);
}

int sys_vm_record(envid_t guest, struct vm_exit *va)
{
	return syscall(SYS_vm_record, guest, (uintptr_t)va, 0, 0, 0);
}

envid_t sys_vm_next(envid_t answered, uint32_t us)
{
	return syscall(SYS_vm_next, answered, us, 0, 0, 0);
}

int sys_vm_regs(envid_t guest, struct vm_regs *regs, bool set)
{
	return syscall(SYS_vm_regs, guest, (uintptr_t)regs, set, 0, 0);
}

int sys_vm_memory(envid_t guest, uint64_t gpa, void *buf, size_t n, bool set)
{
	return syscall(SYS_vm_memory, guest, gpa, (uintptr_t)buf, n, set);
}

int sys_vm_interrupt(envid_t guest, uint32_t vector)
{
	return syscall(SYS_vm_interrupt, guest, vector, 0, 0, 0);
}

int sys_vm_stop(envid_t guest)
{
	return syscall(SYS_vm_stop, guest, 0, 0, 0, 0);
}

int sys_vm_cputs(envid_t guest, const char *s, size_t n)
{
	return syscall(SYS_vm_cputs, guest, (uintptr_t)s, n, 0, 0);
}

int sys_vm_cgetc(envid_t guest)
{
	return syscall(SYS_vm_cgetc, guest, 0, 0, 0, 0);
}
