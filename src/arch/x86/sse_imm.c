/* SPDX-License-Identifier: Apache-2.0 */
/* SSE instructions with an immediate byte: one native stub per immediate. */
#include "sse_shuffle.h"

/* index: of the stub for the immediate. */
#define IMM_OP(name, size, align, fp, index)                                   \
	extern const u8 sse_stub_##name[];                                     \
	static int name##_r(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_reg(c, i, sse_stub(sse_stub_##name, index), fp); \
	}                                                                      \
	static int name##_m(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_mem(c, i, sse_stub(sse_stub_##name, index),    \
				    size, align, fp, false);                   \
	}

IMM_OP(cmpps, 16, true, FP_ONLY, i->imm & 7)
IMM_OP(cmppd, 16, true, FP_ONLY, i->imm & 7)
IMM_OP(cmpss, 4, false, FP_ONLY, i->imm & 7)
IMM_OP(cmpsd, 8, false, FP_ONLY, i->imm & 7)
IMM_OP(shufpd, 16, true, FP_NONE, i->imm & 3)
IMM_OP(roundps, 16, true, FP_ONLY, i->imm & 15)
IMM_OP(roundpd, 16, true, FP_ONLY, i->imm & 15)
IMM_OP(roundss, 4, false, FP_ONLY, i->imm & 15)
IMM_OP(roundsd, 8, false, FP_ONLY, i->imm & 15)
IMM_OP(blendps, 16, true, FP_NONE, i->imm & 15)
IMM_OP(blendpd, 16, true, FP_NONE, i->imm & 3)
IMM_OP(palignr, 16, true, FP_NONE, sse_imm_count(i, 32))
IMM_OP(mpsadbw, 16, true, FP_NONE, i->imm & 7)
IMM_OP(pclmulqdq, 16, true, FP_NONE, (i->imm & 1) | (i->imm >> 3 & 2))

/* The round constant goes to the words that were rotated: SDM vol. 2. */
static void round_constant(struct x86_cpu *c, const struct x86_insn *i)
{
	c->fx.xmm[i->reg][4] ^= (u8)i->imm;
	c->fx.xmm[i->reg][12] ^= (u8)i->imm;
}

extern const u8 sse_stub_aeskeygenassist[];

static int aeskeygenassist(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src;
	int r = sse_source(c, i, 16, true, buf, &src);

	if (r < 0)
		return r;
	((sse_raw)(uintptr_t)sse_stub_aeskeygenassist)(sse_reg(c, i->reg), src);
	round_constant(c, i);
	return r;
}

#ifndef X86_SMALL
IMM_OP(pshufd, 16, true, FP_NONE, sse_imm(i))
IMM_OP(pshufhw, 16, true, FP_NONE, sse_imm(i))
IMM_OP(pshuflw, 16, true, FP_NONE, sse_imm(i))
IMM_OP(shufps, 16, true, FP_NONE, sse_imm(i))
IMM_OP(pblendw, 16, true, FP_NONE, sse_imm(i))
#endif

/* DPPS, DPPD */
extern const u8 sse_stub_dpps[], sse_stub_dppd[];

static void dp_dppd(void *dst, const void *src, u64 imm)
{
	sse_stub(sse_stub_dppd, (imm & 3) | (imm >> 2 & 12))(dst, src);
}

/* With X86_SMALL the sum goes to all elements, and then from those not asked for. */
static void dp_dpps(void *dst, const void *src, u64 imm)
{
#ifdef X86_SMALL
	u32 *sum = dst;

	sse_stub(sse_stub_dpps, imm >> 4)(dst, src);
	for (unsigned n = 0; n < 4; n++)
		if (!(imm >> n & 1))
			sum[n] = 0;
#else
	sse_stub(sse_stub_dpps, imm)(dst, src);
#endif
}

typedef void (*dp_fn)(void *dst, const void *src, u64 imm);

static int dp(struct x86_cpu *c, const struct x86_insn *i, dp_fn fn, bool single)
{
	u8 buf[16] __attribute__((aligned(16)));
	void *dst = sse_reg(c, i->reg);
	const void *src;
	int r = X86_OK, done = sse_source(c, i, 16, true, buf, &src);

	if (done < 0)
		return done;
	if (unlikely(sse_unmasked(c)))
		r = sse_dp_unmasked(c, i->imm, dst, src, single);
	if (r != X86_OK)
		return r;
	fn(dst, src, sse_imm(i));
	return done;
}

static int dpps(struct x86_cpu *c, const struct x86_insn *i)
{
	return dp(c, i, dp_dpps, true);
}

static int dppd(struct x86_cpu *c, const struct x86_insn *i)
{
	return dp(c, i, dp_dppd, false);
}

#ifdef X86_SMALL
SSE_SHUFFLE(pshufd, 16)
SSE_SHUFFLE(pshufhw, 16)
SSE_SHUFFLE(pshuflw, 16)
SSE_SHUFFLE(shufps, 16)
SSE_SHUFFLE(pblendw, 16)
SSE_SHUFFLE(insertps, 4)
#else
/* The stub takes element 0 of its memory operand: imm[7:6] choose it here. */
extern const u8 sse_stub_insertps[];

