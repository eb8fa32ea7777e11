/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1 entry of the small test kernels: 32-bit, flat, interrupts off. */
	.set FLAGS, 2			/* wants the memory map */
	.section .multiboot, "a"
	.align 4
	.long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)

	.text
	.globl start
start:
	movl	$stack_top, %esp
	pushl	%ebx
	call	kmain
1:	cli
	hlt
	jmp	1b

	.bss
	.align 16
	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
