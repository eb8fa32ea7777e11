/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FXSAVE, FXRSTOR, XSAVE, XRSTOR, XSAVEOPT, LDMXCSR, STMXCSR. SDM vol. 1 10.5 and
 * chapter 13. XCR0 knows x87 and SSE only; the compacted format does not exist.
 */
#include "fpu_internal.h"

#define XSAVE_HEADER 512
#define XSAVE_SIZE 576
#define FX_POINTERS 8  /* FIP, FDP */
#define FX_MXCSR 24
#define FX_ST 32
#define FX_XMM 160

static unsigned fx_xmm_size(const struct x86_cpu *c)
{
	return x86_code64(c) ? 256 : 128;
}

/* The linear address of the operand, aligned or #GP(0). */
static int fx_linear(struct x86_cpu *c, const struct x86_insn *i, unsigned size,
		     unsigned align, enum x86_access access)
{
	u64 lin;
	int r = x86_linear(c, i->seg, x86_ea(c, i), size, access, &lin);

	if (r)
		return r;
	return lin & (align - 1) ? x86_gp0(c) : X86_OK;
}

/* The legacy area as the guest gets it. Without REX.W the pointers are 32 bits
 * and selectors. */
static void fx_build(struct x86_cpu *c, const struct x86_insn *i,
		     struct x86_fxsave *out)
{
	x86_fpu_sync(c);
	*out = c->fx;
	out->pad0 = 0;
	out->mxcsr_mask = MXCSR_VALID;
	if (i->opsize != 8) {
		out->fip = (u32)out->fip | (u64)x87_fcs(&c->fx) << 32;
		out->fdp = (u32)out->fdp | (u64)x87_fds(&c->fx) << 32;
	}
}

/* From a checked copy of guest memory. */
static void fx_take_x87(struct x86_cpu *c, const struct x86_insn *i,
			const struct x86_fxsave *in)
{
	c->fx.fcw = in->fcw;
	c->fx.fsw = in->fsw;
	c->fx.ftw = in->ftw;
	c->fx.fop = in->fop;
	c->fx.fip = i->opsize == 8 ? in->fip : (u32)in->fip;
	c->fx.fdp = i->opsize == 8 ? in->fdp : (u32)in->fdp;
	x87_set_fcs(&c->fx, i->opsize == 8 ? 0 : (u16)(in->fip >> 32));
	x87_set_fds(&c->fx, i->opsize == 8 ? 0 : (u16)(in->fdp >> 32));
	memcpy(c->fx.st, in->st, sizeof c->fx.st);
}

static int fxsave(struct x86_cpu *c, const struct x86_insn *i)
{
	struct x86_fxsave out;
	int r;

	if (!c->fpu_ready)
		return x86_fault(c, EXC_NM);
	r = fx_linear(c, i, sizeof out, 16, X86_WRITE);
	if (r == X86_OK)
		r = x86_probe(c, i->seg, x86_ea(c, i), sizeof out, X86_WRITE);
	if (r < 0)
		return r;
	fx_build(c, i, &out);
	return x86_store_bytes(c, i->seg, x86_ea(c, i), &out,
			       FX_XMM + fx_xmm_size(c));
}

static int fxrstor(struct x86_cpu *c, const struct x86_insn *i)
{
	struct x86_fxsave in;
	int r;

	if (!c->fpu_ready)
		return x86_fault(c, EXC_NM);
	r = fx_linear(c, i, sizeof in, 16, X86_READ);
	if (r == X86_OK)
		r = x86_load_bytes(c, i->seg, x86_ea(c, i), &in, sizeof in);
	if (r < 0)
		return r;
	if (in.mxcsr & ~MXCSR_VALID)
		return x86_gp0(c);
	fx_take_x87(c, i, &in);
	memcpy(c->fx.xmm, in.xmm, fx_xmm_size(c));
	c->fx.mxcsr = in.mxcsr;
	x86_fpu_loaded(c);
	return r;
}

/* --- XSAVE ------------------------------------------------------------------------ */

/* Checks common to the XSAVE family. SDM vol. 1 13.7 to 13.9. */
static int xsave_check(struct x86_cpu *c, const struct x86_insn *i,
		       enum x86_access access)
{
	if (!(c->cr4 & CR4_OSXSAVE))
		return x86_ud(c);
	if (c->cr0 & CR0_TS)
		return x86_fault(c, EXC_NM);
	return fx_linear(c, i, XSAVE_SIZE, 64, access);
}

/* The requested-feature bitmap. */
static u64 xsave_rfbm(const struct x86_cpu *c)
{
	u64 mask = (u32)c->gpr[REG_RAX] | c->gpr[REG_RDX] << 32;

	return mask & c->xcr0 & (XCR0_X87 | XCR0_SSE);
}

static bool all_zero(const u8 *p, unsigned n)
{
	u8 any = 0;

	while (n--)
		any |= *p++;
	return any == 0;
}

/* Which components differ from their initial configuration. SDM vol. 1 13.6. */
static u64 xsave_in_use(const struct x86_fxsave *fx, unsigned xmm_size)
{
	u64 used = 0;

	if (fx->fcw != X87_FCW_INIT || fx->fsw || fx->ftw || fx->fop ||
	    fx->fip || fx->fdp || x87_fcs(fx) || x87_fds(fx) || !all_zero(fx->st[0], sizeof fx->st))
		used |= XCR0_X87;
	if (!all_zero(fx->xmm[0], xmm_size))
		used |= XCR0_SSE;
	return used;
}

