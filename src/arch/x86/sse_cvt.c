/* SPDX-License-Identifier: Apache-2.0 */
/* SSE instructions that read or write general registers: CVT, PCMPxSTRx. SDM vol. 2. */
#include "fpu_internal.h"

FPU_OWN int cvt_from(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw, enum sse_fp fp)
{
	void *dst = sse_reg(c, i->reg);

	SSE_CHECK(c);
	if (fp != FP_NONE && unlikely(sse_unmasked(c)))
		return sse_run_unmasked(c, raw, dst, &c->gpr[i->rm], fp);
	raw(dst, &c->gpr[i->rm]);
	return x86_chain(c, i, X86_OK);
}

/* CVTSI2SS, CVTSI2SD: size is of the integer. */
#define CVT_FROM(name, insn, size, fp)                                         \
	SSE_RAW(name, insn)                                                    \
	static int name##_r(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return cvt_from(c, i, raw_##name, fp);                         \
	}                                                                      \
	static int name##_m(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_mem(c, i, raw_##name, size, false, fp, false); \
	}

CVT_FROM(cvtsi2ss32, "cvtsi2ssl", 4, FP_ONLY)
CVT_FROM(cvtsi2ss64, "cvtsi2ssq", 8, FP_ONLY)
CVT_FROM(cvtsi2sd32, "cvtsi2sdl", 4, FP_NONE)
CVT_FROM(cvtsi2sd64, "cvtsi2sdq", 8, FP_ONLY)

/* CVTSS2SI and so on: the raw function leaves the integer in dst. */
#define CVT_TO_RAW(name, insn, type)                                           \
	static void raw_##name(void *dst, const void *src)                     \
	{                                                                      \
		type v;                                                        \
									       \
		__asm__ volatile(insn " %1, %0"                                \
				 : "=r"(v)                                     \
				 : "m"(*(const sse_vu *)src));                 \
		*(sse_v *)dst = (sse_v){ v, 0 };                               \
	}

FPU_INLINE int cvt_run(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw,
		       const void *src)
{
	sse_v v = { 0, 0 };
	int r = sse_run(c, raw, &v, src, FP_ONLY);

	if (likely(r == X86_OK))
		c->gpr[i->reg] = v[0];
	return r;
}

/* Register or memory, the way that is not the common one. */
FPU_OWN int cvt_to(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw, unsigned size)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src;
	int r, done = sse_source(c, i, size, false, buf, &src);

	if (done < 0)
		return done;
	r = cvt_run(c, i, raw, src);
	return r ? r : done;
}

#ifdef X86_SMALL
#define CVT_TO(name, insn, type, size)                                         \
	CVT_TO_RAW(name, insn, type)                                           \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		return cvt_to(c, i, raw_##name, size);                         \
	}
