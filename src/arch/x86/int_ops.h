/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two-operand integer operations, each once: value in, value out, flags as
 * SDM vol. 2 says; and read-modify-write of memory by any of them.
 * a, b and results are zero-extended from `bits`.
 */
#ifndef ARCH_X86_INT_OPS_H
#define ARCH_X86_INT_OPS_H

#include "int.h"

/* The first eight as in the opcode's bits 5:3. */
enum int_op {
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP,
	OP_INC, OP_DEC, OP_NEG, OP_NOT, OP_XCHG, OP_BT, OP_BTS, OP_BTR, OP_BTC
};

INLINE u64 op_add(struct x86_cpu *c, unsigned bits, u64 a, u64 b, bool carry)
{
	u64 res = int_trunc(a + b + carry, bits);

	x86_flags_add(c, bits, a, b, res);
	return res;
}

INLINE u64 op_sub(struct x86_cpu *c, unsigned bits, u64 a, u64 b, bool borrow)
{
	u64 res = int_trunc(a - b - borrow, bits);

	x86_flags_sub(c, bits, a, b, res);
	return res;
}

INLINE u64 op_logic(struct x86_cpu *c, unsigned bits, u64 res)
{
	x86_flags_logic(c, bits, res);
	return res;
}

/* INC and DEC keep CF: lf_cv gets it back, and OF from the sign that flipped. */
INLINE void int_flags_step(struct x86_cpu *c, unsigned bits, u64 a, u64 res,
			   u64 overflow)
{
	u64 cf = c->lf_cv & BIT(63), of = (overflow << (64 - bits)) & BIT(63);

	c->lf_res = bits_sign_extend(res, bits);
	c->lf_cv = cf | (cf ^ of) >> 1;
	c->lf_aux = (a ^ 1 ^ res) & 0x10;
}

INLINE u64 op_inc(struct x86_cpu *c, unsigned bits, u64 a)
{
	u64 res = int_trunc(a + 1, bits);

	int_flags_step(c, bits, a, res, ~a & res);
	return res;
}

INLINE u64 op_dec(struct x86_cpu *c, unsigned bits, u64 a)
{
	u64 res = int_trunc(a - 1, bits);

	int_flags_step(c, bits, a, res, a & ~res);
	return res;
}

/* CF alone changes. */
INLINE void int_set_cf(struct x86_cpu *c, bool cf)
{
	x86_flags_cf_of(c, cf, x86_of(c));
}

/* ZF alone changes: SF and PF move from lf_res into lf_aux (flags.h). */
INLINE void int_set_zf(struct x86_cpu *c, bool zf)
{
	c->lf_aux ^= (c->lf_res & BIT(63)) | (c->lf_res & 0xff) << 8;
	c->lf_res = zf ? 0 : 0x100;
}

/* b is a bit number below `bits`. */
INLINE u64 op_bit(struct x86_cpu *c, enum int_op op, u64 a, u64 b)
{
	u64 bit = BIT(b);

	int_set_cf(c, (a & bit) != 0);
	return op == OP_BTS ? a | bit : op == OP_BTR ? a & ~bit :
	       op == OP_BTC ? a ^ bit : a;
}

INLINE u64 int_op(struct x86_cpu *c, unsigned bits, enum int_op op, u64 a, u64 b)
{
	switch (op) {
	case OP_ADD: return op_add(c, bits, a, b, false);
	case OP_OR: return op_logic(c, bits, a | b);
	case OP_ADC: return op_add(c, bits, a, b, x86_cf(c));
	case OP_SBB: return op_sub(c, bits, a, b, x86_cf(c));
	case OP_AND: return op_logic(c, bits, a & b);
	case OP_SUB:
	case OP_CMP: return op_sub(c, bits, a, b, false);
	case OP_XOR: return op_logic(c, bits, a ^ b);
	case OP_INC: return op_inc(c, bits, a);
	case OP_DEC: return op_dec(c, bits, a);
	case OP_NEG: return op_sub(c, bits, 0, a, false);
	case OP_NOT: return int_trunc(~a, bits);
	case OP_XCHG: return b;
	default: return op_bit(c, op, a, b);
	}
}

/* Two results that are not faults: the one the run loop must see. */
INLINE int int_worse(int first, int second)
{
	return second ? second : first;
}

/* Compare and exchange without a call where the host can do it directly. */
INLINE int int_cas(struct x86_cpu *c, struct x86_rmw *m, unsigned bits,
		   u64 *seen, u64 want, bool *done)
{
#define CAS(n)                                                                 \
	{                                                                      \
		u##n old = (u##n)*seen;                                        \
		*done = __atomic_compare_exchange_n((u##n *)(void *)m->ptr,    \
						    &old, (u##n)want, false,   \
						    __ATOMIC_SEQ_CST,          \
						    __ATOMIC_SEQ_CST);         \
		*seen = old;                                                   \
		return X86_OK;                                                 \
	}
	if (unlikely(!m->ptr || m->code || ((uintptr_t)m->ptr & (bits / 8 - 1))))
		return x86_rmw_cas(c, m, seen, want, done);
	switch (bits) {
	case 8: CAS(8)
	case 16: CAS(16)
	case 32: CAS(32)
	default: CAS(64)
	}
#undef CAS
}

/* LOCKed, at seg:offset. *old is the value replaced. */
INLINE int int_rmw_locked(struct x86_cpu *c, unsigned bits, unsigned seg,
			  u64 offset, enum int_op op, u64 b, u64 *old)
{
	u64 cv = c->lf_cv;
	struct x86_rmw m;
	bool done = false;
	int r = x86_rmw_open(c, seg, offset, bits / 8, &m), w;

	if (r < 0)
		return r;
	r = x86_rmw_read(c, &m, old);
	if (r < 0)
		return r;
	for (;;) {
		u64 seen = *old;

		c->lf_cv = cv; /* CF goes into each attempt as it was */
		w = int_cas(c, &m, bits, &seen, int_op(c, bits, op, *old, b),
			    &done);
		if (w < 0 || done)
			return int_worse(r, w);
		*old = seen;
	}
}

/* Without LOCK. */
INLINE int int_rmw_plain(struct x86_cpu *c, unsigned bits, unsigned seg,
			 u64 offset, enum int_op op, u64 b, u64 *old)
{
	struct x86_rmw m;
	int r = x86_rmw_open(c, seg, offset, bits / 8, &m);

	if (r < 0)
		return r;
	r = x86_rmw_read(c, &m, old);
	if (r < 0)
		return r;
	return int_worse(r, x86_rmw_write(c, &m, int_op(c, bits, op, *old, b)));
}

/* The ModRM memory operand; p as in int_load. */
INLINE int int_rmw(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   enum int_op op, void *p, u64 b)
{
	u64 old;

	if (p) {
		int_poke(p, bits, int_op(c, bits, op, int_peek(p, bits), b));
		return X86_OK;
	}
	return int_rmw_plain(c, bits, i->seg, x86_ea(c, i), op, b, &old);
}

INLINE int int_rmw_lock(struct x86_cpu *c, const struct x86_insn *i,
			unsigned bits, enum int_op op, u64 b)
{
	u64 old;

	return int_rmw_locked(c, bits, i->seg, x86_ea(c, i), op, b, &old);
}

#endif
