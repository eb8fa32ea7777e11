/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manuals leave to the processor, or processors do each in their own
 * way, and so is not compared. Flags that are undefined: undefined.c.
 */
#include "native.h"

#include <stdlib.h>
#include <string.h>
#include <trivet/bits.h>

#define FSW_ES 0x80u

/* The double shift by more than the operand's width: result undefined. */
static bool result_undefined(const struct native_case *t)
{
	unsigned count;

	switch (t->insn.key) {
	case X86_KEY(X86_MAP_0F, 0xa4): case X86_KEY(X86_MAP_0F, 0xac):
		count = t->insn.imm & 31;
		break;
	case X86_KEY(X86_MAP_0F, 0xa5): case X86_KEY(X86_MAP_0F, 0xad):
		count = t->in.gpr[REG_RCX] & 31;
		break;
	default:
		return false;
	}
	return t->insn.opsize == 2 && count > 16;
}

/* F3 90 with REX.B: PAUSE on Intel's, XCHG with R8 on AMD's. */
static bool pause_or_xchg(const struct native_case *t)
{
	return t->insn.key == X86_KEY(X86_MAP_1, 0x90) && t->insn.rm == REG_R8 &&
	       (t->insn.flags & X86_I_REP);
}

static bool is_x87_store(const struct native_case *t)
{
	unsigned op = t->insn.key - X86_KEY(X86_MAP_1, 0xd8), digit = t->insn.reg & 7;

	return op < 8 && op % 2 == 1 && (t->insn.flags & X86_I_MEM) && digit != 0 &&
	       digit != 4 && digit != 5;
}

/*
 * An x87 store that has two faults: the memory's comes first by the SDM's table of
 * priorities (vol. 3A, 6.9) and on AMD's processors; some of Intel's have the
 * unmasked exception pending and do not look at memory.
 */
static bool stores_nothing(const struct native_case *t, const struct native_regs *want,
			   const struct native_regs *got)
{
	return is_x87_store(t) && want->fault == NO_FAULT && got->fault != NO_FAULT &&
	       (want->fx.fsw & FSW_ES);
}

bool choice_skips(const struct native_case *t, const struct native_regs *want,
		  const struct native_regs *got)
{
	return result_undefined(t) || pause_or_xchg(t) || stores_nothing(t, want, got);
}

/*
 * CMPXCHG r32 that fails: the SDM stores the old value back, which would clear
 * the upper half of the register; not all processors do.
 */
static bool failed_cmpxchg(const struct native_case *t, unsigned reg)
{
	return t->insn.key == X86_KEY(X86_MAP_0F, 0xb1) && t->insn.opsize == 4 &&
	       !(t->insn.flags & X86_I_MEM) && t->insn.rm == reg;
}

static bool is_string(const struct native_case *t)
{
	unsigned op = t->insn.key - X86_KEY(X86_MAP_1, 0);

	return (op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf);
}

static bool is_repeated(const struct native_case *t)
{
	return is_string(t) && (t->insn.flags & (X86_I_REP | X86_I_REPNE));
}

/*
 * REP with 32-bit addresses in 64-bit mode that does not get past its first element,
 * ECX being 0 or that one having a fault: Intel's clear the upper half of RCX, and of
 * the pointers too for some; AMD's leave all as it was.
 */
static bool none_done(const struct native_case *t, const struct native_regs *want, unsigned reg)
{
	return is_repeated(t) && t->insn.addrsize == 4 &&
	       (!(u32)t->in.gpr[REG_RCX] || want->fault != NO_FAULT) &&
	       (reg == REG_RCX || reg == REG_RSI || reg == REG_RDI);
}

u64 choice_value(const struct native_case *t, const struct native_regs *want, unsigned reg)
{
	/* LAR: bits 19:16 are undefined */
	if (t->insn.key == X86_KEY(X86_MAP_0F, 2) && t->insn.reg == reg)
		return ~(u64)0xf0000;
	return failed_cmpxchg(t, reg) || none_done(t, want, reg) ? 0xffffffff : ~(u64)0;
}

/* A fault in the midst of REP CMPS or SCAS: Intel's put the flags back as they were
 * before (SDM vol. 2, REP), AMD's leave the last comparison's. */
u64 choice_flags(const struct native_case *t, const struct native_regs *want)
{
	unsigned op = t->insn.key & 0xfe;

	if (is_repeated(t) && (op == 0xa6 || op == 0xae) && want->fault != NO_FAULT)
		return ~(u64)FL_ARITH;
	return ~undefined_flags(t);
}

static bool is_mmx_store(const struct native_case *t)
{
	switch (t->insn.key) {
	case X86_KEY(X86_MAP_0F, 0x7e): case X86_KEY(X86_MAP_0F, 0x7f):
	case X86_KEY(X86_MAP_0F, 0xe7):
		return (t->insn.flags & X86_I_MEM) &&
		       !(t->insn.flags & (X86_I_OPSIZE | X86_I_REP | X86_I_REPNE));
	default:
		return false;
	}
}

/* A fault of an MMX store: some of Intel's have gone over to MMX by then. */
bool choice_fpu(const struct native_case *t, const struct native_regs *want)
{
	return is_mmx_store(t) && want->fault != NO_FAULT;
}

/* A large image is touched in any order: CR2 is one of its bytes. */
bool choice_cr2(const struct native_case *t)
{
	unsigned reg = t->insn.reg & 7;

	switch (t->insn.key) {
	case X86_KEY(X86_MAP_0F, 0xae): return reg < 2; /* FXSAVE, FXRSTOR */
	case X86_KEY(X86_MAP_1, 0xd9):			/* FLDENV, FNSTENV */
	case X86_KEY(X86_MAP_1, 0xdd): return reg == 4 || reg == 6;
	default: return false;
	}
}

static bool is_fxsave(const struct native_case *t)
{
	return t->insn.key == X86_KEY(X86_MAP_0F, 0xae) && (t->insn.reg & 7) == 0;
}

static bool stores_80_bits(const struct native_case *t) /* FSTP, FBSTP */
{
	unsigned digit = t->insn.reg & 7;

	return (t->insn.flags & X86_I_MEM) &&
	       ((t->insn.key == X86_KEY(X86_MAP_1, 0xdb) && digit == 7) ||
		(t->insn.key == X86_KEY(X86_MAP_1, 0xdf) && digit == 6));
}

/* Takes over what lies in [at, at + len) and in the scratch memory. */
static void take(u8 *want, const u8 *got, u64 at, u64 len)
{
	for (u64 a = at; a < at + len; a++) {
		if (a >= SCRATCH && a < SCRATCH + SCRATCH_SIZE)
			want[a - SCRATCH] = got[a - SCRATCH];
	}
}

void choice_memory(const struct native_case *t, const struct native_regs *want, u8 *native,
		   const u8 *ours)
{
	/* FXSAVE stores MXCSR_MASK, which is the processor's own */
	if (is_fxsave(t) && range_within(t->target, 512, SCRATCH, SCRATCH_SIZE))
		take(native, ours, t->target + 28, 4);
	/* 80 bits may be stored in two parts, and the second one's page not be there */
	if (stores_80_bits(t) && want->fault != NO_FAULT)
		take(native, ours, t->target, 10);
}
