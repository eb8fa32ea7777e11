/* SPDX-License-Identifier: Apache-2.0 */
/* Guest FPU state: between c->fx and the host's registers, and who may use it. */
#define FPU_SHARED_HERE
#include "fpu_internal.h"

void fpu_normalize(struct x86_fxsave *fx)
{
	/* SDM vol. 1 8.1.3: ES summarises the unmasked flags, B mirrors ES */
	fx->fcw = (u16)((fx->fcw & 0x1f3f) | 0x40);
	fx->fsw &= (u16)~(X87_FSW_ES | X87_FSW_B);
	if (fx->fsw & ~fx->fcw & X87_FLAGS)
		fx->fsw |= X87_FSW_ES | X87_FSW_B;
	for (unsigned n = 0; n < 8; n++)
		memset(fx->st[n] + 10, 0, 6);
	fx->fop &= 0x7ff;
	fx->mxcsr &= MXCSR_VALID;
	fx->mxcsr_mask = MXCSR_VALID;
	fx->pad0 = 0;
}

void x87_clear_pointers(struct x86_fxsave *fx)
{
	fx->fop = 0;
	fx->fip = 0;
	fx->fdp = 0;
	x87_set_fcs(fx, 0);
	x87_set_fds(fx, 0);
}

void fpu_init_x87(struct x86_fxsave *fx)
{
	fx->fcw = X87_FCW_INIT;
	fx->fsw = 0;
	fx->ftw = 0;
	x87_clear_pointers(fx);
	memset(fx->st, 0, sizeof fx->st);
}

u32 fpu_mxcsr(struct x86_cpu *c)
{
	if (c->mxcsr_live)
		c->fx.mxcsr |= fpu_get_mxcsr() & MXCSR_FLAGS;
	return c->fx.mxcsr;
}

void fpu_mxcsr_set(struct x86_cpu *c, u32 v)
{
	c->fx.mxcsr = v;
	if (c->mxcsr_live)
		fpu_set_mxcsr(v | MXCSR_MASKS);
}

/*
 * The live control word is the guest's own, unmasked exceptions included: the
 * x87 only reports one at the next waiting instruction, and x87_pending() is
 * asked before we run such a one.
 */
void x87_make_live(struct x86_cpu *c)
{
	struct x86_fxsave image;

	fpu_normalize(&c->fx);
	memset(&image, 0, sizeof image);
	image.fcw = c->fx.fcw;
	image.fsw = c->fx.fsw;
	image.ftw = c->fx.ftw;
	image.mxcsr = fpu_get_mxcsr();
	memcpy(image.st, c->fx.st, sizeof image.st);
	__asm__ volatile("fxrstor64 %0" : : "m"(image)
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
			   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
			   "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	c->x87_live = 1;
}

/* FIP, FDP and FOP are the host's there: only the guest's, kept by x87_note in
 * c->fx, count. */
static void x87_take(struct x86_cpu *c)
{
	struct x86_fxsave image;

	__asm__ volatile("fxsave64 %0\n\tfninit" : "=m"(image) : : "memory");
	c->fx.fsw = image.fsw;
	c->fx.ftw = image.ftw;
	for (unsigned n = 0; n < 8; n++)
		memcpy(c->fx.st[n], image.st[n], 10);
	c->x87_live = 0;
}

bool x87_pending(struct x86_cpu *c)
{
	u16 fsw;

	if (likely((c->fx.fcw & X87_FLAGS) == X87_FLAGS))
		return false;
	fsw = c->x87_live ? fpu_get_fsw() : c->fx.fsw;
	return (fsw & ~c->fx.fcw & X87_FLAGS) != 0;
}

/*
 * With CR0.NE clear the CPU asserts FERR# and waits in front of the instruction for
 * an interrupt: on a PC, the one that FERR# makes (SDM vol. 1 D.2.1.1; vol. 3A 2.5).
 */
int x87_raise(struct x86_cpu *c)
{
	if ((c->cr0 & CR0_NE) || !c->env->fpu_error)
		return x86_fault(c, EXC_MF);
	c->env->fpu_error(c);
	c->rip -= c->insn->len;
	return X86_HALT;
}

void x86_fpu_enter(struct x86_cpu *c)
{
	if (c->mxcsr_live)
		return;
	c->host_mxcsr = fpu_get_mxcsr();
	fpu_set_mxcsr((c->fx.mxcsr & MXCSR_VALID) | MXCSR_MASKS);
	c->mxcsr_live = 1;
}

void x86_fpu_leave(struct x86_cpu *c)
{
	x86_fpu_sync(c);
	if (!c->mxcsr_live)
		return;
	fpu_set_mxcsr(c->host_mxcsr);
	c->mxcsr_live = 0;
}

void x86_fpu_sync(struct x86_cpu *c)
{
	if (c->x87_live)
		x87_take(c);
	fpu_mxcsr(c);
}

void x86_fpu_loaded(struct x86_cpu *c)
{
	if (c->x87_live) {
		__asm__ volatile("fninit" : : : "memory");
		c->x87_live = 0;
	}
	fpu_normalize(&c->fx);
	fpu_mxcsr_set(c, c->fx.mxcsr);
}

/* INIT leaves the x87, MMX and SSE state as it was. SDM vol. 3A table 9-1. */
void x86_fpu_reset(struct x86_cpu *c, bool init)
{
	if (init)
		return;
	memset(&c->fx, 0, sizeof c->fx);
	c->fx.fcw = 0x37f; /* as arch_state_reset: what firmware leaves */
	c->fx.mxcsr = MXCSR_RESET;
	x86_fpu_loaded(c);
}

int sse_unavailable(struct x86_cpu *c)
{
	if ((c->cr0 & CR0_EM) || !(c->cr4 & CR4_OSFXSR))
		return x86_ud(c);
	return x86_fault(c, EXC_NM);
}

#ifdef X86_SMALL
int sse_exec_memory(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw,
		    unsigned size, bool align, enum sse_fp fp)
{
	SSE_CHECK(c);
	return sse_exec_mem_slow(c, i, raw, size, align, fp);
}
#endif

int sse_source(struct x86_cpu *c, const struct x86_insn *i, unsigned size, bool align,
	       void *buf, const void **src)
{
	SSE_CHECK(c);
	*src = sse_reg(c, i->rm);
	return i->flags & X86_I_MEM ? sse_operand(c, i, size, align, buf, src) : X86_OK;
}

int FPU_COLD sse_exec_mem_slow(struct x86_cpu *c, const struct x86_insn *i,
			       sse_raw raw, unsigned size, bool align,
			       enum sse_fp fp)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src;
	int r, done = sse_operand(c, i, size, align, buf, &src);

	if (done < 0)
		return done;
	r = sse_run(c, raw, sse_reg(c, i->reg), src, fp);
	return r ? r : done;
}

