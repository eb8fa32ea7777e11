/* SPDX-License-Identifier: Apache-2.0 */
/* Flags, decimal adjustment, BOUND, hints and fences. SDM vol. 2. */
#include "int_ops.h"

#define HANDLER(name, body)                                                    \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		(void)c, (void)i;                                              \
		body;                                                          \
		return X86_OK;                                                 \
	}

/* --- flags ----------------------------------------------------------------------- */

#define FL_LOW (FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF)

HANDLER(cmc, int_set_cf(c, !x86_cf(c)))
HANDLER(clc, int_set_cf(c, false))
HANDLER(stc, int_set_cf(c, true))
HANDLER(cld, c->rflags &= ~FL_DF)
HANDLER(std, c->rflags |= FL_DF)
HANDLER(lahf, int_put_byte(c, 1, (x86_flags_get(c) & FL_LOW) | FL_ONE))
HANDLER(sahf, x86_flags_set_arith(c, (c->gpr[REG_RAX] >> 8 & FL_LOW) |
					     (x86_of(c) ? FL_OF : 0)))
HANDLER(salc, int_put_gpr(c, 8, REG_RAX, x86_cf(c) ? 0xff : 0))

/* 9E 9F D6 F5 F8 F9 FC FD */
x86_exec_fn int_bind_flag(const struct x86_insn *i, unsigned mode)
{
	switch (i->key) {
	case 0x9e: return sahf;
	case 0x9f: return lahf;
	case 0xd6: return mode == X86_MODE_64 ? NULL : salc;
	case 0xf5: return cmc;
	case 0xf8: return clc;
	case 0xf9: return stc;
	case 0xfc: return cld;
	default: return std;
	}
}

/* --- decimal adjustment ------------------------------------------------------------ */

/* SF, ZF, PF from AL; OF, which is undefined, 0. */
static void decimal_flags(struct x86_cpu *c, bool cf, bool af)
{
	x86_flags_logic(c, 8, int_gpr(c, 8, REG_RAX));
	x86_flags_cf_of(c, cf, false);
	c->lf_aux |= af ? 0x10 : 0;
}

/* DAA, DAS: packed digits. */
INLINE void decimal_packed(struct x86_cpu *c, bool subtract)
{
	u64 old = int_gpr(c, 8, REG_RAX), al = old;
	bool old_cf = x86_cf(c), low = (old & 15) > 9 || x86_af(c);
	bool high = old > 0x99 || old_cf, cf = high;

	if (low) {
		al = subtract ? al - 6 : al + 6;
		cf = high || (subtract && old < 6);
	}
	if (high)
		al = subtract ? al - 0x60 : al + 0x60;
	int_put_gpr(c, 8, REG_RAX, al);
	decimal_flags(c, cf, low);
}

/* AAA, AAS: one digit in AL, carried into AH. */
INLINE void decimal_digit(struct x86_cpu *c, u64 adjust)
{
	u64 ax = int_gpr(c, 16, REG_RAX);
	bool carry = (ax & 15) > 9 || x86_af(c);

	if (carry)
		ax += adjust;
	int_put_gpr(c, 16, REG_RAX, ax & 0xff0f);
	decimal_flags(c, carry, carry);
}

HANDLER(daa, decimal_packed(c, false))
HANDLER(das, decimal_packed(c, true))
HANDLER(aaa, decimal_digit(c, 0x106))
HANDLER(aas, decimal_digit(c, 0 - (u64)0x106))

static int aam(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned al = (u8)c->gpr[REG_RAX], base = (u8)i->imm;

	if (!base)
		return x86_fault(c, EXC_DE);
	int_put_gpr(c, 16, REG_RAX, al / base << 8 | al % base);
	decimal_flags(c, false, false);
	return X86_OK;
}

static int aad(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 ax = c->gpr[REG_RAX];

	int_put_gpr(c, 16, REG_RAX, (u8)(ax + (ax >> 8 & 0xff) * (u8)i->imm));
	decimal_flags(c, false, false);
	return X86_OK;
}

/* 27 2F 37 3F D4 D5, outside 64-bit mode */
x86_exec_fn int_bind_decimal(const struct x86_insn *i, unsigned mode)
{
	if (mode == X86_MODE_64)
		return NULL;
	switch (i->key) {
	case 0x27: return daa;
	case 0x2f: return das;
	case 0x37: return aaa;
	case 0x3f: return aas;
	case 0xd4: return aam;
	default: return aad;
	}
}

/* --- BOUND ------------------------------------------------------------------------ */

static int bound(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned bits = i->opsize * 8u;
	u64 low = 0, high = 0, mask = bits_mask(i->addrsize * 8u);
	s64 index = (s64)bits_sign_extend(c->gpr[i->reg], bits);
	int r = x86_load(c, i->seg, x86_ea(c, i), i->opsize, &low);

	if (r >= 0)
		r = x86_load(c, i->seg, (x86_ea(c, i) + i->opsize) & mask,
			     i->opsize, &high);
	if (r < 0)
		return r;
	if (index < (s64)bits_sign_extend(low, bits) ||
	    index > (s64)bits_sign_extend(high, bits))
		return x86_fault(c, EXC_BR);
	return r;
}

/* 62 */
x86_exec_fn int_bind_bound(const struct x86_insn *i, unsigned mode)
{
	return mode == X86_MODE_64 || !int_is_mem(i) ? NULL : bound;
}

/* --- hints, fences, cache lines ---------------------------------------------------- */

HANDLER(hint, )
HANDLER(fence, __atomic_thread_fence(__ATOMIC_SEQ_CST))

/* Memory is coherent: what is left of a flush is the check of a byte load. */
static int cache_line(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_probe(c, i->seg, x86_ea(c, i), 1, X86_READ);
}

/* 0F 0D, 0F 18..1F: PREFETCH, ENDBR and the reserved NOPs touch nothing. */
x86_exec_fn int_bind_hint(const struct x86_insn *i, unsigned mode)
{
	(void)i, (void)mode;
	return hint;
}

/* 0F AE: LFENCE MFENCE SFENCE CLFLUSH CLFLUSHOPT CLWB; the rest is not ours. */
x86_exec_fn int_bind_group15(const struct x86_insn *i, unsigned mode)
{
	unsigned op = int_group(i);
	bool f2f3 = (i->flags & (X86_I_REP | X86_I_REPNE)) != 0;
	bool p66 = (i->flags & X86_I_OPSIZE) != 0;

	(void)mode;
	if (f2f3 || (i->flags & X86_I_VEX))
		return NULL;
	if (!int_is_mem(i))
		return op >= 5 && !p66 ? fence : NULL;
	return op == 7 || (op == 6 && p66) ? cache_line : NULL;
}
