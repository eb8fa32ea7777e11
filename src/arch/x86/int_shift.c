/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shifts and rotates. SDM vol. 2 "RCL/RCR/ROL/ROR", "SAL/SAR/SHL/SHR", "SHLD",
 * "SHRD". OF is defined for a count of 1 only; the same formula is used for all.
 */
#include "int_ops.h"

/* The opcode's bits 5:3; 6 is SHL again. */
enum shift_op { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAL, SH_SAR };

/* Below, 1 <= n <= 31 (63 for 64 bits), v zero-extended. */

INLINE u64 shift_rol(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	unsigned k = n & (bits - 1);
	u64 res = k ? int_trunc(v << k | v >> (bits - k), bits) : v;

	x86_flags_cf_of(c, res & 1, (res & 1) ^ int_msb(res, bits));
	return res;
}

INLINE u64 shift_ror(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	unsigned k = n & (bits - 1);
	u64 res = k ? int_trunc(v >> k | v << (bits - k), bits) : v;
	bool cf = int_msb(res, bits);

	x86_flags_cf_of(c, cf, cf ^ int_msb(res, bits - 1));
	return res;
}

/* Rotates through CF are rotates of bits + 1 bits. */
INLINE u64 shift_rcl(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	unsigned k = bits < 32 ? n % (bits + 1) : n;
	u64 res, cf = x86_cf(c);

	if (!k)
		return v;
	res = v << k | cf << (k - 1) | (k > 1 ? v >> (bits + 1 - k) : 0);
	res = int_trunc(res, bits);
	cf = (v >> (bits - k)) & 1;
	x86_flags_cf_of(c, cf, cf ^ int_msb(res, bits));
	return res;
}

INLINE u64 shift_rcr(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	unsigned k = bits < 32 ? n % (bits + 1) : n;
	u64 res, cf = x86_cf(c);

	if (!k)
		return v;
	res = v >> k | cf << (bits - k) | (k > 1 ? v << (bits + 1 - k) : 0);
	res = int_trunc(res, bits);
	x86_flags_cf_of(c, (v >> (k - 1)) & 1,
			int_msb(res, bits) ^ int_msb(res, bits - 1));
	return res;
}

INLINE u64 shift_shl(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	u64 res = int_trunc(v << n, bits);
	bool cf = bits == 64 ? (v >> (64 - n)) & 1 : ((v << n) >> bits) & 1;

	x86_flags_logic(c, bits, res);
	x86_flags_cf_of(c, cf, cf ^ int_msb(res, bits));
	return res;
}

INLINE u64 shift_shr(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	u64 res = v >> n;

	x86_flags_logic(c, bits, res);
	x86_flags_cf_of(c, (v >> (n - 1)) & 1, int_msb(res, bits - 1));
	return res;
}

INLINE u64 shift_sar(struct x86_cpu *c, unsigned bits, u64 v, unsigned n)
{
	s64 wide = (s64)bits_sign_extend(v, bits);
	u64 res = int_trunc((u64)(wide >> n), bits);

	x86_flags_logic(c, bits, res);
	x86_flags_cf_of(c, (wide >> (n - 1)) & 1, false);
	return res;
}

/* A masked count of 0 changes no flag (but still writes the destination). */
INLINE u64 shift(struct x86_cpu *c, unsigned bits, enum shift_op op, u64 v,
		 u64 count)
{
	unsigned n = (unsigned)count & (bits == 64 ? 63 : 31);

	if (!n)
		return v;
	switch (op) {
	case SH_ROL: return shift_rol(c, bits, v, n);
	case SH_ROR: return shift_ror(c, bits, v, n);
	case SH_RCL: return shift_rcl(c, bits, v, n);
	case SH_RCR: return shift_rcr(c, bits, v, n);
	case SH_SHR: return shift_shr(c, bits, v, n);
	case SH_SAR: return shift_sar(c, bits, v, n);
	default: return shift_shl(c, bits, v, n);
	}
}

INLINE int shift_reg(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		     enum shift_op op, u64 count)
{
	int_set_rm(c, i, bits, shift(c, bits, op, int_rm(c, i, bits), count));
	return X86_OK;
}

INLINE int shift_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		     enum shift_op op, u64 count)
{
	struct x86_rmw m;
	u64 v = 0;
	int r = x86_rmw_open(c, i->seg, x86_ea(c, i), bits / 8, &m);

	if (r < 0)
		return r;
	r = x86_rmw_read(c, &m, &v);
	if (r < 0)
		return r;
	return int_worse(r, x86_rmw_write(c, &m, shift(c, bits, op, v, count)));
}

