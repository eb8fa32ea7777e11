/* SPDX-License-Identifier: Apache-2.0 */
/* Which status flags an instruction leaves undefined: SDM vol. 2. */
#include "native.h"

/* Rotates and shifts by the masked count. digit: ModRM.reg. */
static u64 after_shift(const struct native_case *t, unsigned digit, unsigned count)
{
	bool byte = !(t->insn.key & 1);
	unsigned width = byte ? 8 : t->insn.opsize * 8u;
	u64 undef = 0;

	if (!count)
		return 0;
	if (count != 1)
		undef |= FL_OF;
	if (digit >= 4) {
		undef |= FL_AF;
		if (count >= width && digit != 7)
			undef |= FL_CF;
	}
	return undef;
}

static unsigned shift_count(const struct native_case *t)
{
	unsigned mask = t->insn.opsize == 8 ? 0x3f : 0x1f;

	switch (t->insn.key & 0xff) {
	case 0xd0: case 0xd1: return 1;
	case 0xc0: case 0xc1: case 0xa4: case 0xac: return (unsigned)t->insn.imm & mask;
	default: return (unsigned)t->in.gpr[REG_RCX] & mask;
	}
}

static u64 undefined_one_byte(const struct native_case *t)
{
	unsigned digit = t->insn.reg & 7;

	switch (t->insn.key & 0xff) {
	case 0x08 ... 0x0d: case 0x20 ... 0x25: case 0x30 ... 0x35:
	case 0x84: case 0x85: case 0xa8: case 0xa9:
		return FL_AF; /* OR, AND, XOR, TEST */
	case 0x80 ... 0x83:
		return digit == 1 || digit == 4 || digit == 6 ? FL_AF : 0;
	case 0x27: case 0x2f: return FL_OF; /* DAA, DAS */
	case 0x37: case 0x3f: return FL_OF | FL_SF | FL_ZF | FL_PF;
	case 0xd4: case 0xd5: return FL_OF | FL_AF | FL_CF;
	case 0x69: case 0x6b: return FL_SF | FL_ZF | FL_AF | FL_PF;
	case 0xc0: case 0xc1: case 0xd0 ... 0xd3:
		return after_shift(t, digit, shift_count(t));
	case 0xf6: case 0xf7:
		if (digit <= 1)
			return FL_AF;
		if (digit == 4 || digit == 5)
			return FL_SF | FL_ZF | FL_AF | FL_PF;
		return digit >= 6 ? FL_ARITH : 0;
	default: return 0;
	}
}

static u64 undefined_0f(const struct native_case *t)
{
	switch (t->insn.key & 0xff) {
	case 0xa3: case 0xab: case 0xb3: case 0xba: case 0xbb:
		return FL_OF | FL_SF | FL_AF | FL_PF;
	case 0xa4: case 0xa5: case 0xac: case 0xad:
		if (!shift_count(t))
			return 0;
		if (shift_count(t) > t->insn.opsize * 8u)
			return FL_ARITH;
		return FL_AF | (shift_count(t) != 1 ? FL_OF : 0);
	case 0xaf: return FL_SF | FL_ZF | FL_AF | FL_PF;
	case 0xbc: case 0xbd:
		if (t->insn.flags & X86_I_REP)
			return FL_OF | FL_SF | FL_PF | FL_AF;
		return FL_ARITH & ~(u64)FL_ZF;
	default: return 0;
	}
}

u64 undefined_flags(const struct native_case *t)
{
	switch (t->insn.key >> 8) {
	case X86_MAP_1: return undefined_one_byte(t);
	case X86_MAP_0F: return undefined_0f(t);
	default: break;
	}
	if (!(t->insn.flags & X86_I_VEX))
		return 0;
	switch (t->insn.key & 0xff) {
	case 0xf2: case 0xf3: return FL_AF | FL_PF; /* ANDN, BLSx */
	case 0xf5: return FL_AF | FL_PF; /* BZHI; PDEP and PEXT touch none */
	case 0xf7: return FL_AF | FL_SF | FL_PF; /* BEXTR; shifts touch none */
	default: return 0;
	}
}
