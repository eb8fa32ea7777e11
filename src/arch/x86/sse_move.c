/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSE moves between XMM registers, memory and general registers. A register is
 * always written with one 16-byte store, so that the next instruction's
 * 16-byte load of it is forwarded from the store buffer.
 */
#include "fpu_internal.h"

FPU_INLINE void set_low(struct x86_cpu *c, unsigned reg, u64 low)
{
	*(sse_v *)sse_reg(c, reg) = (sse_v){ low, 0 };
}

FPU_INLINE u64 get_half(struct x86_cpu *c, unsigned reg, unsigned half)
{
	return ((const sse_v *)sse_reg(c, reg))[0][half];
}

/* The other half stays. */
FPU_INLINE void set_half(struct x86_cpu *c, unsigned reg, unsigned half, u64 v)
{
	sse_v *p = sse_reg(c, reg);

	*p = half ? (sse_v){ (*p)[0], v } : (sse_v){ v, (*p)[1] };
}

/* --- 16 bytes --------------------------------------------------------------- */

static int mov16_r(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	*(sse_v *)sse_reg(c, i->reg) = *(const sse_v *)sse_reg(c, i->rm);
	return x86_chain(c, i, X86_OK);
}

static int mov16_rev(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	*(sse_v *)sse_reg(c, i->rm) = *(const sse_v *)sse_reg(c, i->reg);
	return x86_chain(c, i, X86_OK);
}

static int FPU_COLD load16_slow(struct x86_cpu *c, const struct x86_insn *i,
				bool align)
{
	u8 buf[16] __attribute__((aligned(16)));
	const void *src;
	int r = sse_operand(c, i, 16, align, buf, &src);

	if (r >= 0)
		*(sse_v *)sse_reg(c, i->reg) = *(const sse_vu *)src;
	return r;
}

/* The operand's host address, or NULL for the slow path; plain: see sse_plain. */
FPU_INLINE void *fast(const struct x86_cpu *c, const struct x86_insn *i, unsigned size,
		      enum x86_access access, bool align, bool plain)
{
#ifndef X86_SMALL
	if (plain)
		return fpu_fast_plain(c, i, size, access, align);
#endif
	(void)plain;
	return fpu_fast(c, i, size, access, align);
}

FPU_INLINE int load16(struct x86_cpu *c, const struct x86_insn *i, bool align,
		      bool plain)
{
	const void *src;

	SSE_CHECK(c);
	src = fast(c, i, 16, X86_READ, align, plain);
	if (unlikely(!src))
		return load16_slow(c, i, align);
	*(sse_v *)sse_reg(c, i->reg) = *(const sse_vu *)src;
	return x86_chain(c, i, X86_OK);
}

FPU_INLINE int store16(struct x86_cpu *c, const struct x86_insn *i, bool align,
		       bool plain)
{
	void *p;

	SSE_CHECK(c);
	p = fast(c, i, 16, X86_WRITE, align, plain);
	if (unlikely(!p))
		return sse_store16_slow(c, i, align, sse_reg(c, i->reg));
	*(sse_vu *)p = *(const sse_v *)sse_reg(c, i->reg);
	return x86_chain(c, i, X86_OK);
}

/* Both memory forms of a move: name, and name_plain. */
#ifdef X86_SMALL
#define MOVE(name, expr_of_plain)                                              \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		const bool plain = false;                                      \
									       \
		return expr_of_plain;                                          \
	}
#define MOVES(r, name) { .reg = r, .mem = name }
#else
#define MOVE(name, expr_of_plain)                                              \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		const bool plain = false;                                      \
									       \
		return expr_of_plain;                                          \
	}                                                                      \
	static int name##_plain(struct x86_cpu *c, const struct x86_insn *i)   \
	{                                                                      \
		const bool plain = true;                                       \
									       \
		return expr_of_plain;                                          \
	}
#define MOVES(r, name) { r, name, name##_plain }
#endif

MOVE(load16_aligned, load16(c, i, true, plain))
MOVE(load16_any, load16(c, i, false, plain))
MOVE(store16_aligned, store16(c, i, true, plain))
MOVE(store16_any, store16(c, i, false, plain))

/* --- MOVSS, MOVSD, MOVQ, MOVD ------------------------------------------------ */

/* Not in one page of cached RAM. */
static int FPU_COLD load_low_slow(struct x86_cpu *c, const struct x86_insn *i,
				  unsigned size)
{
	u64 v = 0;
	int r = x86_load(c, i->seg, x86_ea(c, i), size, &v);

	if (r >= 0)
		set_low(c, i->reg, v);
	return r;
}

