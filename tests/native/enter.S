/* SPDX-License-Identifier: Apache-2.0 */
/*
 * native_enter: loads every register from native_img and jumps to the code
 * under test; that code ends with a jump to native_exit (or native_exit_taken),
 * which stores every register again. Nothing but RIP-relative addressing, so
 * no register is needed for it. A signal handler resumes at native_out.
 */
	.equ RFLAGS, 128
	.equ TAKEN, 136
	.equ FX, 176

	.text
	.globl native_enter, native_exit, native_exit_taken, native_out
native_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	sub $8, %rsp
	mov %rsp, native_host_rsp(%rip)
	fxrstor64 native_img+FX(%rip)
	pushq native_img+RFLAGS(%rip)
	popfq
	mov native_img+0(%rip), %rax
	mov native_img+8(%rip), %rcx
	mov native_img+16(%rip), %rdx
	mov native_img+24(%rip), %rbx
	mov native_img+32(%rip), %rsp
	mov native_img+40(%rip), %rbp
	mov native_img+48(%rip), %rsi
	mov native_img+56(%rip), %rdi
	mov native_img+64(%rip), %r8
	mov native_img+72(%rip), %r9
	mov native_img+80(%rip), %r10
	mov native_img+88(%rip), %r11
	mov native_img+96(%rip), %r12
	mov native_img+104(%rip), %r13
	mov native_img+112(%rip), %r14
	mov native_img+120(%rip), %r15
	jmp *native_entry(%rip)

	.globl native_enter_far
native_enter_far:
	ljmp *native_far(%rip)

native_exit_taken:
	movq $1, native_img+TAKEN(%rip)
native_exit:
	mov %rax, native_img+0(%rip)
	mov %rcx, native_img+8(%rip)
	mov %rdx, native_img+16(%rip)
	mov %rbx, native_img+24(%rip)
	mov %rsp, native_img+32(%rip)
	mov %rbp, native_img+40(%rip)
	mov %rsi, native_img+48(%rip)
	mov %rdi, native_img+56(%rip)
	mov %r8, native_img+64(%rip)
	mov %r9, native_img+72(%rip)
	mov %r10, native_img+80(%rip)
	mov %r11, native_img+88(%rip)
	mov %r12, native_img+96(%rip)
	mov %r13, native_img+104(%rip)
	mov %r14, native_img+112(%rip)
	mov %r15, native_img+120(%rip)
	mov native_host_rsp(%rip), %rsp
	pushfq
	popq native_img+RFLAGS(%rip)
	fxsave64 native_img+FX(%rip)
native_out:
	mov native_host_rsp(%rip), %rsp
	pushq $0x202
	popfq
	fninit
	ldmxcsr native_mxcsr(%rip)
	add $8, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.data
	.balign 64
	.globl native_img, native_host_rsp, native_far, native_entry
native_img:
	.zero 176 + 512
native_host_rsp:
	.quad 0
native_entry: /* the code, or native_enter_far */
	.quad 0
native_far: /* m16:32 */
	.long 0
	.word 0
	.balign 4
native_mxcsr:
	.long 0x1f80
	.section .note.GNU-stack, "", @progbits
