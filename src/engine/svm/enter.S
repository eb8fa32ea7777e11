/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into the guest and back. VMRUN and #VMEXIT switch RAX, RSP, RIP, RFLAGS, the
 * control registers and the segments but FS, GS, TR, LDTR, which VMLOAD and VMSAVE
 * do together with the system call MSRs: APM vol. 2 15.5.
 */
	.section .text
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdx /* host_pa */
	push %rdi /* gpr */
	push %rsi /* vmcb_pa */
	/* EFLAGS.IF at VMRUN says whether physical interrupts end the guest
	 * (V_INTR_MASKING, 15.21.1); with GIF clear none comes before. */
	sti
	mov 8(%rdi), %rcx
	mov 16(%rdi), %rdx
	mov 24(%rdi), %rbx
	mov 40(%rdi), %rbp
	mov 64(%rdi), %r8
	mov 72(%rdi), %r9
	mov 80(%rdi), %r10
	mov 88(%rdi), %r11
	mov 96(%rdi), %r12
	mov 104(%rdi), %r13
	mov 112(%rdi), %r14
	mov 120(%rdi), %r15
	mov %rsi, %rax
	mov 48(%rdi), %rsi
	mov 56(%rdi), %rdi
	vmload %rax
	vmrun %rax
	/* RAX is the host's again: vmcb_pa */
	vmsave %rax
	mov 8(%rsp), %rax /* gpr */
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
	mov 16(%rsp), %rax /* host_pa */
	vmload %rax
	/* no guest value stays where later code might be made to use it */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %ebx, %ebx
	xor %ebp, %ebp
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	stgi /* what is pending comes in here */
	nop
	cli
	add $24, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