static int FPU_COLD store_half_slow(struct x86_cpu *c, const struct x86_insn *i,
				    unsigned size, unsigned half)
{
	return x86_store(c, i->seg, x86_ea(c, i), size,
			 get_half(c, i->reg, half) & bits_mask(8 * size));
}

FPU_INLINE int load_4(struct x86_cpu *c, const struct x86_insn *i, bool plain)
{
	const x86_u32u *p;

	SSE_CHECK(c);
	p = fast(c, i, 4, X86_READ, false, plain);
	if (unlikely(!p))
		return load_low_slow(c, i, 4);
	set_low(c, i->reg, *p);
	return x86_chain(c, i, X86_OK);
}

FPU_INLINE int load_8(struct x86_cpu *c, const struct x86_insn *i, bool plain)
{
	const x86_u64u *p;

	SSE_CHECK(c);
	p = fast(c, i, 8, X86_READ, false, plain);
	if (unlikely(!p))
		return load_low_slow(c, i, 8);
	set_low(c, i->reg, *p);
	return x86_chain(c, i, X86_OK);
}

FPU_INLINE int store_4(struct x86_cpu *c, const struct x86_insn *i, bool plain)
{
	x86_u32u *p;

	SSE_CHECK(c);
	p = fast(c, i, 4, X86_WRITE, false, plain);
	if (unlikely(!p))
		return store_half_slow(c, i, 4, 0);
	*p = (u32)get_half(c, i->reg, 0);
	return x86_chain(c, i, X86_OK);
}

FPU_INLINE int store_half(struct x86_cpu *c, const struct x86_insn *i,
			  unsigned half, bool plain)
{
	x86_u64u *p;

	SSE_CHECK(c);
	p = fast(c, i, 8, X86_WRITE, false, plain);
	if (unlikely(!p))
		return store_half_slow(c, i, 8, half);
	*p = get_half(c, i->reg, half);
	return x86_chain(c, i, X86_OK);
}

MOVE(load4, load_4(c, i, plain))
MOVE(load8, load_8(c, i, plain))
MOVE(store4, store_4(c, i, plain))
MOVE(store8, store_half(c, i, 0, plain))

FPU_INLINE int merge4(struct x86_cpu *c, const struct x86_insn *i, unsigned dst,
		      unsigned src)
{
	u64 low = get_half(c, dst, 0);

	SSE_CHECK(c);
	low = (low & ~(u64)0xffffffff) | (u32)get_half(c, src, 0);
	set_half(c, dst, 0, low);
	return x86_chain(c, i, X86_OK);
}

static int movss_r(struct x86_cpu *c, const struct x86_insn *i)
{
	return merge4(c, i, i->reg, i->rm);
}

static int movss_rev(struct x86_cpu *c, const struct x86_insn *i)
{
	return merge4(c, i, i->rm, i->reg);
}

static int movsd_r(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	set_half(c, i->reg, 0, get_half(c, i->rm, 0));
	return x86_chain(c, i, X86_OK);
}

static int movsd_rev(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	set_half(c, i->rm, 0, get_half(c, i->reg, 0));
	return x86_chain(c, i, X86_OK);
}

static int movq_r(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	set_low(c, i->reg, get_half(c, i->rm, 0));
	return x86_chain(c, i, X86_OK);
}

static int movq_rev(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	set_low(c, i->rm, get_half(c, i->reg, 0));
	return x86_chain(c, i, X86_OK);
}

/* 66 0F 6E and 7E: 64 bits with REX.W, else 32. */
static int movd_from_gpr(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = c->gpr[i->rm];

	SSE_CHECK(c);
	set_low(c, i->reg, i->opsize == 8 ? v : (u32)v);
	return x86_chain(c, i, X86_OK);
}

static int movd_from_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	return i->opsize == 8 ? load8(c, i) : load4(c, i);
}

static int movd_to_gpr(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = get_half(c, i->reg, 0);

	SSE_CHECK(c);
	c->gpr[i->rm] = i->opsize == 8 ? v : (u32)v;
	return x86_chain(c, i, X86_OK);
}

static int movd_to_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	return i->opsize == 8 ? store8(c, i) : store4(c, i);
}

/* --- halves ------------------------------------------------------------------ */

static int FPU_COLD load_half_slow(struct x86_cpu *c, const struct x86_insn *i,
				   unsigned half)
{
	u64 v = 0;
	int r = x86_load64(c, i->seg, x86_ea(c, i), &v);

	if (r >= 0)
		set_half(c, i->reg, half, v);
	return r;
}

