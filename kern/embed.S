// The programs that the kernel starts by itself: the file server, from which
// all others come, and init.

.macro EMBED name, path
	.p2align 3
	.globl \name
\name:
	.incbin "\path"
.endm

.section .rodata
EMBED fs_elf, "obj/fs/fs.stripped"
EMBED init_elf, "obj/user/init.stripped"

.section .note.GNU-stack, "", @progbits
