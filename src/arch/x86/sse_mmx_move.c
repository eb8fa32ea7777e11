/* SPDX-License-Identifier: Apache-2.0 */
/* MMX moves, and the instructions between MMX and XMM or general registers. */
#include "fpu_internal.h"

static void mmx_set(struct x86_cpu *c, unsigned reg, u64 v)
{
	put_le64(mmx_reg(c, reg), v);
	mmx_written(c, reg);
}

/* MOVD, MOVQ mm, r/m */
static int mmx_movd_load(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned size = i->opsize == 8 ? 8 : 4;
	u64 v = c->gpr[i->rm];
	int r = mmx_check(c);

	if (r)
		return r;
	if (i->flags & X86_I_MEM)
		r = x86_load(c, i->seg, x86_ea(c, i), size, &v);
	if (r < 0)
		return r;
	mmx_begin(c);
	mmx_set(c, i->reg, v & bits_mask(size * 8));
	return r;
}

/* What MMn reads as, before the transition to MMX. */
static u64 mmx_peek(struct x86_cpu *c, unsigned n)
{
	unsigned top;

	x86_fpu_sync(c);
	top = (c->fx.fsw & X87_FSW_TOP) >> 11;
	return get_le64(c->fx.st[(n - top) & 7]);
}

/* To memory first, as that may fault. */
static int mmx_store(struct x86_cpu *c, const struct x86_insn *i, unsigned size)
{
	int r = mmx_check(c);

	if (r)
		return r;
	r = x86_store(c, i->seg, x86_ea(c, i), size, mmx_peek(c, i->reg));
	if (r >= 0)
		mmx_begin(c);
	return r;
}

static int mmx_movd_store(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned size = i->opsize == 8 ? 8 : 4;
	int r;

	if (i->flags & X86_I_MEM)
		return mmx_store(c, i, size);
	r = mmx_check(c);
	if (r)
		return r;
	mmx_begin(c);
	c->gpr[i->rm] = get_le64(mmx_reg(c, i->reg)) & bits_mask(size * 8);
	return X86_OK;
}

static int mmx_movq_load(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = 0;
	int r = mmx_check(c);

	if (r)
		return r;
	if (i->flags & X86_I_MEM)
		r = x86_load64(c, i->seg, x86_ea(c, i), &v);
	if (r < 0)
		return r;
	mmx_begin(c);
	if (!(i->flags & X86_I_MEM))
		v = get_le64(mmx_reg(c, i->rm));
	mmx_set(c, i->reg, v);
	return r;
}

/* 7F, and E7 (memory only) */
static int mmx_movq_store(struct x86_cpu *c, const struct x86_insn *i)
{
	int r;

	if (i->flags & X86_I_MEM)
		return mmx_store(c, i, 8);
	r = mmx_check(c);
	if (r)
		return r;
	mmx_begin(c);
	mmx_set(c, i->rm, get_le64(mmx_reg(c, i->reg)));
	return X86_OK;
}

static int mmx_pinsrw(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = c->gpr[i->rm];
	int r = mmx_check(c);

	if (r)
		return r;
	if (i->flags & X86_I_MEM)
		r = x86_load(c, i->seg, x86_ea(c, i), 2, &v);
	if (r < 0)
		return r;
	mmx_begin(c);
	put_le16(c->fx.st[i->reg & 7] + 2 * (i->imm & 3), (u16)v);
	mmx_written(c, i->reg);
	return r;
}

static int mmx_pextrw(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = mmx_check(c);

	if (r)
		return r;
	mmx_begin(c);
	c->gpr[i->reg] = get_le16(c->fx.st[i->rm & 7] + 2 * (i->imm & 3));
	return X86_OK;
}

static int mmx_pmovmskb(struct x86_cpu *c, const struct x86_insn *i)
{
	u32 v;
	int r = mmx_check(c);

	if (r)
		return r;
	mmx_begin(c);
	__asm__ volatile("movq %1, %%mm0\n\tpmovmskb %%mm0, %0\n\temms"
			 : "=r"(v)
			 : "m"(*(const x86_u64u *)mmx_reg(c, i->rm)));
	c->gpr[i->reg] = v;
	return X86_OK;
}

static int mmx_maskmovq(struct x86_cpu *c, const struct x86_insn *i)
{
	u8 data[8], mask[8];
	int r = mmx_check(c);

	if (r)
		return r;
	put_le64(data, mmx_peek(c, i->reg));
	put_le64(mask, mmx_peek(c, i->rm));
	r = sse_masked_store(c, i, data, mask, 8);
	if (r >= 0)
		mmx_begin(c);
	return r;
}

/* --- between MMX and XMM: both kinds of checks -------------------------------- */

