/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One native instruction per immediate that means something else, as C functions (dst
 * %rdi, src %rsi) 16 bytes apart; the x87 instructions by opcode and ModRM byte. Legacy
 * encodings. A stub here is such a routine, complete: the instruction and its return.
 * With X86_SMALL those that only move elements are in C, sse_shuffle.c.
 */
	.text

/* insn $value(n), (src), dst for n below count */
.macro STUB name, insn, count=256, value=n
	.globl	sse_stub_\name
	.balign	16
sse_stub_\name:
	.set	n, 0
	.rept	\count
	.balign	16
	movaps	(%rdi), %xmm0
	\insn	$(\value), (%rsi), %xmm0
	movaps	%xmm0, (%rdi)
	ret
	.set	n, n + 1
	.endr
.endm

/* insn $n, dst */
.macro STUB1 name, insn, count
	.globl	sse_stub_\name
	.balign	16
sse_stub_\name:
	.set	n, 0
	.rept	\count
	.balign	16
	movaps	(%rdi), %xmm0
	\insn	$n, %xmm0
	movaps	%xmm0, (%rdi)
	ret
	.set	n, n + 1
	.endr
.endm

/* insn $n, (src), dst with MMX registers */
.macro STUBMM name, insn, count=256
	.globl	mmx_stub_\name
	.balign	16
mmx_stub_\name:
	.set	n, 0
	.rept	\count
	.balign	16
	movq	(%rdi), %mm0
	\insn	$n, (%rsi), %mm0
	movq	%mm0, (%rdi)
	emms
	ret
	.set	n, n + 1
	.endr
.endm

#ifndef X86_SMALL
	STUB	pshufd, pshufd
	STUB	pshufhw, pshufhw
	STUB	pshuflw, pshuflw
	STUB	shufps, shufps
	STUB	pblendw, pblendw
	STUB	insertps, insertps
	STUB	dpps, dpps
#else
	STUB	dpps, dpps, 16, (n << 4 | 15)
#endif
	STUB	aeskeygenassist, aeskeygenassist, 1
	STUB	shufpd, shufpd, 4
	STUB	cmpps, cmpps, 8
	STUB	cmppd, cmppd, 8
	STUB	cmpss, cmpss, 8
	STUB	cmpsd, cmpsd, 8
	STUB	roundps, roundps, 16
	STUB	roundpd, roundpd, 16
	STUB	roundss, roundss, 16
	STUB	roundsd, roundsd, 16
	STUB	blendps, blendps, 16
	STUB	blendpd, blendpd, 4
	STUB	palignr, palignr, 33
	STUB	dppd, dppd, 16, (n & 3 | (n & 12) << 2)
	STUB	mpsadbw, mpsadbw, 8
	STUB	pclmulqdq, pclmulqdq, 4, (n & 1 | (n & 2) << 3)
	STUB1	psrldq, psrldq, 17
	STUB1	pslldq, pslldq, 17
	STUBMM	palignr, palignr, 17

/*
 * PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI by immediate (7 bits), 8 bytes apart. The
 * explicit-length ones with REX.W: the caller sign-extends EAX and EDX.
 */
.macro STUBSTR name, rex, op
	.globl	sse_stub_\name
	.balign	16
sse_stub_\name:
	.set	n, 0
	.rept	128
	.balign	8
	.byte	0x66
	.if	\rex
	.byte	0x48
	.endif
	.byte	0x0f, 0x3a, \op, 0x0e, n	/* $n, (%rsi), %xmm1 */
	ret
	.set	n, n + 1
	.endr
.endm

	STUBSTR	pcmpestrm, 1, 0x60
	STUBSTR	pcmpestri, 1, 0x61
	STUBSTR	pcmpistrm, 0, 0x62
	STUBSTR	pcmpistri, 0, 0x63

/*
 * void sse_pcmpstr(const void *reg, const void *src, struct sse_pcmpstr *io,
 *		    const u8 *stub);
 */
	.globl	sse_pcmpstr
	.balign	16
sse_pcmpstr:
	movaps	(%rdi), %xmm1
	mov	%rcx, %r9
	mov	%rdx, %r8
	mov	(%r8), %rax
	mov	8(%r8), %rdx
	call	*%r9
	movups	%xmm0, 32(%r8)
	mov	%rcx, 16(%r8)
	pushfq
	pop	24(%r8)
	ret

/* x87 register forms: [opcode & 7][ModRM & 63], 4 bytes each */
	.globl	x87_stub_reg
	.balign	16
x87_stub_reg:
	.set	n, 0
	.rept	512
	.byte	0xd8 + (n >> 6), 0xc0 + (n & 63), 0xc3, 0xcc
	.set	n, n + 1
	.endr

/* x87 memory forms: [opcode & 7][ModRM.reg], operand at (%rdi), 4 bytes each */
	.globl	x87_stub_mem
	.balign	16
x87_stub_mem:
	.set	n, 0
	.rept	64
	.byte	0xd8 + (n >> 3), 7 + ((n & 7) << 3), 0xc3, 0xcc
	.set	n, n + 1
	.endr

/*
 * u64 x87_call_flags(const u8 *stub, u64 flags): runs the stub with the six
 * arithmetic flags from flags, returns RFLAGS after it.
 */
	.globl	x87_call_flags
	.balign	16
x87_call_flags:
	pushfq
	pop	%rax
	and	$~0x8d5, %rax
	and	$0x8d5, %esi
	or	%rsi, %rax
	push	%rax
	popfq
	call	*%rdi
	pushfq
	pop	%rax
	ret

	.section .note.GNU-stack, "", @progbits
