// VMX as test/host/exits_machine.c plays it, with the real one's contracts.
#pragma once

#include <inc/types.h>
#include <vmm/vmcs.h>

bool vmxon(physaddr_t region);
void vmclear(physaddr_t vmcs);
void vmptrld(physaddr_t vmcs);
uint64_t vmread(uint32_t field);
void vmwrite(uint32_t field, uint64_t value);
void vmx_write_failed(uint32_t field) __attribute__((noreturn));
void invept(uint64_t eptp);
void invvpid(uint16_t vpid);
