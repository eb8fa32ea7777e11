/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that only move elements about, in C: a native one for each of 256
 * immediates takes room. SDM vol. 2.
 */
#include "sse_shuffle.h"

void sse_shuffle_pshufw(u8 *dst, const u8 *src, unsigned imm)
{
	u8 from[8];

	memcpy(from, src, sizeof from);
	for (unsigned n = 0; n < 4; n++)
		memcpy(dst + 2 * n, from + 2 * (imm >> (2 * n) & 3), 2);
}

#ifdef X86_SMALL
void sse_shuffle_pshuflw(u8 *dst, const u8 *src, unsigned imm)
{
	u64 high = get_le64(src + 8);

	sse_shuffle_pshufw(dst, src, imm);
	put_le64(dst + 8, high);
}

void sse_shuffle_pshufhw(u8 *dst, const u8 *src, unsigned imm)
{
	u64 low = get_le64(src);

	sse_shuffle_pshufw(dst + 8, src + 8, imm);
	put_le64(dst, low);
}

/* The low two elements are chosen from low, the high two from high. */
static void shuffle_dwords(u8 *dst, const u8 *low, const u8 *high, unsigned imm)
{
	u32 out[4];

	for (unsigned n = 0; n < 4; n++)
		out[n] = get_le32((n < 2 ? low : high) + 4 * (imm >> (2 * n) & 3));
	memcpy(dst, out, sizeof out);
}

void sse_shuffle_pshufd(u8 *dst, const u8 *src, unsigned imm)
{
	shuffle_dwords(dst, src, src, imm);
}

void sse_shuffle_shufps(u8 *dst, const u8 *src, unsigned imm)
{
	shuffle_dwords(dst, dst, src, imm);
}

void sse_shuffle_pblendw(u8 *dst, const u8 *src, unsigned imm)
{
	for (unsigned n = 0; n < 8; n++)
		if (imm >> n & 1)
			memcpy(dst + 2 * n, src + 2 * n, 2);
}

/* imm: the source's element in 7:6, the destination's in 5:4, which become 0 in 3:0. */
void sse_shuffle_insertps(u8 *dst, const u8 *src, unsigned imm)
{
	u32 v = get_le32(src + 4 * (imm >> 6));

	put_le32(dst + 4 * (imm >> 4 & 3), v);
	for (unsigned n = 0; n < 4; n++)
		if (imm >> n & 1)
			put_le32(dst + 4 * n, 0);
}

int sse_exec_shuffle(struct x86_cpu *c, const struct x86_insn *i, sse_shuffle_fn *fn,
		     unsigned size)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src = sse_reg(c, i->rm);
	unsigned imm = (u8)i->imm;
	int r = X86_OK;

	SSE_CHECK(c);
	if (i->flags & X86_I_MEM) {
		r = sse_operand(c, i, size, size == 16, buf, &src);
		if (size < 16) /* the memory operand is one element */
			imm &= 0x3f;
	}
	if (r < 0)
		return r;
	fn(sse_reg(c, i->reg), src, imm);
	return r;
}
#endif