#define CVT_TO_ENTRY(name) SSE_BOTH(name)
#else
#define CVT_TO(name, insn, type, size)                                         \
	CVT_TO_RAW(name, insn, type)                                           \
	static int name##_r(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		SSE_CHECK(c);                                                  \
		return x86_chain(c, i, cvt_run(c, i, raw_##name, sse_reg(c, i->rm))); \
	}                                                                      \
	static int FPU_COLD name##_slow(struct x86_cpu *c,		       \
					const struct x86_insn *i)	       \
	{								       \
		return cvt_to(c, i, raw_##name, size);			       \
	}								       \
	static int name##_m(struct x86_cpu *c, const struct x86_insn *i)       \
	{								       \
		const void *src;					       \
									       \
		SSE_CHECK(c);						       \
		src = fpu_fast(c, i, size, X86_READ, false);		       \
		if (unlikely(!src))					       \
			return name##_slow(c, i);			       \
		return x86_chain(c, i, cvt_run(c, i, raw_##name, src));	       \
	}
#define CVT_TO_ENTRY(name) SSE_ENTRY(name)
#endif

CVT_TO(cvtss2si32, "cvtss2si", u32, 4)
CVT_TO(cvtss2si64, "cvtss2si", u64, 4)
CVT_TO(cvttss2si32, "cvttss2si", u32, 4)
CVT_TO(cvttss2si64, "cvttss2si", u64, 4)
CVT_TO(cvtsd2si32, "cvtsd2si", u32, 8)
CVT_TO(cvtsd2si64, "cvtsd2si", u64, 8)
CVT_TO(cvttsd2si32, "cvttsd2si", u32, 8)
CVT_TO(cvttsd2si64, "cvttsd2si", u64, 8)

/* --- PCMPESTRM, PCMPESTRI, PCMPISTRM, PCMPISTRI ------------------------------- */

/* Offsets known to sse_stub.S. */
struct sse_pcmpstr {
	u64 rax, rdx, rcx, flags;
	u8 xmm0[16];
};

extern const u8 sse_stub_pcmpestrm[], sse_stub_pcmpestri[];
extern const u8 sse_stub_pcmpistrm[], sse_stub_pcmpistri[];
void sse_pcmpstr(const void *reg, const void *src, struct sse_pcmpstr *io,
		 const u8 *stub);

/* table: the instruction's complete routines by immediate, 8 bytes apart (sse_stub.S).
 * index: the result is ECX, else XMM0. */
static int pcmpstr(struct x86_cpu *c, const struct x86_insn *i, const u8 *table, bool index)
{
	u8 buf[16] __attribute__((aligned(16)));
	bool wide = i->opsize == 8;
	struct sse_pcmpstr io = {
		.rax = wide ? c->gpr[REG_RAX] : bits_sign_extend(c->gpr[REG_RAX], 32),
		.rdx = wide ? c->gpr[REG_RDX] : bits_sign_extend(c->gpr[REG_RDX], 32),
	};
	const void *src;
	int r = sse_source(c, i, 16, false, buf, &src);

	if (r < 0)
		return r;
	sse_pcmpstr(sse_reg(c, i->reg), src, &io, table + 8 * (i->imm & 0x7f));
	if (index)
		c->gpr[REG_RCX] = (u32)io.rcx;
	else
		memcpy(sse_reg(c, 0), io.xmm0, 16);
	x86_flags_set_arith(c, io.flags);
	return r;
}

static int pcmpestrm(struct x86_cpu *c, const struct x86_insn *i)
{
	return pcmpstr(c, i, sse_stub_pcmpestrm, false);
}

static int pcmpestri(struct x86_cpu *c, const struct x86_insn *i)
{
	return pcmpstr(c, i, sse_stub_pcmpestri, true);
}

static int pcmpistrm(struct x86_cpu *c, const struct x86_insn *i)
{
	return pcmpstr(c, i, sse_stub_pcmpistrm, false);
}

static int pcmpistri(struct x86_cpu *c, const struct x86_insn *i)
{
	return pcmpstr(c, i, sse_stub_pcmpistri, true);
}

/* --- binding -------------------------------------------------------------------- */

/* [prefix F3, F2][opcode 2A, 2C, 2D][REX.W] */
static const struct sse_entry cvt[2][3][2] = {
	{ { SSE_ENTRY(cvtsi2ss32), SSE_ENTRY(cvtsi2ss64) },
	  { CVT_TO_ENTRY(cvttss2si32), CVT_TO_ENTRY(cvttss2si64) },
	  { CVT_TO_ENTRY(cvtss2si32), CVT_TO_ENTRY(cvtss2si64) } },
	{ { SSE_ENTRY(cvtsi2sd32), SSE_ENTRY(cvtsi2sd64) },
	  { CVT_TO_ENTRY(cvttsd2si32), CVT_TO_ENTRY(cvttsd2si64) },
	  { CVT_TO_ENTRY(cvtsd2si32), CVT_TO_ENTRY(cvtsd2si64) } },
};

static x86_exec_fn bind_scalar(const struct x86_insn *i, unsigned pfx, unsigned op)
{
	const struct sse_entry *e = &cvt[pfx == PFX_F2][op][i->opsize == 8];

	if (pfx != PFX_F3 && pfx != PFX_F2)
		return NULL;
	return i->flags & X86_I_MEM ? e->mem : e->reg;
}

x86_exec_fn sse_bind_cvt(const struct x86_insn *i, unsigned pfx)
{
	switch (i->key) {
	case X86_KEY(X86_MAP_0F, 0x2a): return bind_scalar(i, pfx, 0);
	case X86_KEY(X86_MAP_0F, 0x2c): return bind_scalar(i, pfx, 1);
	case X86_KEY(X86_MAP_0F, 0x2d): return bind_scalar(i, pfx, 2);
	case X86_KEY(X86_MAP_0F3A, 0x60): return pfx == PFX_66 ? pcmpestrm : NULL;
	case X86_KEY(X86_MAP_0F3A, 0x61): return pfx == PFX_66 ? pcmpestri : NULL;
	case X86_KEY(X86_MAP_0F3A, 0x62): return pfx == PFX_66 ? pcmpistrm : NULL;
	case X86_KEY(X86_MAP_0F3A, 0x63): return pfx == PFX_66 ? pcmpistri : NULL;
	default: return NULL;
	}
}
