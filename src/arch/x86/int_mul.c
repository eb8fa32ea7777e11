/* SPDX-License-Identifier: Apache-2.0 */
/* MUL IMUL DIV IDIV. SDM vol. 2. Undefined flags: MUL sets SF, ZF, PF from the
 * low half, DIV leaves all alone. */
#include "int.h"

typedef unsigned __int128 u128;
typedef __int128 s128;

/* --- double-width accumulator: AX, DX:AX, EDX:EAX, RDX:RAX ------------------ */

INLINE u128 mul_acc(const struct x86_cpu *c, unsigned bits)
{
	if (bits == 8)
		return int_gpr(c, 16, REG_RAX);
	return (u128)int_gpr(c, bits, REG_RDX) << bits | int_gpr(c, bits, REG_RAX);
}

INLINE void mul_set_acc(struct x86_cpu *c, unsigned bits, u64 high, u64 low)
{
	if (bits == 8) {
		int_put_gpr(c, 16, REG_RAX, (high << 8) | (low & 0xff));
		return;
	}
	int_put_gpr(c, bits, REG_RAX, low);
	int_put_gpr(c, bits, REG_RDX, high);
}

/* --- multiplication --------------------------------------------------------- */

INLINE void mul_flags(struct x86_cpu *c, unsigned bits, u64 low, bool overflow)
{
	x86_flags_logic(c, bits, int_trunc(low, bits));
	x86_flags_cf_of(c, overflow, overflow);
}

/* The signed product's low half; CF = OF = it does not hold the product. */
INLINE u64 mul_signed(struct x86_cpu *c, unsigned bits, u64 a, u64 b, u64 *high)
{
	s128 p = (s128)(s64)bits_sign_extend(a, bits) *
		 (s64)bits_sign_extend(b, bits);
	u64 low = (u64)p;

	*high = (u64)(p >> bits);
	mul_flags(c, bits, low, p != (s64)bits_sign_extend(low, bits));
	return low;
}

INLINE void mul_one(struct x86_cpu *c, unsigned bits, bool sign, u64 b)
{
	u64 a = int_gpr(c, bits, REG_RAX), low, high;
	u128 p;

	if (sign) {
		low = mul_signed(c, bits, a, b, &high);
	} else {
		p = (u128)a * b;
		low = (u64)p;
		high = (u64)(p >> bits);
		mul_flags(c, bits, low, high != 0);
	}
	mul_set_acc(c, bits, high, low);
}

/* --- division ------------------------------------------------------------- */

INLINE int div_unsigned(struct x86_cpu *c, unsigned bits, u64 b)
{
	u128 a = mul_acc(c, bits);
	u64 q, rest;

	if (b == 0 || (u64)(a >> bits) >= b)
		return x86_fault(c, EXC_DE);
	if ((u64)(a >> 64)) {
		q = (u64)(a / b);
		rest = (u64)(a % b);
	} else {
		q = (u64)a / b;
		rest = (u64)a % b;
	}
	mul_set_acc(c, bits, rest, q);
	return X86_OK;
}

/* By magnitudes, so that no intermediate overflows. */
INLINE int div_signed(struct x86_cpu *c, unsigned bits, u64 operand)
{
	u128 a = mul_acc(c, bits), q, rest;
	s64 b = (s64)bits_sign_extend(operand, bits);
	bool na = (a >> (2 * bits - 1)) & 1, nb = b < 0;
	u64 mag_b = nb ? 0 - (u64)b : (u64)b;
	u128 limit;

	if (b == 0)
		return x86_fault(c, EXC_DE);
	if (na)
		a = bits == 64 ? 0 - a : ((u128)1 << (2 * bits % 128)) - a;
	if ((u64)(a >> 64)) {
		q = a / mag_b;
		rest = a % mag_b;
	} else {
		q = (u64)a / mag_b;
		rest = (u64)a % mag_b;
	}
	limit = ((u128)1 << (bits - 1)) - !(na ^ nb);
	if (q > limit)
		return x86_fault(c, EXC_DE);
	mul_set_acc(c, bits, na ? 0 - (u64)rest : (u64)rest,
		    na ^ nb ? 0 - (u64)q : (u64)q);
	return X86_OK;
}