int FPU_COLD sse_store16_slow(struct x86_cpu *c, const struct x86_insn *i,
			      bool align, const void *src)
{
	u64 off = x86_ea(c, i), lin;
	int r = x86_linear(c, i->seg, off, 16, X86_WRITE, &lin);

	if (r)
		return r;
	if (align && (lin & 15))
		return x86_gp0(c);
	return x86_store_bytes(c, i->seg, off, src, 16);
}

static unsigned sse_prefix(const struct x86_insn *i)
{
	if (i->flags & X86_I_REP)
		return PFX_F3;
	if (i->flags & X86_I_REPNE)
		return PFX_F2;
	return i->flags & X86_I_OPSIZE ? PFX_66 : PFX_NP;
}

#ifdef X86_SMALL
static const struct sse_op *sse_op_of(const struct x86_insn *i)
{
	unsigned map = i->key >> 8, pfx = sse_prefix(i);
	const struct sse_op *o = sse_op_fp(map, pfx, (u8)i->key);

	return o ? o : sse_op_int(map, pfx, (u8)i->key);
}

int sse_op_reg(struct x86_cpu *c, const struct x86_insn *i)
{
	const struct sse_op *o = sse_op_of(i);

	return sse_exec_reg(c, i, o->raw, o->fp);
}

int sse_op_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	const struct sse_op *o = sse_op_of(i);

	return sse_exec_memory(c, i, o->raw, o->size, o->align, o->fp);
}
#endif

x86_exec_fn x86_bind_fpu(const struct x86_insn *i, unsigned mode)
{
	unsigned map = i->key >> 8, pfx = sse_prefix(i);
	enum sse_form form = !(i->flags & X86_I_MEM) ? SSE_REG :
			     sse_plain(i, mode)	      ? SSE_PLAIN : SSE_MEM;
	u8 op = (u8)i->key;
	x86_exec_fn fn;

	if (i->flags & X86_I_VEX)
		return NULL;
	if (map == X86_MAP_1)
		return x87_bind(i);
	if (i->key == X86_KEY(X86_MAP_0F, 0xae))
		return pfx == PFX_NP ? fpu_bind_state(i) : NULL;
	if ((fn = sse_bind_move(map, pfx, op, form)) != NULL ||
	    (fn = sse_bind_fp(map, pfx, op, form)) != NULL ||
	    (fn = sse_bind_int(map, pfx, op, form)) != NULL ||
	    (fn = sse_bind_imm(map, pfx, op, form)) != NULL ||
	    (pfx == PFX_66 && (fn = sse_bind_shift(i)) != NULL) ||
	    (fn = sse_bind_cvt(i, pfx)) != NULL ||
	    (fn = mmx_bind(i, pfx)) != NULL)
		return fn;
	return mmx_bind_mixed(i, pfx);
}
