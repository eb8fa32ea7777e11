/* SPDX-License-Identifier: Apache-2.0 */
/* SSE instructions with floating-point exceptions, all operands XMM. SDM vol. 2. */
#include "fpu_internal.h"

static bool tiny_single(u32 v)
{
	return !(v & 0x7f800000u) && (v & 0x7fffffu);
}

static bool tiny_double(u64 v)
{
	return !((v >> 52) & 0x7ff) && (v & bits_mask(52));
}

/* Does an element that fp names hold a denormal number? */
static bool sse_tiny(const u8 *v, enum sse_fp fp)
{
	unsigned singles = fp == FP_SS ? 1 : fp == FP_PS2 ? 2 : fp == FP_PS ? 4 : 0;
	unsigned doubles = fp == FP_SD ? 1 : fp == FP_PD ? 2 : 0;

	for (unsigned n = 0; n < singles; n++)
		if (tiny_single(get_le32(v + 4 * n)))
			return true;
	for (unsigned n = 0; n < doubles; n++)
		if (tiny_double(get_le64(v + 8 * n)))
			return true;
	return false;
}

/* Those that can overflow or underflow; others give NULL. */
static const struct sse_shape *sse_shape_of(sse_raw raw);

/*
 * The instruction runs masked on a copy, and the flags it raises tell what an
 * unmasked run would have done (SDM vol. 1 11.5.2, 11.5.4): one unmasked
 * pre-computation exception (IE, DE, ZE) keeps the others from being looked
 * for; with underflow unmasked a tiny result raises UE even when exact (masked
 * it must be inexact too), FTZ has no effect, and PE is another question then.
 */
int FPU_COLD sse_run_unmasked(struct x86_cpu *c, sse_raw raw, void *dst,
			      const void *src, enum sse_fp fp)
{
	u8 tmp[16] __attribute__((aligned(16)));
	u32 guest = fpu_mxcsr(c), run = (guest & ~MXCSR_FLAGS) | MXCSR_MASKS;
	u32 unmasked = ~(guest >> 7) & MXCSR_FLAGS, saved, raised;

	if (!(guest & MXCSR_UM))
		run &= ~MXCSR_FTZ;
	memcpy(tmp, dst, sizeof tmp);
	saved = fpu_get_mxcsr();
	fpu_set_mxcsr(run);
	raw(tmp, src);
	raised = fpu_get_mxcsr() & MXCSR_FLAGS;
	fpu_set_mxcsr(saved);
	if (!(guest & MXCSR_UM) && sse_tiny(tmp, fp))
		raised |= 0x10;
	if (raised & unmasked & 7)
		raised &= 7;
	else if (raised & unmasked & 0x18 && sse_shape_of(raw))
		raised = (raised & ~0x20u) | (sse_inexact(c, sse_shape_of(raw), dst, src, run,
							  unmasked) ? 0x20 : 0);
	fpu_mxcsr_set(c, guest | raised);
	if (raised & unmasked)
		return c->cr4 & CR4_OSXMMEXCPT ? x86_fault(c, EXC_XM) : x86_ud(c);
	memcpy(dst, tmp, sizeof tmp);
	return X86_OK;
}

#define PS_OP(name, fp) SSE_OP(name, #name, 16, true, fp)
#define PD_OP(name, fp) SSE_OP(name, #name, 16, true, fp)
#define SS_OP(name, fp) SSE_OP(name, #name, 4, false, fp)
#define SD_OP(name, fp) SSE_OP(name, #name, 8, false, fp)

