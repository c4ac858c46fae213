// Errors: every call returns 0 or a count on success, -E_... on failure.
// lib/printf.c prints their names for %e.
#pragma once

enum {
	E_UNSPECIFIED = 1,	// unspecified or unknown problem
	E_BAD_ENV = 2,		// environment missing or not the caller's
	E_INVAL = 3,		// invalid argument
	E_NO_MEM = 4,		// out of memory
	E_NO_FREE_ENV = 5,	// all environments are in use
	E_FAULT = 6,		// bad address
	E_NO_SYS = 7,		// no such system call or hypercall
	E_IPC_NOT_RECV = 8,	// the other side is not receiving
	E_EOF = 9,		// unexpected end of file
	E_NO_DISK = 10,		// no free block on the disk
	E_MAX_OPEN = 11,	// too many open files
	E_NOT_FOUND = 12,	// file or block not found
	E_BAD_PATH = 13,	// bad path
	E_FILE_EXISTS = 14,	// file exists already
	E_NOT_EXEC = 15,	// not a valid executable
	E_NOT_SUPP = 16,	// operation not supported
	E_NO_VMX = 17,		// the processor has no VMX
	E_NO_EPT = 18,		// the processor's VMX has no EPT
	E_VMX_ON = 19,		// VMXON failed
	E_VMCS_INIT = 20,	// the VMCS could not be set up
	E_NO_ENT = 21,		// no entry in the EPT
	E_IO = 22,		// the disk failed
	E_CORRUPT = 23,		// the file system is damaged
	E_ACCESS = 24,		// not allowed for this client
	E_BUSY = 25,		// in use, or still on its way
	MAXERROR
};
