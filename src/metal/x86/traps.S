/* SPDX-License-Identifier: Apache-2.0 */
/* 256 entry points: the vector and, where the processor gives none, an error code of
 * 0 on the stack, all registers saved, then trap(frame) in traps.c. */
	.section .text
	.altmacro
	.macro entry n
	.balign 16
	.if \n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21 || \n == 29 || \n == 30
	.else
	push $0
	.endif
	push $\n
	jmp common
	.endm

	.balign 16
	.globl trap_entries
trap_entries:
	.set i, 0
	.rept 256
	entry %i
	.set i, i + 1
	.endr

common:
	cld
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rdi
	push %rsi
	push %rbp
	push %rbx
	push %rdx
	push %rcx
	push %rax
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $-16, %rsp
	call trap
	mov %rbp, %rsp
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	pop %rbp
	pop %rsi
	pop %rdi
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	add $16, %rsp
	iretq
	.section .note.GNU-stack, "", @progbits
