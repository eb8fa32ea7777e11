/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the other processors start: copied to a page below 1 MiB, entered in
 * real mode by the start-up IPI. SDM vol. 3A 9.4.4.
 */
	.section .rodata
	.code16
	.globl	ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	ap_gdt_pointer - ap_trampoline
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$0x30, $ap_start32
	.align	8
ap_gdt_pointer:
	.word	0xff
	.long	gdt
ap_trampoline_end:

	.text
	.code32
ap_start32:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$1, %ebx
	lock xadd %ebx, ap_count	/* ebx: index from 1 */
	mov	%ebx, %eax
	shl	$14, %eax
	lea	ap_stacks(%eax), %esp
	call	enter_long
	ljmp	$0x08, $1f
	.code64
1:	mov	%ebx, %edi
	xor	%ebp, %ebp
	and	$-16, %rsp
	call	ap_main
2:	cli
	hlt
	jmp	2b

	.data
	.align	4
	.weak	ap_main
	.globl	ap_count
ap_count:
	.long	1
	.bss
	.align	16
ap_stacks:
	.skip	(8 + 1) * 16384
	.section .note.GNU-stack, "", @progbits
