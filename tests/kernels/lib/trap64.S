/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt entry of the 64-bit kernels, and the way to ring 3 and back. */
	.text
	.code64
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
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	cld
	call	trap_handle
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	/* ulong user_call(ulong (*fn)(ulong), ulong arg) */
	.globl	user_call
user_call:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, user_return_sp
	mov	%rsp, tss + 4
	pushq	$0x23
	pushq	$user_stack_end - 8
	pushq	user_flags
	pushq	user_cs
	pushq	%rdi
	mov	%rsi, %rdi
	iretq

	/* Gate 81h, open to ring 3: ends user_call with rax. Also a place to go
	 * from any other way into the kernel. */
	.globl	user_leave
user_leave:
	mov	user_return_sp, %rsp
	pushq	$2
	popfq
	cld
	mov	$0x10, %ecx
	mov	%ecx, %ss
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .user.text, "ax"
user_exit:
	int	$0x81

	.section .user.data, "aw"
	.align	16
	.globl	user_stack_end
	.skip	16384
	.skip	8
	.quad	user_exit
user_stack_end:

	.section .data
	.align	16
	.skip	4
	.globl	tss
tss:	.skip	104 + 8192 + 8		/* with a bitmap of all ports */
	.globl	user_return_sp, user_flags, user_cs
	.align	8
user_return_sp:	.quad 0
user_flags:	.quad 2
user_cs:	.quad 0x2b
	.section .note.GNU-stack, "", @progbits
