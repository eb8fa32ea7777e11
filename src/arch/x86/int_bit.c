/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits: BT BTS BTR BTC; BSF BSR TZCNT LZCNT POPCNT; BMI1 and BMI2; ADCX ADOX;
 * CRC32. SDM vol. 2.
 */
#include "int_ops.h"

/* --- BT BTS BTR BTC ---------------------------------------------------------- */

INLINE int bt_reg(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		  enum int_op op, u64 n)
{
	u64 res = int_op(c, bits, op, int_rm(c, i, bits), n & (bits - 1));

	if (op != OP_BT)
		int_set_rm(c, i, bits, res);
	return X86_OK;
}

INLINE int bt_at(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		 enum int_op op, u64 ea, u64 n)
{
	u64 a = 0;
	int r;

	n &= bits - 1;
	if (op != OP_BT)
		return int_is_lock(i) ?
			int_rmw_locked(c, bits, i->seg, ea, op, n, &a) :
			int_rmw_plain(c, bits, i->seg, ea, op, n, &a);
	r = int_load_at(c, bits, i->seg, ea, &a);
	if (r >= 0)
		int_op(c, bits, op, a, n);
	return r;
}

/* A register's bit number is signed and reaches beyond the operand. */
INLINE int bt_mem_reg(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, enum int_op op)
{
	s64 n = (s64)bits_sign_extend(c->gpr[i->reg], bits);
	u64 ea = x86_ea(c, i) + (u64)(n >> 3 & -(s64)(bits / 8));

	return bt_at(c, i, bits, op, ea & bits_mask(i->addrsize * 8u), (u64)n);
}