#define SHIFT(name, op, n)                                                     \
	INT_HANDLER(name##_imm##n, shift_reg(c, i, BITS(n), op, i->imm))       \
	INT_HANDLER(name##_one##n, shift_reg(c, i, BITS(n), op, 1))            \
	INT_HANDLER(name##_cl##n, shift_reg(c, i, BITS(n), op, c->gpr[REG_RCX])) \
	INT_HANDLER(name##_mem_imm##n, shift_mem(c, i, BITS(n), op, i->imm))   \
	INT_HANDLER(name##_mem_one##n, shift_mem(c, i, BITS(n), op, 1))        \
	INT_HANDLER(name##_mem_cl##n, shift_mem(c, i, BITS(n), op, c->gpr[REG_RCX]))
#define SHIFT_ENTRY(name, n)                                                   \
	{                                                                      \
		{ name##_imm##n, name##_one##n, name##_cl##n },                \
		{ name##_mem_imm##n, name##_mem_one##n, name##_mem_cl##n },    \
	}
#define SHIFT_ROW(name) INT_ROW_W(SHIFT_ENTRY, name)

INT_EACH_W(SHIFT, rol, SH_ROL)
INT_EACH_W(SHIFT, ror, SH_ROR)
INT_EACH_W(SHIFT, rcl, SH_RCL)
INT_EACH_W(SHIFT, rcr, SH_RCR)
INT_EACH_W(SHIFT, shl, SH_SHL)
INT_EACH_W(SHIFT, shr, SH_SHR)
INT_EACH_W(SHIFT, sar, SH_SAR)

/* [operation][size][memory][imm, one, cl] */
static const x86_exec_fn shift_table[8][INT_COUNT_W][2][3] = {
	SHIFT_ROW(rol), SHIFT_ROW(ror), SHIFT_ROW(rcl), SHIFT_ROW(rcr),
	SHIFT_ROW(shl), SHIFT_ROW(shr), SHIFT_ROW(shl), SHIFT_ROW(sar),
};

/* C0 C1 D0..D3 */
x86_exec_fn int_bind_shift(const struct x86_insn *i, unsigned mode)
{
	unsigned count = i->key < 0xd0 ? 0 : i->key < 0xd2 ? 1 : 2;

	(void)mode;
	return shift_table[int_group(i)][int_size_w(i)][int_is_mem(i)][count];
}

/* --- SHLD SHRD ------------------------------------------------------------ */

/*
 * 16 bits with a count above 16 is undefined; processors shift the 48-bit
 * value v:fill:fill (SHRD: fill:fill:v), which is also right below 16, and
 * clear CF.
 */
INLINE u64 shift_shld(struct x86_cpu *c, unsigned bits, u64 v, u64 fill,
		      unsigned n)
{
	u64 wide, res;
	bool cf;

	if (bits == 16) {
		wide = v << 32 | fill << 16 | fill;
		res = int_trunc((wide << n) >> 32, 16);
		cf = n <= 16 && ((wide >> (48 - n)) & 1);
	} else {
		res = int_trunc(v << n | fill >> (bits - n), bits);
		cf = (v >> (bits - n)) & 1;
	}
	x86_flags_logic(c, bits, res);
	x86_flags_cf_of(c, cf, cf ^ int_msb(res, bits));
	return res;
}

INLINE u64 shift_shrd(struct x86_cpu *c, unsigned bits, u64 v, u64 fill,
		      unsigned n)
{
	u64 wide = bits == 16 ? fill << 32 | fill << 16 | v : v;
	u64 res = bits == 16 ? wide >> n : wide >> n | fill << (bits - n);

	res = int_trunc(res, bits);
	x86_flags_logic(c, bits, res);
	x86_flags_cf_of(c, (bits > 16 || n <= 16) && ((wide >> (n - 1)) & 1),
			int_msb(res, bits) ^ int_msb(res, bits - 1));
	return res;
}

INLINE u64 shiftd(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		  bool right, u64 v, u64 count)
{
	unsigned n = (unsigned)count & (bits == 64 ? 63 : 31);
	u64 fill = int_reg(c, i, bits);

	if (!n)
		return v;
	return right ? shift_shrd(c, bits, v, fill, n) :
		       shift_shld(c, bits, v, fill, n);
}

INLINE int shiftd_reg(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, bool right, u64 count)
{
	int_set_rm(c, i, bits,
		   shiftd(c, i, bits, right, int_rm(c, i, bits), count));
	return X86_OK;
}

INLINE int shiftd_mem(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, bool right, u64 count)
{
	struct x86_rmw m;
	u64 v = 0;
	int r = x86_rmw_open(c, i->seg, x86_ea(c, i), bits / 8, &m);

	if (r < 0)
		return r;
	r = x86_rmw_read(c, &m, &v);
	if (r < 0)
		return r;
	v = shiftd(c, i, bits, right, v, count);
	return int_worse(r, x86_rmw_write(c, &m, v));
}

#define SHIFTD(name, right, n)                                                 \
	INT_HANDLER(name##_imm##n, shiftd_reg(c, i, BITS(n), right, i->imm))   \
	INT_HANDLER(name##_cl##n, shiftd_reg(c, i, BITS(n), right, c->gpr[REG_RCX])) \
	INT_HANDLER(name##_mem_imm##n, shiftd_mem(c, i, BITS(n), right, i->imm)) \
	INT_HANDLER(name##_mem_cl##n, shiftd_mem(c, i, BITS(n), right, c->gpr[REG_RCX]))
#define SHIFTD_ENTRY(name, n)                                                  \
	{                                                                      \
		{ name##_imm##n, name##_cl##n },                               \
		{ name##_mem_imm##n, name##_mem_cl##n }                        \
	}
INT_EACH_V(SHIFTD, shld, false)
INT_EACH_V(SHIFTD, shrd, true)

/* [right][size][memory][imm, cl] */
static const x86_exec_fn shiftd_table[2][INT_COUNT_V][2][2] = {
	INT_ROW_V(SHIFTD_ENTRY, shld), INT_ROW_V(SHIFTD_ENTRY, shrd),
};

/* 0F A4 A5 AC AD */
x86_exec_fn int_bind_shiftd(const struct x86_insn *i, unsigned mode)
{
	(void)mode;
	return shiftd_table[(i->key >> 3) & 1][int_size(i)][int_is_mem(i)][i->key & 1];
}