PS_OP(sqrtps, FP_ONLY)
PD_OP(sqrtpd, FP_ONLY)
SS_OP(sqrtss, FP_ONLY)
SD_OP(sqrtsd, FP_ONLY)
PS_OP(addps, FP_PS)
PD_OP(addpd, FP_PD)
SS_OP(addss, FP_SS)
SD_OP(addsd, FP_SD)
PS_OP(mulps, FP_PS)
PD_OP(mulpd, FP_PD)
SS_OP(mulss, FP_SS)
SD_OP(mulsd, FP_SD)
PS_OP(subps, FP_PS)
PD_OP(subpd, FP_PD)
SS_OP(subss, FP_SS)
SD_OP(subsd, FP_SD)
PS_OP(minps, FP_ONLY)
PD_OP(minpd, FP_ONLY)
SS_OP(minss, FP_ONLY)
SD_OP(minsd, FP_ONLY)
PS_OP(divps, FP_PS)
PD_OP(divpd, FP_PD)
SS_OP(divss, FP_SS)
SD_OP(divsd, FP_SD)
PS_OP(maxps, FP_ONLY)
PD_OP(maxpd, FP_ONLY)
SS_OP(maxss, FP_ONLY)
SD_OP(maxsd, FP_ONLY)
PS_OP(rsqrtps, FP_NONE)
SS_OP(rsqrtss, FP_NONE)
PS_OP(rcpps, FP_NONE)
SS_OP(rcpss, FP_NONE)
SSE_OP(cvtps2pd, "cvtps2pd", 8, false, FP_ONLY)
SSE_OP(cvtpd2ps, "cvtpd2ps", 16, true, FP_PS2)
SSE_OP(cvtss2sd, "cvtss2sd", 4, false, FP_ONLY)
SSE_OP(cvtsd2ss, "cvtsd2ss", 8, false, FP_SS)
SSE_OP(cvtdq2ps, "cvtdq2ps", 16, true, FP_ONLY)
SSE_OP(cvtps2dq, "cvtps2dq", 16, true, FP_ONLY)
SSE_OP(cvttps2dq, "cvttps2dq", 16, true, FP_ONLY)
SSE_OP(haddpd, "haddpd", 16, true, FP_PD)
SSE_OP(haddps, "haddps", 16, true, FP_PS)
SSE_OP(hsubpd, "hsubpd", 16, true, FP_PD)
SSE_OP(hsubps, "hsubps", 16, true, FP_PS)
SSE_OP(addsubpd, "addsubpd", 16, true, FP_PD)
SSE_OP(addsubps, "addsubps", 16, true, FP_PS)
SSE_OP(cvttpd2dq, "cvttpd2dq", 16, true, FP_ONLY)
SSE_OP(cvtdq2pd, "cvtdq2pd", 8, false, FP_NONE)
SSE_OP(cvtpd2dq, "cvtpd2dq", 16, true, FP_ONLY)

