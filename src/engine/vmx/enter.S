/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into the guest and back. VM entry and exit switch RSP, RIP, RFLAGS, the control
 * registers, segments and what controls.c has them load; the general registers are
 * switched here.
 */
	.section .text
	.globl vmx_enter
	.type vmx_enter, @function
vmx_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi /* gpr */
	mov $0x6c14, %eax /* F_HOST_RSP */
	vmwrite %rsp, %rax
	test %sil, %sil /* flags stay: MOV changes none */
	mov 0(%rdi), %rax
	mov 8(%rdi), %rcx
	mov 16(%rdi), %rdx
	mov 24(%rdi), %rbx
	mov 40(%rdi), %rbp
	mov 48(%rdi), %rsi
	mov 64(%rdi), %r8
	mov 72(%rdi), %r9
	mov 80(%rdi), %r10
	mov 88(%rdi), %r11
	mov 96(%rdi), %r12
	mov 104(%rdi), %r13
	mov 112(%rdi), %r14
	mov 120(%rdi), %r15
	mov 56(%rdi), %rdi
	jnz 1f
	vmresume
	jmp 2f
1:	vmlaunch
2:	pop %rdi /* gpr still holds the guest's */
	xor %eax, %eax
	jmp 3f

	.globl vmx_exit_point
vmx_exit_point:
	push %rax
	mov 8(%rsp), %rax /* gpr */
	popq 0(%rax)
	mov %rcx, 8(%rax)
	mov %rdx, 16(%rax)
	mov %rbx, 24(%rax)
	mov %rbp, 40(%rax)
	mov %rsi, 48(%rax)
	mov %rdi, 56(%rax)
	mov %r8, 64(%rax)
	mov %r9, 72(%rax)
	mov %r10, 80(%rax)
	mov %r11, 88(%rax)
	mov %r12, 96(%rax)
	mov %r13, 104(%rax)
	mov %r14, 112(%rax)
	mov %r15, 120(%rax)
	add $8, %rsp
	mov $1, %eax
3:	/* no guest value stays where later code might be made to use it */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size vmx_enter, . - vmx_enter
	.section .note.GNU-stack, "", @progbits
