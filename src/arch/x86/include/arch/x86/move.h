/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MOV, MOVZX, MOVSX and MOVSXD between memory and a general register, taken apart:
 * for who gets at the memory in another way than arch/x86 (an exit that names the
 * device's address). tests/unit/test_move.c compares with the handlers proper.
 */
#ifndef ARCH_X86_MOVE_H
#define ARCH_X86_MOVE_H

#include <arch/x86/cpu.h>

struct x86_move {
	bool store; /* to memory */
	bool imm;   /* of the immediate value, not a register's */
	bool sign;  /* what was loaded is sign-extended, not zero-extended */
	u8 size;    /* of the memory: 1, 2, 4, 8 bytes */
	u8 width;   /* of the register: 4 and 8 write all of it, 1 and 2 a part */
	u8 at;	    /* the register's byte offset in c->gpr; AH..BH are at odd ones */
};

/* False: it is none of them. */
bool x86_move_of(const struct x86_insn *i, struct x86_move *m);

/* What a store writes: the low m->size bytes count. */
static inline u64 x86_move_stored(const struct x86_cpu *c, const struct x86_insn *i,
				  const struct x86_move *m)
{
	return m->imm ? i->imm : c->gpr[m->at / 8] >> m->at % 8 * 8;
}

/* What was loaded, m->size bytes with zeros above, goes to its register. */
static inline void x86_move_loaded(struct x86_cpu *c, const struct x86_move *m, u64 v)
{
	u64 *reg = &c->gpr[m->at / 8], mask;
	unsigned shift = m->at % 8 * 8;

	if (m->sign)
		v = bits_sign_extend(v, m->size * 8u);
	if (likely(m->width >= 4)) {
		*reg = m->width == 8 ? v : (u32)v;
		return;
	}
	mask = (m->width == 1 ? 0xffu : 0xffffu) << shift;
	*reg = (*reg & ~mask) | (v << shift & mask);
}

#endif