#define SHAPES(name, step)                                                     \
	{ raw_##name##ps, { step, step, true, false, 4 } },                    \
	{ raw_##name##pd, { step, step, false, false, 2 } },                   \
	{ raw_##name##ss, { step, step, true, false, 1 } },                    \
	{ raw_##name##sd, { step, step, false, false, 1 } }

static const struct sse_shape *sse_shape_of(sse_raw raw)
{
	static const struct { sse_raw raw; struct sse_shape shape; } known[] = {
		SHAPES(add, STEP_ADD), SHAPES(sub, STEP_SUB),
		SHAPES(mul, STEP_MUL), SHAPES(div, STEP_DIV),
		{ raw_cvtpd2ps, { STEP_NARROW, STEP_NARROW, false, false, 2 } },
		{ raw_cvtsd2ss, { STEP_NARROW, STEP_NARROW, false, false, 1 } },
		{ raw_haddps, { STEP_ADD, STEP_ADD, true, true, 4 } },
		{ raw_haddpd, { STEP_ADD, STEP_ADD, false, true, 2 } },
		{ raw_hsubps, { STEP_SUB, STEP_SUB, true, true, 4 } },
		{ raw_hsubpd, { STEP_SUB, STEP_SUB, false, true, 2 } },
		{ raw_addsubps, { STEP_SUB, STEP_ADD, true, false, 4 } },
		{ raw_addsubpd, { STEP_SUB, STEP_ADD, false, false, 2 } },
	};

	for (unsigned n = 0; n < ARRAY_SIZE(known); n++)
		if (known[n].raw == raw)
			return &known[n].shape;
	return NULL;
}

/*
 * DPPS and DPPD with an exception unmasked: the multiplication and each addition
 * is a step that can fault and keep the next from being looked at (SDM vol. 2
 * DPPS). Only checks, and collects the flags.
 */
int FPU_COLD sse_dp_unmasked(struct x86_cpu *c, u64 imm, const void *dst,
			     const void *src, bool single)
{
	unsigned lanes = single ? 4 : 2, size = 16 / lanes;
	u8 a[16] __attribute__((aligned(16)));
	u8 b[16] __attribute__((aligned(16)));
	int r;

	memcpy(a, dst, sizeof a);
	memcpy(b, src, sizeof b);
	for (unsigned n = 0; n < lanes; n++)
		if (!(imm >> (4 + n) & 1)) {
			memset(a + n * size, 0, size);
			memset(b + n * size, 0, size);
		}
	if (!single) {
		r = sse_run_unmasked(c, raw_mulpd, a, b, FP_PD);
		memcpy(b, a, sizeof b);
		return r ? r : sse_run_unmasked(c, raw_haddpd, a, b, FP_PD);
	}
	r = sse_run_unmasked(c, raw_mulps, a, b, FP_PS);
	for (unsigned step = 0; step < 2 && r == X86_OK; step++) {
		memcpy(b, a, sizeof b);
		r = sse_run_unmasked(c, raw_haddps, a, b, FP_PS);
	}
	return r;
}

/* COMISx, UCOMISx: the raw function leaves the flags in the low word of dst. */
#define COMI_RAW(name)                                                         \
	FPU_INLINE u64 flags_##name(const void *a, const void *b)              \
	{                                                                      \
		u8 zf, pf, cf;                                                 \
									       \
		__asm__ volatile("movaps %3, %%xmm0\n\t" #name " %4, %%xmm0"   \
				 : "=@ccz"(zf), "=@ccp"(pf), "=@ccc"(cf)       \
				 : "m"(*(const sse_v *)a),                     \
				   "m"(*(const sse_vu *)b)                     \
				 : "xmm0");                                    \
		return (u64)(cf | pf << 2 | zf << 6);                          \
	}                                                                      \
	static void raw_##name(void *dst, const void *src)                     \
	{                                                                      \
		u64 f = flags_##name(dst, src);                                \
									       \
		put_le64(dst, f);                                              \
	}

/* Register or memory, any exception: the way that is not the common one. */
static int FPU_COLD comi(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw,
			 unsigned size)
{
	u8 buf[16] __attribute__((aligned(16))), tmp[16] __attribute__((aligned(16)));
	const void *src;
	int r, done = sse_source(c, i, size, false, buf, &src);

	if (done < 0)
		return done;
	memcpy(tmp, sse_reg(c, i->reg), sizeof tmp);
	r = sse_run(c, raw, tmp, src, FP_ONLY);
	if (r != X86_OK)
		return r;
	x86_flags_set_arith(c, get_le64(tmp));
	return done;
}

#ifdef X86_SMALL
#define COMI_OP(name, size)                                                    \
	COMI_RAW(name)                                                         \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		return comi(c, i, raw_##name, size);                           \
	}
#define COMI_ENTRY(name) SSE_BOTH(name)
#else
#define COMI_OP(name, size)                                                    \
	COMI_RAW(name)                                                         \
	static int name##_r(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		SSE_CHECK(c);                                                  \
		if (unlikely(sse_unmasked(c)))                                 \
			return comi(c, i, raw_##name, size);                   \
		x86_flags_set_arith(c, flags_##name(sse_reg(c, i->reg),        \
						    sse_reg(c, i->rm)));       \
		return X86_OK;                                                 \
	}                                                                      \
	static int name##_m(struct x86_cpu *c, const struct x86_insn *i)       \
	{								       \
		const void *src;					       \
									       \
		SSE_CHECK(c);						       \
		src = fpu_fast(c, i, size, X86_READ, false);		       \
		if (unlikely(!src || sse_unmasked(c)))			       \
			return comi(c, i, raw_##name, size);		       \
		x86_flags_set_arith(c, flags_##name(sse_reg(c, i->reg), src)); \
		return X86_OK;						       \
	}
#define COMI_ENTRY(name) SSE_ENTRY(name)
#endif

COMI_OP(ucomiss, 4)
COMI_OP(ucomisd, 8)
COMI_OP(comiss, 4)
COMI_OP(comisd, 8)

static const struct sse_entry map_0f[PFX_COUNT][256] = {
	[PFX_NP] = {
		[0x2e] = COMI_ENTRY(ucomiss),
		[0x2f] = COMI_ENTRY(comiss),
		[0x51] = SSE_OP_ENTRY(sqrtps),
		[0x52] = SSE_OP_ENTRY(rsqrtps),
		[0x53] = SSE_OP_ENTRY(rcpps),
		[0x58] = SSE_OP_ENTRY(addps),
		[0x59] = SSE_OP_ENTRY(mulps),
		[0x5a] = SSE_OP_ENTRY(cvtps2pd),
		[0x5b] = SSE_OP_ENTRY(cvtdq2ps),
		[0x5c] = SSE_OP_ENTRY(subps),
		[0x5d] = SSE_OP_ENTRY(minps),
		[0x5e] = SSE_OP_ENTRY(divps),
		[0x5f] = SSE_OP_ENTRY(maxps),
	},
	[PFX_66] = {
		[0x2e] = COMI_ENTRY(ucomisd),
		[0x2f] = COMI_ENTRY(comisd),
		[0x51] = SSE_OP_ENTRY(sqrtpd),
		[0x58] = SSE_OP_ENTRY(addpd),
		[0x59] = SSE_OP_ENTRY(mulpd),
		[0x5a] = SSE_OP_ENTRY(cvtpd2ps),
		[0x5b] = SSE_OP_ENTRY(cvtps2dq),
		[0x5c] = SSE_OP_ENTRY(subpd),
		[0x5d] = SSE_OP_ENTRY(minpd),
		[0x5e] = SSE_OP_ENTRY(divpd),
		[0x5f] = SSE_OP_ENTRY(maxpd),
		[0x7c] = SSE_OP_ENTRY(haddpd),
		[0x7d] = SSE_OP_ENTRY(hsubpd),
		[0xd0] = SSE_OP_ENTRY(addsubpd),
		[0xe6] = SSE_OP_ENTRY(cvttpd2dq),
	},
	[PFX_F3] = {
		[0x51] = SSE_OP_ENTRY(sqrtss),
		[0x52] = SSE_OP_ENTRY(rsqrtss),
		[0x53] = SSE_OP_ENTRY(rcpss),
		[0x58] = SSE_OP_ENTRY(addss),
		[0x59] = SSE_OP_ENTRY(mulss),
		[0x5a] = SSE_OP_ENTRY(cvtss2sd),
		[0x5b] = SSE_OP_ENTRY(cvttps2dq),
		[0x5c] = SSE_OP_ENTRY(subss),
		[0x5d] = SSE_OP_ENTRY(minss),
		[0x5e] = SSE_OP_ENTRY(divss),
		[0x5f] = SSE_OP_ENTRY(maxss),
		[0xe6] = SSE_OP_ENTRY(cvtdq2pd),
	},
	[PFX_F2] = {
		[0x51] = SSE_OP_ENTRY(sqrtsd),
		[0x58] = SSE_OP_ENTRY(addsd),
		[0x59] = SSE_OP_ENTRY(mulsd),
		[0x5a] = SSE_OP_ENTRY(cvtsd2ss),
		[0x5c] = SSE_OP_ENTRY(subsd),
		[0x5d] = SSE_OP_ENTRY(minsd),
		[0x5e] = SSE_OP_ENTRY(divsd),
		[0x5f] = SSE_OP_ENTRY(maxsd),
		[0x7c] = SSE_OP_ENTRY(haddps),
		[0x7d] = SSE_OP_ENTRY(hsubps),
		[0xd0] = SSE_OP_ENTRY(addsubps),
		[0xe6] = SSE_OP_ENTRY(cvtpd2dq),
	},
};

x86_exec_fn sse_bind_fp(unsigned map, unsigned pfx, u8 op, enum sse_form form)
{
	const struct sse_entry *e = &map_0f[pfx][op];

	if (map != X86_MAP_0F)
		return NULL;
	return sse_pick(e, form);
}

#ifdef X86_SMALL
const struct sse_op *sse_op_fp(unsigned map, unsigned pfx, u8 op)
{
	return map == X86_MAP_0F ? sse_op(&map_0f[pfx][op]) : NULL;
}
#endif