/* Writes the components in parts; MXCSR goes with SSE, in use or not. */
static int xsave_store(struct x86_cpu *c, const struct x86_insn *i,
		       const struct x86_fxsave *fx, u64 parts, bool mxcsr)
{
	const u8 *p = (const u8 *)fx;
	u64 off = x86_ea(c, i);
	int r = X86_OK;

	if (parts == (XCR0_X87 | XCR0_SSE) && mxcsr)
		return x86_store_bytes(c, i->seg, off, p, FX_XMM + fx_xmm_size(c));
	if (parts & XCR0_X87) {
		r = x86_store_bytes(c, i->seg, off, p, FX_MXCSR);
		if (r >= 0)
			r = x86_store_bytes(c, i->seg, off + FX_ST, p + FX_ST, 128);
	}
	if (r >= 0 && mxcsr)
		r = x86_store_bytes(c, i->seg, off + FX_MXCSR, p + FX_MXCSR, 8);
	if (r >= 0 && (parts & XCR0_SSE))
		r = x86_store_bytes(c, i->seg, off + FX_XMM, p + FX_XMM,
				    fx_xmm_size(c));
	return r;
}

static int xsave_common(struct x86_cpu *c, const struct x86_insn *i, bool opt)
{
	u64 rfbm = xsave_rfbm(c), off = x86_ea(c, i), bv = 0, used;
	int r = xsave_check(c, i, X86_WRITE), s;
	struct x86_fxsave fx;

	if (r)
		return r;
	r = x86_probe(c, i->seg, off, XSAVE_SIZE, X86_WRITE);
	if (r >= 0)
		r = x86_load64(c, i->seg, off + XSAVE_HEADER, &bv);
	if (r < 0)
		return r;
	fx_build(c, i, &fx);
	used = xsave_in_use(&c->fx, fx_xmm_size(c));
	r = xsave_store(c, i, &fx, opt ? rfbm & used : rfbm,
			(rfbm & XCR0_SSE) != 0);
	if (r < 0)
		return r;
	s = x86_store64(c, i->seg, off + XSAVE_HEADER, (bv & ~rfbm) | (used & rfbm));
	return s ? s : r;
}

static int xsave(struct x86_cpu *c, const struct x86_insn *i)
{
	return xsave_common(c, i, false);
}

static int xsaveopt(struct x86_cpu *c, const struct x86_insn *i)
{
	return xsave_common(c, i, true);
}

struct xsave_area {
	struct x86_fxsave fx;
	u64 bv, comp, reserved, more[5];
};

/* SDM vol. 1 13.8: what makes XRSTOR fault. */
static bool xrstor_bad(const struct x86_cpu *c, const struct xsave_area *in,
		       u64 rfbm)
{
	return (in->bv & ~c->xcr0) || in->comp || in->reserved ||
	       ((rfbm & XCR0_SSE) && (in->fx.mxcsr & ~MXCSR_VALID));
}

static int xrstor(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 rfbm = xsave_rfbm(c);
	int r = xsave_check(c, i, X86_READ);
	struct xsave_area in;

	if (r)
		return r;
	r = x86_load_bytes(c, i->seg, x86_ea(c, i), &in, XSAVE_SIZE);
	if (r < 0)
		return r;
	if (xrstor_bad(c, &in, rfbm))
		return x86_gp0(c);
	x86_fpu_sync(c); /* components not asked for stay */
	if (rfbm & XCR0_X87) {
		if (in.bv & XCR0_X87)
			fx_take_x87(c, i, &in.fx);
		else
			fpu_init_x87(&c->fx);
	}
	if (rfbm & XCR0_SSE) {
		c->fx.mxcsr = in.fx.mxcsr;
		if (in.bv & XCR0_SSE)
			memcpy(c->fx.xmm, in.fx.xmm, fx_xmm_size(c));
		else
			memset(c->fx.xmm, 0, fx_xmm_size(c));
	}
	x86_fpu_loaded(c);
	return r;
}

/* --- MXCSR ------------------------------------------------------------------------ */

static int ldmxcsr(struct x86_cpu *c, const struct x86_insn *i)
{
	u32 v = 0;
	int r;

	SSE_CHECK(c);
	r = x86_load32(c, i->seg, x86_ea(c, i), &v);
	if (r < 0)
		return r;
	if (v & ~MXCSR_VALID)
		return x86_gp0(c);
	fpu_mxcsr_set(c, v);
	return r;
}

static int stmxcsr(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	return x86_store32(c, i->seg, x86_ea(c, i), fpu_mxcsr(c));
}

/* 0F AE without a mandatory prefix; the rest of the group is not ours. */
x86_exec_fn fpu_bind_state(const struct x86_insn *i)
{
	static const x86_exec_fn group[8] = {
		fxsave, fxrstor, ldmxcsr, stmxcsr, xsave, xrstor, xsaveopt,
	};

	if (!(i->flags & X86_I_MEM))
		return NULL;
	return group[(i->modrm >> 3) & 7];
}