#define MIXED_CHECK(c)                          \
	do {                                    \
		int bad;                        \
						\
		SSE_CHECK(c);                   \
		bad = mmx_check(c);             \
		if (bad)                        \
			return bad;             \
	} while (0)

static int movq2dq(struct x86_cpu *c, const struct x86_insn *i)
{
	MIXED_CHECK(c);
	mmx_begin(c);
	*(sse_v *)sse_reg(c, i->reg) = (sse_v){ get_le64(mmx_reg(c, i->rm)), 0 };
	return X86_OK;
}

static int movdq2q(struct x86_cpu *c, const struct x86_insn *i)
{
	MIXED_CHECK(c);
	mmx_begin(c);
	mmx_set(c, i->reg, get_le64(sse_reg(c, i->rm)));
	return X86_OK;
}

SSE_RAW(cvtpi2ps, "cvtpi2ps")
SSE_RAW(cvtpi2pd, "cvtpi2pd")

/*
 * From a memory operand there is no transition to MMX and so no #MF: SDM vol. 2
 * says so of CVTPI2PD, and processors do the same with CVTPI2PS.
 */
static int cvtpi2(struct x86_cpu *c, const struct x86_insn *i)
{
	bool single = !(i->flags & X86_I_OPSIZE);
	sse_raw raw = single ? raw_cvtpi2ps : raw_cvtpi2pd;
	enum sse_fp fp = single ? FP_ONLY : FP_NONE;

	if (i->flags & X86_I_MEM)
		return sse_exec_mem(c, i, raw, 8, false, fp, false);
	MIXED_CHECK(c);
	mmx_begin(c);
	return sse_run(c, raw, sse_reg(c, i->reg), mmx_reg(c, i->rm), fp);
}

#define CVT_TO_MM(name)                                                        \
	static void raw_##name(void *dst, const void *src)                     \
	{                                                                      \
		__asm__ volatile(#name " %1, %%mm0\n\tmovq %%mm0, %0\n\temms"  \
				 : "=m"(*(x86_u64u *)dst)                      \
				 : "m"(*(const sse_vu *)src));                 \
	}

CVT_TO_MM(cvtps2pi)
CVT_TO_MM(cvttps2pi)
CVT_TO_MM(cvtpd2pi)
CVT_TO_MM(cvttpd2pi)

static int cvt_to_mm(struct x86_cpu *c, const struct x86_insn *i)
{
	static const sse_raw raw[2][2] = {
		{ raw_cvttps2pi, raw_cvtps2pi }, { raw_cvttpd2pi, raw_cvtpd2pi }
	};
	bool pd = (i->flags & X86_I_OPSIZE) != 0;
	u8 buf[16] __attribute__((aligned(16))), v[16] __attribute__((aligned(16)));
	const void *src = c->fx.xmm[i->rm];
	int r, done = X86_OK;

	MIXED_CHECK(c);
	if (i->flags & X86_I_MEM)
		done = sse_operand(c, i, pd ? 16 : 8, pd, buf, &src);
	if (done < 0)
		return done;
	memset(v, 0, sizeof v);
	mmx_begin(c);
	r = sse_run(c, raw[pd][i->key & 1], v, src, FP_ONLY);
	if (r < 0)
		return r;
	mmx_set(c, i->reg, get_le64(v));
	return done;
}

/* --- binding -------------------------------------------------------------------- */

static x86_exec_fn bind_np(u8 op, bool mem)
{
	switch (op) {
	case 0x6e: return mmx_movd_load;
	case 0x6f: return mmx_movq_load;
	case 0x7e: return mmx_movd_store;
	case 0x7f: return mmx_movq_store;
	case 0xc4: return mmx_pinsrw;
	case 0xc5: return mem ? NULL : mmx_pextrw;
	case 0xd7: return mem ? NULL : mmx_pmovmskb;
	case 0xe7: return mem ? mmx_movq_store : NULL;
	case 0xf7: return mem ? NULL : mmx_maskmovq;
	default: return NULL;
	}
}

x86_exec_fn mmx_bind_mixed(const struct x86_insn *i, unsigned pfx)
{
	bool mem = (i->flags & X86_I_MEM) != 0;
	u8 op = (u8)i->key;

	if (i->key >> 8 != X86_MAP_0F)
		return NULL;
	if (op == 0xd6 && !mem && pfx == PFX_F3)
		return movq2dq;
	if (op == 0xd6 && !mem && pfx == PFX_F2)
		return movdq2q;
	if (pfx == PFX_F3 || pfx == PFX_F2)
		return NULL;
	if (op == 0x2a)
		return cvtpi2;
	if (op == 0x2c || op == 0x2d)
		return cvt_to_mm;
	return pfx == PFX_NP ? bind_np(op, mem) : NULL;
}
