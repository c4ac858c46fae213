// The instructions of VMX, one function each, by their mnemonics (SDM volume
// 3, "VMX Instruction Reference"). The processor is in VMX operation, but for
// vmxon.
#pragma once

#include <inc/types.h>
#include <vmm/vmcs.h>

// Enters VMX operation; region is a page's address, with the VMCS revision in
// its first word. False: the processor refuses.
static inline bool vmxon(physaddr_t region)
{
	bool failed;

	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region)
			 : "memory");
	return !failed;
}

// The VMCS at that address goes to memory, not launched, and is nobody's
// current one; or becomes this processor's. They fail only on addresses that
// are no page or the VMXON region's.
static inline void vmclear(physaddr_t vmcs)
{
	__asm__ volatile("vmclear %0" : : "m"(vmcs) : "cc", "memory");
}

static inline void vmptrld(physaddr_t vmcs)
{
	__asm__ volatile("vmptrld %0" : : "m"(vmcs) : "cc", "memory");
}

// Access to the current VMCS; a field that cannot be accessed is a bug: panic.
static inline uint64_t vmread(uint32_t field)
{
	uint64_t v;

	__asm__ volatile("vmread %1, %0" : "=rm"(v) : "r"((uint64_t)field)
			 : "cc");
	return v;
}

void vmx_write_failed(uint32_t field) __attribute__((noreturn));

static inline void vmwrite(uint32_t field, uint64_t value)
{
	bool failed;

	__asm__ volatile("vmwrite %1, %2" : "=@ccbe"(failed)
			 : "rm"(value), "r"((uint64_t)field) : "memory");
	if (__builtin_expect(failed, 0))
		vmx_write_failed(field);
}

// What this processor knows by that EPT, or has tagged with that VPID, is
// forgotten.
static inline void invept(uint64_t eptp)
{
	struct { uint64_t eptp, zero; } operand = { eptp, 0 };

	__asm__ volatile("invept %0, %1" : : "m"(operand),
			 "r"((uint64_t)INVEPT_SINGLE) : "cc", "memory");
}

static inline void invvpid(uint16_t vpid)
{
	struct { uint64_t vpid, address; } operand = { vpid, 0 };

	__asm__ volatile("invvpid %0, %1" : : "m"(operand),
			 "r"((uint64_t)INVVPID_SINGLE) : "cc", "memory");
}
