/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 1 entry of the 64-bit test kernels: identity-maps 4 GiB with 2 MiB
 * pages and enters long mode. Multiboot specification 0.6.96 section 3; SDM
 * vol. 3A 10.8.5 (initializing IA-32e mode).
 */
#define MAGIC 0x1badb002
#define FLAGS 3

	.section .multiboot, "a"
	.align 4
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)

	.section .text.start, "ax"
	.code32
	.globl _start
_start:
	cli
	cld
	mov	$stack_top, %esp
	mov	%ebx, multiboot_info
	call	enter_long
	ljmp	$0x08, $1f
	.code64
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack_top, %rsp
	call	kernel_main
2:	hlt
	jmp	2b

	/* Paging and EFER.LME on; the caller's far jump makes it 64-bit. Also
	 * the path of the application processors. */
	.code32
	.globl enter_long
enter_long:
	mov	$0x20, %eax		/* CR4.PAE */
	mov	%eax, %cr4
	mov	$boot_pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	or	$0x900, %eax
	wrmsr
	mov	$0x80010033, %eax	/* CR0: PG WP NE ET MP PE */
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ret

	.section .data
	.align 4096
	.globl boot_pml4, boot_pd
boot_pml4:
	.quad	boot_pdpt + 7
	.fill	511, 8, 0
boot_pdpt:
	.quad	boot_pd + 7, boot_pd + 0x1007, boot_pd + 0x2007, boot_pd + 0x3007
	.fill	508, 8, 0
boot_pd:
	.set	at, 0
	.rept	2048
	.quad	at + 0x83
	.set	at, at + 0x200000
	.endr

	.align	16
	.globl gdt, gdt_pointer, multiboot_info
gdt:	/* the selectors' names are in lib.h */
	.quad	0
	.quad	0x00af9b000000ffff	/* 08 code64 */
	.quad	0x00cf93000000ffff	/* 10 data */
	.quad	0x00cffb000000ffff	/* 18 user code32 */
	.quad	0x00cff3000000ffff	/* 20 user data */
	.quad	0x00affb000000ffff	/* 28 user code64 */
	.quad	0x00cf9b000000ffff	/* 30 code32 */
	.fill	7, 8, 0			/* 38..68 for the tests */
	.quad	0x00af9b000000ffff	/* 70 SYSENTER's six */
	.quad	0x00cf93000000ffff
	.quad	0x00cffb000000ffff
	.quad	0x00cff3000000ffff
	.quad	0x00affb000000ffff
	.quad	0x00cff3000000ffff
	.fill	44, 8, 0		/* a0.. test, 100.. TSSs */
	.globl	gdt_end
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.quad	gdt
multiboot_info:
	.quad	0

	.section .bss
	.align	16
	.skip	32768
	.globl	stack_top
stack_top:
	.section .note.GNU-stack, "", @progbits
