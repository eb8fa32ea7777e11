/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1 entry of the 32-bit test kernels: flat, paging off. */
#define MAGIC 0x1badb002
#define FLAGS 3

	.section .multiboot, "a"
	.align 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.section .text.start, "ax"
	.globl _start
_start:
	cli
	cld
	mov	$stack_top, %esp
	mov	%ebx, multiboot_info
	lgdt	gdt_pointer
	ljmp	$0x08, $1f
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$0x33, %eax		/* NE ET MP PE */
	mov	%eax, %cr0
	call	kernel_main
2:	hlt
	jmp	2b

	.section .data
	.align	16
	.globl gdt, gdt_pointer, multiboot_info
gdt:	/* the selectors' names are in lib.h */
	.quad	0
	.quad	0x00cf9b000000ffff	/* 08 code */
	.quad	0x00cf93000000ffff	/* 10 data */
	.quad	0x00cffb000000ffff	/* 18 user code */
	.quad	0x00cff3000000ffff	/* 20 user data */
	.quad	0x00009b000000ffff	/* 28 code16 */
	.quad	0x000093000000ffff	/* 30 data16 */
	.fill	57, 8, 0
	.globl	gdt_end
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
multiboot_info:
	.long	0

	.section .bss
	.align	16
	.skip	32768
	.globl	stack_top
stack_top:
	.section .note.GNU-stack, "", @progbits
