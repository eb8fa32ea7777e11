/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt entry of the 32-bit kernels, and the way to ring 3 and back. */
	.text
	.macro	stub n
	.align	16
	.if	(\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17) || (\n == 21)
	.else
	push	$0
	.endif
	push	$\n
	jmp	trap_common
	.endm

	.align	16
	.globl	trap_stubs
trap_stubs:
	.altmacro
	.set	i, 0
	.rept	256
	stub	%i
	.set	i, i + 1
	.endr
	.noaltmacro

	.align	16
trap_common:
	pusha
	push	%ds
	push	%es
	push	%fs
	push	%gs
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	cld
	push	%esp
	call	trap_handle
	add	$4, %esp
	pop	%gs
	pop	%fs
	pop	%es
	pop	%ds
	popa
	add	$8, %esp
	.globl	trap_iret
trap_iret:
	iret

	/* ulong user_call(ulong (*fn)(ulong), ulong arg) */
	.globl	user_call
user_call:
	push	%ebx
	push	%ebp
	push	%esi
	push	%edi
	mov	%esp, user_return_sp
	mov	%esp, tss + 4
	mov	user_ss0, %eax
	mov	%eax, tss + 8
	mov	20(%esp), %eax
	mov	24(%esp), %ecx
	mov	%ecx, user_stack_end - 4
	mov	$0x23, %edx
	push	%edx
	pushl	$user_stack_end - 8
	pushl	user_flags
	pushl	user_cs
	push	%eax
	mov	%edx, %ds
	mov	%edx, %es
	iret

	.globl	user_leave
user_leave:
	mov	$0x10, %ecx
	mov	%ecx, %ds
	mov	%ecx, %es
	mov	%ecx, %ss
	mov	user_return_sp, %esp
	push	$2
	popf
	xor	%ecx, %ecx
	mov	%ecx, %fs
	mov	%ecx, %gs
	pop	%edi
	pop	%esi
	pop	%ebp
	pop	%ebx
	ret

	.section .user.text, "ax"
user_exit:
	int	$0x81

	.section .user.data, "aw"
	.align	16
	.globl	user_stack_end
	.skip	16384
	.skip	8
	.long	user_exit
	.long	0
user_stack_end:

	.section .data
	.align	16
	.globl	tss
tss:	.skip	104 + 8192 + 8
	.globl	user_return_sp, user_flags, user_cs
	.align	4
user_return_sp:	.long 0
user_flags:	.long 2
user_cs:	.long 0x1b
	.globl	user_ss0
user_ss0:	.long 0x10
	.section .note.GNU-stack, "", @progbits
