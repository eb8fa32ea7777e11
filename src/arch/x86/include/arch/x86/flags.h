/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lazy arithmetic flags. An instruction leaves three words; a flag is computed
 * from them only when somebody looks, and without a branch.
 *
 *   ZF = lf_res == 0                    (lf_res: result, sign-extended to 64)
 *   SF = bit 63 of (lf_res ^ lf_aux)
 *   PF = even parity of the low byte of (lf_res ^ lf_aux >> 8)
 *   AF = bit 4 of lf_aux
 *   CF = bit 63 of lf_cv
 *   OF = bit 63 ^ bit 62 of lf_cv
 *
 * lf_cv is the vector of carries (borrows) out of each bit position of the
 * addition (subtraction), moved up so that the operand's top bit is bit 63.
 */
#ifndef ARCH_X86_FLAGS_H
#define ARCH_X86_FLAGS_H

#include <arch/x86/cpu.h>

static inline bool x86_cf(const struct x86_cpu *c)
{
	return c->lf_cv >> 63;
}
static inline bool x86_of(const struct x86_cpu *c)
{
	return (c->lf_cv ^ (c->lf_cv << 1)) >> 63;
}
static inline bool x86_zf(const struct x86_cpu *c)
{
	return c->lf_res == 0;
}
static inline bool x86_sf(const struct x86_cpu *c)
{
	return (c->lf_res ^ c->lf_aux) >> 63;
}
static inline bool x86_af(const struct x86_cpu *c)
{
	return (c->lf_aux >> 4) & 1;
}
static inline bool x86_pf(const struct x86_cpu *c)
{
	return !__builtin_parity((unsigned)(c->lf_res ^ (c->lf_aux >> 8)) & 0xff);
}

/* The whole RFLAGS. */
static inline u64 x86_flags_get(const struct x86_cpu *c)
{
	return c->rflags | (x86_cf(c) ? FL_CF : 0) | (x86_pf(c) ? FL_PF : 0) |
	       (x86_af(c) ? FL_AF : 0) | (x86_zf(c) ? FL_ZF : 0) |
	       (x86_sf(c) ? FL_SF : 0) | (x86_of(c) ? FL_OF : 0);
}

/* Sets only the six arithmetic flags, from an RFLAGS image. */
static inline void x86_flags_set_arith(struct x86_cpu *c, u64 fl)
{
	u64 cf = fl & 1, of = (fl >> 11) & 1;

	c->lf_res = (fl & FL_ZF) ? 0 : 0x100;
	c->lf_cv = cf << 63 | (cf ^ of) << 62;
	c->lf_aux = (fl & FL_AF) | ((fl & FL_PF) ? 0 : (u64)1 << 8) |
		    ((fl >> 7) & 1) << 63;
}

/* Sets all of RFLAGS: no permission checks, no x86_update_mode. */
static inline void x86_flags_set(struct x86_cpu *c, u64 fl)
{
	x86_flags_set_arith(c, fl);
	c->rflags = (fl & ~(u64)FL_ARITH) | FL_ONE;
}

/* bits: 8, 16, 32, 64 (a constant at each call); a, b, res zero-extended. */
static inline void x86_flags_add(struct x86_cpu *c, unsigned bits, u64 a, u64 b,
				 u64 res)
{
	c->lf_res = bits_sign_extend(res, bits);
	c->lf_cv = ((a & b) | ((a | b) & ~res)) << (64 - bits);
	c->lf_aux = (a ^ b ^ res) & 0x10;
}
static inline void x86_flags_sub(struct x86_cpu *c, unsigned bits, u64 a, u64 b,
				 u64 res)
{
	c->lf_res = bits_sign_extend(res, bits);
	c->lf_cv = ((~a & b) | ((~a | b) & res)) << (64 - bits);
	c->lf_aux = (a ^ b ^ res) & 0x10;
}
/* AND, OR, XOR, TEST: CF = OF = AF = 0. */
static inline void x86_flags_logic(struct x86_cpu *c, unsigned bits, u64 res)
{
	c->lf_res = bits_sign_extend(res, bits);
	c->lf_cv = 0;
	c->lf_aux = 0;
}
/* After another setter: force CF and OF. */
static inline void x86_flags_cf_of(struct x86_cpu *c, bool cf, bool of)
{
	c->lf_cv = (u64)cf << 63 | (u64)(cf ^ of) << 62;
}

/* Condition code 0..15 as in Jcc's low four opcode bits. */
static inline bool x86_cond(const struct x86_cpu *c, unsigned cc)
{
	bool r;

	switch (cc >> 1) {
	case 0: r = x86_of(c); break;
	case 1: r = x86_cf(c); break;
	case 2: r = x86_zf(c); break;
	case 3: r = x86_cf(c) || x86_zf(c); break;
	case 4: r = x86_sf(c); break;
	case 5: r = x86_pf(c); break;
	case 6: r = x86_sf(c) != x86_of(c); break;
	default: r = x86_zf(c) || x86_sf(c) != x86_of(c); break;
	}
	return r ^ (cc & 1);
}

#endif