FPU_INLINE int load_half(struct x86_cpu *c, const struct x86_insn *i,
			 unsigned half)
{
	const x86_u64u *p;

	SSE_CHECK(c);
	p = fpu_fast(c, i, 8, X86_READ, false);
	if (unlikely(!p))
		return load_half_slow(c, i, half);
	set_half(c, i->reg, half, *p);
	return X86_OK;
}

static int movlp_load(struct x86_cpu *c, const struct x86_insn *i)
{
	return load_half(c, i, 0);
}

static int movhp_load(struct x86_cpu *c, const struct x86_insn *i)
{
	return load_half(c, i, 1);
}

static int movhp_store(struct x86_cpu *c, const struct x86_insn *i)
{
	return store_half(c, i, 1, false);
}

static int movhlps(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	set_half(c, i->reg, 0, get_half(c, i->rm, 1));
	return x86_chain(c, i, X86_OK);
}

static int movlhps(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	set_half(c, i->reg, 1, get_half(c, i->rm, 0));
	return x86_chain(c, i, X86_OK);
}

/* --- masks -------------------------------------------------------------------- */

#define MASK_OP(name)                                                          \
	static int name##_r(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		u32 v;                                                         \
									       \
		SSE_CHECK(c);                                                  \
		__asm__ volatile("movaps %1, %%xmm0\n\t" #name " %%xmm0, %0"   \
				 : "=r"(v)                                     \
				 : "m"(*(const sse_v *)sse_reg(c, i->rm))      \
				 : "xmm0");                                    \
		c->gpr[i->reg] = v;                                            \
		return x86_chain(c, i, X86_OK);                                \
	}

MASK_OP(movmskps)
MASK_OP(movmskpd)
MASK_OP(pmovmskb)

/* --- one element -------------------------------------------------------------- */

/* Byte offset of the element of size bytes that the immediate chooses. */
FPU_INLINE unsigned element(const struct x86_insn *i, unsigned size)
{
	return ((unsigned)i->imm * size) & 15;
}

FPU_INLINE u64 get_element(const u8 *p, unsigned size)
{
	switch (size) {
	case 1: return *p;
	case 2: return get_le16(p);
	case 4: return get_le32(p);
	default: return get_le64(p);
	}
}

FPU_INLINE int extract(struct x86_cpu *c, const struct x86_insn *i, unsigned size)
{
	u64 v = get_element(c->fx.xmm[i->reg] + element(i, size), size);

	SSE_CHECK(c);
	if (i->flags & X86_I_MEM)
		return x86_store(c, i->seg, x86_ea(c, i), size, v);
	c->gpr[i->rm] = v;
	return X86_OK;
}

static int pextrb(struct x86_cpu *c, const struct x86_insn *i)
{
	return extract(c, i, 1);
}

static int pextrw(struct x86_cpu *c, const struct x86_insn *i)
{
	return extract(c, i, 2);
}

/* 66 0F C5: the general register is ModRM.reg */
static int pextrw_c5(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	c->gpr[i->reg] = get_element(c->fx.xmm[i->rm] + element(i, 2), 2);
	return x86_chain(c, i, X86_OK);
}

static int pextrd(struct x86_cpu *c, const struct x86_insn *i)
{
	return extract(c, i, i->opsize == 8 ? 8 : 4);
}

static int extractps(struct x86_cpu *c, const struct x86_insn *i)
{
	return extract(c, i, 4);
}

FPU_INLINE int insert(struct x86_cpu *c, const struct x86_insn *i, unsigned size)
{
	u8 *p = c->fx.xmm[i->reg] + element(i, size);
	u64 v = c->gpr[i->rm];
	int r = X86_OK;

	SSE_CHECK(c);
	if (i->flags & X86_I_MEM)
		r = x86_load(c, i->seg, x86_ea(c, i), size, &v);
	if (r >= 0)
		memcpy(p, &v, size);
	return r;
}

static int pinsrb(struct x86_cpu *c, const struct x86_insn *i)
{
	return insert(c, i, 1);
}

static int pinsrw(struct x86_cpu *c, const struct x86_insn *i)
{
	return insert(c, i, 2);
}

static int pinsrd(struct x86_cpu *c, const struct x86_insn *i)
{
	return i->opsize == 8 ? insert(c, i, 8) : insert(c, i, 4);
}

/* --- MASKMOVDQU, also MASKMOVQ's store ------------------------------------------ */

