// A program's first instructions.
.text
.globl _start
_start:
	xor %ebp, %ebp
	mov %rsp, %rdi
	and $-16, %rsp
	call libmain

.section .note.GNU-stack, "", @progbits
