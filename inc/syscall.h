// System call numbers. lib/syscall.c has the user side, inc/lib.h the
// contracts. Number in rax; arguments in rdx, rcx, rbx, rdi, rsi; result in
// rax; all other registers are preserved. Entered by int $T_SYSCALL.
#pragma once

// SYS_cputs writes at most that many characters and returns how many: a slow
// console must not keep the kernel from others.
enum { CPUTS_MAX = 256 };

enum {
	SYS_cputs,
	SYS_cgetc,
	SYS_getenvid,
	SYS_env_destroy,
	SYS_exit,
	SYS_env_wait,
	SYS_yield,
	SYS_exofork,
	SYS_env_set_status,
	SYS_env_set_trapframe,
	SYS_env_set_pgfault_upcall,
	SYS_env_set_name,
	SYS_page_alloc,
	SYS_page_map,
	SYS_page_unmap,
	SYS_page_wait,
	SYS_page_wake,
	SYS_ipc_try_send,
	SYS_ipc_send,
	SYS_ipc_recv,
	SYS_ipc_call,
	SYS_sleep,
	SYS_irq_wait,
	SYS_poweroff,
	SYS_ept_map,
	SYS_env_mkguest,
	SYS_vmx_list_vms,
	SYS_vmx_sel_resume,
	SYS_vmx_get_vmdisk_number,
	SYS_vmx_incr_vmdisk_number,
	SYS_vm_ask,
	SYS_vm_record,
	SYS_vm_next,
	SYS_vm_regs,
	SYS_vm_memory,
	SYS_vm_interrupt,
	SYS_vm_stop,
	SYS_vm_cputs,
	SYS_vm_cgetc,
	NSYSCALLS
};