int sse_masked_store(struct x86_cpu *c, const struct x86_insn *i, const u8 *data,
		     const u8 *mask, unsigned size)
{
	u64 di = c->gpr[REG_RDI], cut = bits_mask(i->addrsize * 8u);
	int r = X86_OK, done = X86_OK;

	for (unsigned n = 0; n < size && r >= 0; n++)
		if (mask[n] & 0x80)
			r = x86_probe(c, i->seg, (di + n) & cut, 1, X86_WRITE);
	for (unsigned n = 0; n < size && r >= 0; n++) {
		if (!(mask[n] & 0x80))
			continue;
		r = x86_store8(c, i->seg, (di + n) & cut, data[n]);
		if (r > 0)
			done = r;
	}
	return r < 0 ? r : done;
}

static int maskmovdqu(struct x86_cpu *c, const struct x86_insn *i)
{
	SSE_CHECK(c);
	return sse_masked_store(c, i, sse_reg(c, i->reg), sse_reg(c, i->rm), 16);
}

/* --- binding ---------------------------------------------------------------------- */

static const struct sse_entry map_0f[PFX_COUNT][256] = {
	[PFX_NP] = {
		[0x10] = MOVES(mov16_r, load16_any),
		[0x11] = MOVES(mov16_rev, store16_any),
		[0x12] = { .reg = movhlps, .mem = movlp_load },
		[0x13] = MOVES(NULL, store8),
		[0x16] = { .reg = movlhps, .mem = movhp_load },
		[0x17] = { .reg = NULL, .mem = movhp_store },
		[0x28] = MOVES(mov16_r, load16_aligned),
		[0x29] = MOVES(mov16_rev, store16_aligned),
		[0x2b] = MOVES(NULL, store16_aligned),
		[0x50] = { .reg = movmskps_r, .mem = NULL },
	},
	[PFX_66] = {
		[0x10] = MOVES(mov16_r, load16_any),
		[0x11] = MOVES(mov16_rev, store16_any),
		[0x12] = { .reg = NULL, .mem = movlp_load },
		[0x13] = MOVES(NULL, store8),
		[0x16] = { .reg = NULL, .mem = movhp_load },
		[0x17] = { .reg = NULL, .mem = movhp_store },
		[0x28] = MOVES(mov16_r, load16_aligned),
		[0x29] = MOVES(mov16_rev, store16_aligned),
		[0x2b] = MOVES(NULL, store16_aligned),
		[0x50] = { .reg = movmskpd_r, .mem = NULL },
		[0x6e] = { .reg = movd_from_gpr, .mem = movd_from_mem },
		[0x6f] = MOVES(mov16_r, load16_aligned),
		[0x7e] = { .reg = movd_to_gpr, .mem = movd_to_mem },
		[0x7f] = MOVES(mov16_rev, store16_aligned),
		[0xc4] = { .reg = pinsrw, .mem = pinsrw },
		[0xc5] = { .reg = pextrw_c5, .mem = NULL },
		[0xd6] = MOVES(movq_rev, store8),
		[0xd7] = { .reg = pmovmskb_r, .mem = NULL },
		[0xe7] = MOVES(NULL, store16_aligned),
		[0xf7] = { .reg = maskmovdqu, .mem = NULL },
	},
	[PFX_F3] = {
		[0x10] = MOVES(movss_r, load4),
		[0x11] = MOVES(movss_rev, store4),
		[0x6f] = MOVES(mov16_r, load16_any),
		[0x7e] = MOVES(movq_r, load8),
		[0x7f] = MOVES(mov16_rev, store16_any),
	},
	[PFX_F2] = {
		[0x10] = MOVES(movsd_r, load8),
		[0x11] = MOVES(movsd_rev, store8),
		[0xf0] = MOVES(NULL, load16_any),
	},
};

static x86_exec_fn bind_0f3a(u8 op)
{
	switch (op) {
	case 0x14: return pextrb;
	case 0x15: return pextrw;
	case 0x16: return pextrd;
	case 0x17: return extractps;
	case 0x20: return pinsrb;
	case 0x22: return pinsrd;
	default: return NULL;
	}
}

x86_exec_fn sse_bind_move(unsigned map, unsigned pfx, u8 op, enum sse_form form)
{
	if (map == X86_MAP_0F)
		return sse_pick(&map_0f[pfx][op], form);
	if (pfx != PFX_66)
		return NULL;
	if (map == X86_MAP_0F3A)
		return bind_0f3a(op);
	return map == X86_MAP_0F38 && op == 0x2a && form != SSE_REG ? load16_aligned : NULL;
}
