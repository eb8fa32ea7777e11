/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that only move elements about, in C: sse_shuffle.c. */
#ifndef ARCH_X86_SSE_SHUFFLE_H
#define ARCH_X86_SSE_SHUFFLE_H

#include "fpu_internal.h"

/* dst: the destination's 16 bytes; src: the source's, which may be the same. */
typedef void sse_shuffle_fn(u8 *dst, const u8 *src, unsigned imm);

sse_shuffle_fn sse_shuffle_pshufw; /* MMX: 8 bytes */
/* With X86_SMALL: */
sse_shuffle_fn sse_shuffle_pshufd, sse_shuffle_pshufhw, sse_shuffle_pshuflw;
sse_shuffle_fn sse_shuffle_shufps, sse_shuffle_pblendw, sse_shuffle_insertps;

/* The whole handler of both forms; of memory size bytes, aligned when they are 16. */
int sse_exec_shuffle(struct x86_cpu *c, const struct x86_insn *i, sse_shuffle_fn *fn,
		     unsigned size);

#define SSE_SHUFFLE(name, size)                                                \
	static int name##_rm(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_shuffle(c, i, sse_shuffle_##name, size);       \
	}
#ifdef X86_SMALL
#define SSE_SHUFFLE_ENTRY(name) { .reg = name##_rm, .mem = name##_rm }
#else
#define SSE_SHUFFLE_ENTRY(name) SSE_ENTRY(name)
#endif

#endif