#define BT(name, op, n)                                                        \
	INT_HANDLER(name##_reg##n, bt_reg(c, i, BITS(n), op, c->gpr[i->reg]))  \
	INT_HANDLER(name##_imm##n, bt_reg(c, i, BITS(n), op, i->imm))          \
	INT_HANDLER(name##_mem_reg##n, bt_mem_reg(c, i, BITS(n), op))          \
	INT_HANDLER(name##_mem_imm##n, bt_at(c, i, BITS(n), op, x86_ea(c, i), i->imm))
#define BT_ENTRY(name, n)                                                      \
	{                                                                      \
		{ name##_reg##n, name##_imm##n },                              \
		{ name##_mem_reg##n, name##_mem_imm##n }                       \
	}
#define BT_ROW(name) INT_ROW_V(BT_ENTRY, name)
INT_EACH_V(BT, bt, OP_BT)
INT_EACH_V(BT, bts, OP_BTS)
INT_EACH_V(BT, btr, OP_BTR)
INT_EACH_V(BT, btc, OP_BTC)

/* [operation][size][memory][reg, imm] */
static const x86_exec_fn bt_table[4][INT_COUNT_V][2][2] = { BT_ROW(bt), BT_ROW(bts),
						  BT_ROW(btr), BT_ROW(btc) };

/* 0F A3 AB B3 BB, 0F BA/4../7 */
x86_exec_fn int_bind_bt(const struct x86_insn *i, unsigned mode)
{
	bool imm = i->key == X86_KEY(X86_MAP_0F, 0xba);
	unsigned op = imm ? int_group(i) & 3 : (i->key >> 3) & 3;

	(void)mode;
	if (imm && int_group(i) < 4)
		return NULL;
	return bt_table[op][int_size(i)][int_is_mem(i)][imm];
}

/* --- operations on one source operand ----------------------------------------- */

enum bit_op {
	BIT_BSF, BIT_BSR, BIT_TZCNT, BIT_LZCNT, BIT_POPCNT,
	BIT_ANDN, BIT_BLSR, BIT_BLSMSK, BIT_BLSI, BIT_BEXTR, BIT_BZHI,
	BIT_PEXT, BIT_PDEP, BIT_MULX, BIT_SHLX, BIT_SARX, BIT_SHRX, BIT_RORX,
	BIT_ADCX, BIT_ADOX
};

/* v != 0 for these two. */
INLINE u64 bit_lowest(u64 v)
{
	return (u64)__builtin_ctzll(v);
}

INLINE u64 bit_highest(u64 v)
{
	return 63 - (u64)__builtin_clzll(v);
}

/* Flags from the result as AND sets them, and CF. */
INLINE u64 bit_flags(struct x86_cpu *c, unsigned bits, u64 res, bool cf)
{
	x86_flags_logic(c, bits, res);
	x86_flags_cf_of(c, cf, false);
	return res;
}

/* BSF and BSR of 0 leave the destination alone: ZF says so. */
INLINE void bit_scan(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		     bool reverse, u64 v)
{
	x86_flags_logic(c, bits, v);
	if (v)
		int_set_reg(c, i, bits, reverse ? bit_highest(v) : bit_lowest(v));
}

INLINE u64 bit_count(struct x86_cpu *c, unsigned bits, enum bit_op op, u64 v)
{
	u64 n = bits;

	if (op == BIT_POPCNT) {
		x86_flags_set_arith(c, v ? 0 : FL_ZF);
		return (u64)__builtin_popcountll(v);
	}
	if (v)
		n = op == BIT_TZCNT ? bit_lowest(v) : bits - 1 - bit_highest(v);
	return bit_flags(c, bits, n, v == 0);
}

static u64 bit_pext(u64 v, u64 mask)
{
	u64 res = 0;

	for (u64 bit = 1; mask; mask &= mask - 1, bit <<= 1)
		if (v & mask & -mask)
			res |= bit;
	return res;
}

static u64 bit_pdep(u64 v, u64 mask)
{
	u64 res = 0;

	for (; mask; mask &= mask - 1, v >>= 1)
		if (v & 1)
			res |= mask & -mask;
	return res;
}

INLINE u64 bit_extract(u64 v, u64 control)
{
	unsigned start = (u8)control, n = (u8)(control >> 8);

	return start > 63 ? 0 : (v >> start) & bits_mask(n);
}

INLINE u64 bit_shift(unsigned bits, enum bit_op op, u64 v, u64 count)
{
	unsigned n = (unsigned)count & (bits - 1);

	switch (op) {
	case BIT_SHLX: return v << n;
	case BIT_SHRX: return v >> n;
	case BIT_SARX: return (u64)((s64)bits_sign_extend(v, bits) >> n);
	default: return n ? v >> n | v << (bits - n) : v;
	}
}

/* MULX: EDX * v into reg:vvvv; the high half wins when they are one. */
INLINE void bit_mulx(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		     u64 v)
{
	unsigned __int128 p = (unsigned __int128)int_gpr(c, bits, REG_RDX) * v;

	int_put_gpr(c, bits, i->vvvv, (u64)p);
	int_set_reg(c, i, bits, (u64)(p >> bits));
}

/* ADCX adds and sets CF alone, ADOX OF alone. */
INLINE void bit_adx(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    bool overflow, u64 v)
{
	bool cf = x86_cf(c), of = x86_of(c);
	unsigned __int128 sum = (unsigned __int128)int_reg(c, i, bits) + v +
				(overflow ? of : cf);
	bool out = (sum >> bits) & 1;

	int_set_reg(c, i, bits, (u64)sum);
	x86_flags_cf_of(c, overflow ? cf : out, overflow ? out : of);
}

INLINE int bit_op(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		  enum bit_op op, u64 v)
{
	u64 w = int_gpr(c, bits, i->vvvv);
	unsigned dst = i->reg;

	switch (op) {
	case BIT_BSF:
	case BIT_BSR: bit_scan(c, i, bits, op == BIT_BSR, v); return X86_OK;
	case BIT_MULX: bit_mulx(c, i, bits, v); return X86_OK;
	case BIT_ADCX:
	case BIT_ADOX: bit_adx(c, i, bits, op == BIT_ADOX, v); return X86_OK;
	case BIT_TZCNT:
	case BIT_LZCNT:
	case BIT_POPCNT: v = bit_count(c, bits, op, v); break;
	case BIT_ANDN: v = op_logic(c, bits, ~w & v); break;
	case BIT_BLSR:
		v = bit_flags(c, bits, v & (v - 1), v == 0);
		dst = i->vvvv;
		break;
	case BIT_BLSMSK:
		v = bit_flags(c, bits, int_trunc(v ^ (v - 1), bits), v == 0);
		dst = i->vvvv;
		break;
	case BIT_BLSI:
		v = bit_flags(c, bits, v & -v, v != 0);
		dst = i->vvvv;
		break;
	case BIT_BEXTR: v = op_logic(c, bits, bit_extract(v, w)); break;
	case BIT_BZHI:
		w &= 0xff;
		v = bit_flags(c, bits, v & bits_mask((unsigned)w), w >= bits);
		break;
	case BIT_PEXT: v = bit_pext(w, v); break;
	case BIT_PDEP: v = bit_pdep(w, v); break;
	default: v = bit_shift(bits, op, v, op == BIT_RORX ? i->imm : w); break;
	}
	int_put_gpr(c, bits, dst, v);
	return X86_OK;
}

INLINE int bit_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   enum bit_op op, void *p)
{
	u64 v = 0;
	int r = int_load(c, i, bits, p, &v);

	if (r >= 0)
		bit_op(c, i, bits, op, v);
	return r;
}

struct bit {
	x86_exec_fn reg;
	struct int_mem mem;
};

#define BITOP(name, op, n)                                                     \
	INT_HANDLER(name##_reg##n, bit_op(c, i, BITS(n), op, int_rm(c, i, BITS(n)))) \
	INT_MEM(name##_mem##n, BITS(n), X86_READ, bit_mem(c, i, BITS(n), op, p))
#define BITOP2(name, op) INT_EACH_B(BITOP, name, op)
#define BITOP3(name, op) INT_EACH_V(BITOP, name, op)
#define BIT_ENTRY(name, n) { name##_reg##n, INT_MEM_FNS(name##_mem##n) }
#define BIT_ROW2(name) INT_ROW_B(BIT_ENTRY, name)
#define BIT_ROW3(name) INT_ROW_V(BIT_ENTRY, name)

BITOP3(bsf, BIT_BSF)
BITOP3(bsr, BIT_BSR)
BITOP3(tzcnt, BIT_TZCNT)
BITOP3(lzcnt, BIT_LZCNT)
BITOP3(popcnt, BIT_POPCNT)
BITOP2(andn, BIT_ANDN)
BITOP2(blsr, BIT_BLSR)
BITOP2(blsmsk, BIT_BLSMSK)
BITOP2(blsi, BIT_BLSI)
BITOP2(bextr, BIT_BEXTR)
BITOP2(bzhi, BIT_BZHI)
BITOP2(pext, BIT_PEXT)
BITOP2(pdep, BIT_PDEP)
BITOP2(mulx, BIT_MULX)
BITOP2(shlx, BIT_SHLX)
BITOP2(sarx, BIT_SARX)
BITOP2(shrx, BIT_SHRX)
BITOP2(rorx, BIT_RORX)
BITOP2(adcx, BIT_ADCX)
BITOP2(adox, BIT_ADOX)

static const struct bit scan_table[5][INT_COUNT_V] = { BIT_ROW3(bsf), BIT_ROW3(bsr),
					     BIT_ROW3(tzcnt), BIT_ROW3(lzcnt),
					     BIT_ROW3(popcnt) };
/* from BIT_ANDN */
static const struct bit bmi_table[][INT_COUNT_B] = {
	BIT_ROW2(andn), BIT_ROW2(blsr), BIT_ROW2(blsmsk), BIT_ROW2(blsi),
	BIT_ROW2(bextr), BIT_ROW2(bzhi), BIT_ROW2(pext), BIT_ROW2(pdep),
	BIT_ROW2(mulx), BIT_ROW2(shlx), BIT_ROW2(sarx), BIT_ROW2(shrx),
	BIT_ROW2(rorx), BIT_ROW2(adcx), BIT_ROW2(adox),
};

static x86_exec_fn bit_pick(const struct bit *b, const struct x86_insn *i,
			    unsigned mode)
{
	return int_is_mem(i) ? int_pick(&b->mem, i, mode) : b->reg;
}

/* 0F B8 BC BD: F3 tells POPCNT, TZCNT and LZCNT. */
x86_exec_fn int_bind_scan(const struct x86_insn *i, unsigned mode)
{
	bool f3 = (i->flags & X86_I_REP) != 0;
	unsigned op = (i->key & 1) + (f3 ? 2u : 0);

	if ((i->key & 0xff) == 0xb8) {
		if (!f3)
			return NULL;
		op = 4;
	}
	return bit_pick(&scan_table[op][int_size(i)], i, mode);
}

/* VEX.W chooses between 32 and 64 bits in 64-bit mode only; VEX.L must be 0. */
static x86_exec_fn bmi_bind(enum bit_op op, const struct x86_insn *i,
			    unsigned mode)
{
	bool wide = (i->vex_lw & 2) && mode == X86_MODE_64;

	if (i->vex_lw & 1)
		return NULL;
	return bit_pick(&bmi_table[op - BIT_ANDN][int_size_b(wide)], i, mode);
}

/* VEX 0F3A F0 with F2 */
x86_exec_fn int_bind_rorx(const struct x86_insn *i, unsigned mode)
{
	if (!(i->flags & X86_I_VEX) || !(i->flags & X86_I_REPNE))
		return NULL;
	return bmi_bind(BIT_RORX, i, mode);
}

/* VEX 0F38 F2..F7, told apart by pp. */
static x86_exec_fn bmi_bind_0f38(const struct x86_insn *i, unsigned mode)
{
	enum { NONE = BIT_BSF };
	/* by opcode F5 F6 F7 and pp: none, 66, F3, F2 */
	static const u8 by_pp[3][4] = {
		{ BIT_BZHI, NONE, BIT_PEXT, BIT_PDEP },
		{ NONE, NONE, NONE, BIT_MULX },
		{ BIT_BEXTR, BIT_SHLX, BIT_SARX, BIT_SHRX },
	};
	static const u8 group17[4] = { NONE, BIT_BLSR, BIT_BLSMSK, BIT_BLSI };
	unsigned pp = i->flags & X86_I_REPNE ? 3 : i->flags & X86_I_REP ? 2 :
		      i->flags & X86_I_OPSIZE ? 1 : 0;
	unsigned code = i->key & 0xff, op = NONE;

	if (code == 0xf2 && !pp)
		op = BIT_ANDN;
	else if (code == 0xf3 && !pp && int_group(i) < 4)
		op = group17[int_group(i)];
	else if (code >= 0xf5 && code <= 0xf7)
		op = by_pp[code - 0xf5][pp];
	return op == NONE ? NULL : bmi_bind((enum bit_op)op, i, mode);
}

/* --- CRC32 ------------------------------------------------------------------ */

/* One nibble through the CRC-32C polynomial 11EDC6F41h, reflected. */
static const u32 crc_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

INLINE int crc(struct x86_cpu *c, const struct x86_insn *i, unsigned bits, u64 v)
{
	u32 sum = (u32)c->gpr[i->reg];

	for (unsigned n = 0; n < bits; n += 8, v >>= 8) {
		sum ^= (u8)v;
		sum = sum >> 4 ^ crc_table[sum & 15];
		sum = sum >> 4 ^ crc_table[sum & 15];
	}
	c->gpr[i->reg] = sum;
	return X86_OK;
}

INLINE int crc_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   void *p)
{
	u64 v = 0;
	int r = int_load(c, i, bits, p, &v);

	if (r >= 0)
		crc(c, i, bits, v);
	return r;
}

#define CRC(name, n)                                                           \
	INT_HANDLER(name##_reg##n, crc(c, i, BITS(n), int_rm(c, i, BITS(n))))  \
	INT_MEM(name##_mem##n, BITS(n), X86_READ, crc_mem(c, i, BITS(n), p))
INT_EACH_W(CRC, crc)
static const struct bit crc_bind[INT_COUNT_W] = INT_ROW_W(BIT_ENTRY, crc);

/* 0F38 F0..F7: MOVBE, CRC32 (F2), ADCX (66), ADOX (F3), BMI (VEX) */
x86_exec_fn int_bind_0f38_f(const struct x86_insn *i, unsigned mode)
{
	unsigned code = i->key & 0xff, wide = int_size_b(i->opsize == 8);

	if (i->flags & X86_I_VEX)
		return bmi_bind_0f38(i, mode);
	if (code < 0xf2)
		return i->flags & X86_I_REPNE ?
			bit_pick(&crc_bind[int_size_w(i)], i, mode) :
			int_bind_swap(i, mode);
	if (code != 0xf6)
		return NULL;
	if (i->flags & X86_I_REP)
		return bit_pick(&bmi_table[BIT_ADOX - BIT_ANDN][wide], i, mode);
	if (i->flags & X86_I_OPSIZE)
		return bit_pick(&bmi_table[BIT_ADCX - BIT_ANDN][wide], i, mode);
	return NULL;
}