static int insertps_r(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	sse_stub(sse_stub_insertps, sse_imm(i))(sse_reg(c, i->reg),
						c->fx.xmm[i->rm] + 4 * ((i->imm >> 6) & 3));
	return X86_OK;
}

static int insertps_m(struct x86_cpu *c, const struct x86_insn *i)
{
	return sse_exec_mem(c, i, sse_stub(sse_stub_insertps, sse_imm(i)), 4, false,
			    FP_NONE, false);
}
#endif

extern const u8 sse_stub_psrldq[], sse_stub_pslldq[];

/* Opcodes 71 72 73: the shift by register takes the immediate as its count. */
#define SHIFT_OP(name)                                                         \
	static int shift_##name(struct x86_cpu *c, const struct x86_insn *i)   \
	{                                                                      \
		SSE_CHECK(c);                                                  \
		__asm__ volatile("movd %1, %%xmm1\n\tmovaps %0, %%xmm0\n\t"     \
				 #name " %%xmm1, %%xmm0\n\tmovaps %%xmm0, %0"  \
				 : "+m"(*(sse_v *)sse_reg(c, i->rm))           \
				 : "r"((u32)i->imm & 0xff)                     \
				 : "xmm0", "xmm1");                            \
		return x86_chain(c, i, X86_OK);                                \
	}

SHIFT_OP(psrlw)
SHIFT_OP(psraw)
SHIFT_OP(psllw)
SHIFT_OP(psrld)
SHIFT_OP(psrad)
SHIFT_OP(pslld)
SHIFT_OP(psrlq)
SHIFT_OP(psllq)

static int shift_psrldq(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	sse_stub(sse_stub_psrldq, sse_imm_count(i, 16))(sse_reg(c, i->rm), NULL);
	return X86_OK;
}

static int shift_pslldq(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	sse_stub(sse_stub_pslldq, sse_imm_count(i, 16))(sse_reg(c, i->rm), NULL);
	return X86_OK;
}

static const struct sse_entry map_0f[PFX_COUNT][256] = {
	[PFX_NP] = {
		[0xc2] = SSE_ENTRY(cmpps),
		[0xc6] = SSE_SHUFFLE_ENTRY(shufps),
	},
	[PFX_66] = {
		[0x70] = SSE_SHUFFLE_ENTRY(pshufd),
		[0xc2] = SSE_ENTRY(cmppd),
		[0xc6] = SSE_ENTRY(shufpd),
	},
	[PFX_F3] = {
		[0x70] = SSE_SHUFFLE_ENTRY(pshufhw),
		[0xc2] = SSE_ENTRY(cmpss),
	},
	[PFX_F2] = {
		[0x70] = SSE_SHUFFLE_ENTRY(pshuflw),
		[0xc2] = SSE_ENTRY(cmpsd),
	},
};

static const struct sse_entry map_0f3a_66[256] = {
	[0x08] = SSE_ENTRY(roundps),
	[0x09] = SSE_ENTRY(roundpd),
	[0x0a] = SSE_ENTRY(roundss),
	[0x0b] = SSE_ENTRY(roundsd),
	[0x0c] = SSE_ENTRY(blendps),
	[0x0d] = SSE_ENTRY(blendpd),
	[0x0e] = SSE_SHUFFLE_ENTRY(pblendw),
	[0x0f] = SSE_ENTRY(palignr),
	[0x40] = SSE_BOTH(dpps),
	[0x41] = SSE_BOTH(dppd),
	[0x42] = SSE_ENTRY(mpsadbw),
	[0x44] = SSE_ENTRY(pclmulqdq),
	[0xdf] = SSE_BOTH(aeskeygenassist),
	[0x21] = SSE_SHUFFLE_ENTRY(insertps),
};

x86_exec_fn sse_bind_imm(unsigned map, unsigned pfx, u8 op, enum sse_form form)
{
	const struct sse_entry *e;

	if (map == X86_MAP_0F)
		e = &map_0f[pfx][op];
	else if (map == X86_MAP_0F3A && pfx == PFX_66)
		e = &map_0f3a_66[op];
	else
		return NULL;
	return sse_pick(e, form);
}

x86_exec_fn sse_bind_shift(const struct x86_insn *i)
{
	static const x86_exec_fn shift[4][8] = {
		[1] = { [2] = shift_psrlw, [4] = shift_psraw, [6] = shift_psllw },
		[2] = { [2] = shift_psrld, [4] = shift_psrad, [6] = shift_pslld },
		[3] = { [2] = shift_psrlq, [3] = shift_psrldq,
			[6] = shift_psllq, [7] = shift_pslldq },
	};

	if (i->key < X86_KEY(X86_MAP_0F, 0x71) ||
	    i->key > X86_KEY(X86_MAP_0F, 0x73) || (i->flags & X86_I_MEM))
		return NULL;
	return shift[i->key & 3][(i->modrm >> 3) & 7];
}