/* --- group 3, /4../7 -------------------------------------------------------- */

enum mul_op { MUL_MUL, MUL_IMUL, MUL_DIV, MUL_IDIV };

INLINE int mul_op(struct x86_cpu *c, unsigned bits, enum mul_op op, u64 b)
{
	switch (op) {
	case MUL_DIV: return div_unsigned(c, bits, b);
	case MUL_IDIV: return div_signed(c, bits, b);
	default: mul_one(c, bits, op == MUL_IMUL, b); return X86_OK;
	}
}

INLINE int mul_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   enum mul_op op, void *p)
{
	u64 b = 0;
	int r = int_load(c, i, bits, p, &b), done;

	if (r < 0)
		return r;
	done = mul_op(c, bits, op, b);
	return done ? done : r;
}

#define MUL(name, op, n)                                                       \
	INT_HANDLER(name##_reg##n, mul_op(c, BITS(n), op, int_rm(c, i, BITS(n)))) \
	INT_MEM(name##_mem##n, BITS(n), X86_READ, mul_mem(c, i, BITS(n), op, p))
#define MUL_ENTRY(name, n) { name##_reg##n, INT_MEM_FNS(name##_mem##n) }
#define MUL_ROW(name) INT_ROW_W(MUL_ENTRY, name)
struct mul {
	x86_exec_fn reg;
	struct int_mem mem;
};
INT_EACH_W(MUL, mul, MUL_MUL)
INT_EACH_W(MUL, imul, MUL_IMUL)
INT_EACH_W(MUL, div, MUL_DIV)
INT_EACH_W(MUL, idiv, MUL_IDIV)
static const struct mul mul_table[4][INT_COUNT_W] = { MUL_ROW(mul), MUL_ROW(imul),
					    MUL_ROW(div), MUL_ROW(idiv) };

x86_exec_fn int_bind_mul(const struct x86_insn *i, unsigned mode)
{
	const struct mul *m = &mul_table[int_group(i) & 3][int_size_w(i)];

	return int_is_mem(i) ? int_pick(&m->mem, i, mode) : m->reg;
}

/* --- IMUL with two or three operands ---------------------------------------- */

INLINE int imul_to_reg(struct x86_cpu *c, const struct x86_insn *i,
		       unsigned bits, u64 a, u64 b)
{
	u64 high;

	int_set_reg(c, i, bits, mul_signed(c, bits, a, b, &high));
	return X86_OK;
}

INLINE int imul_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    void *p, u64 b)
{
	u64 a = 0;
	int r = int_load(c, i, bits, p, &a);

	if (r >= 0)
		imul_to_reg(c, i, bits, a, b);
	return r;
}

#define IMUL(name, b, n)                                                       \
	INT_HANDLER(name##_reg##n, imul_to_reg(c, i, BITS(n), int_rm(c, i, BITS(n)), b)) \
	INT_MEM(name##_mem##n, BITS(n), X86_READ, imul_mem(c, i, BITS(n), p, b))
/* What is beyond the operand's size does not count: mul_signed. */
INT_EACH_V(IMUL, imul2, c->gpr[i->reg])
INT_EACH_V(IMUL, imul3, i->imm)
static const struct mul imul_table[2][INT_COUNT_V] = { INT_ROW_V(MUL_ENTRY, imul2),
						       INT_ROW_V(MUL_ENTRY, imul3) };

/* 69 6B 0F AF */
x86_exec_fn int_bind_imul(const struct x86_insn *i, unsigned mode)
{
	const struct mul *m = &imul_table[i->key < 0x100][int_size(i)];

	return int_is_mem(i) ? int_pick(&m->mem, i, mode) : m->reg;
}
