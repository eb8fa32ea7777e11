/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MOVS STOS LODS CMPS SCAS, alone and repeated. SDM vol. 2 "REP/REPE/...".
 *
 * A repeated one goes on until it is done or the run loop is wanted: the registers
 * say how far it got after every element, so that a fault or an interrupt in the
 * middle loses nothing. While a count remains c->rip goes back to the instruction
 * and RF is set (x86_rep_again).
 * Forward MOVS and STOS on RAM pages go by runs within a page.
 */
#include "int_ops.h"
#include <trivet/string.h>

#define RUN_BYTES 4096 /* at most, between looks at c->attention */

enum string_op { STR_MOVS, STR_CMPS, STR_STOS, STR_LODS, STR_SCAS };

INLINE bool string_reads(enum string_op op)
{
	return op == STR_MOVS || op == STR_CMPS || op == STR_LODS;
}

INLINE void string_advance(struct x86_cpu *c, const struct x86_insn *i,
			   unsigned reg, u64 by)
{
	int_set_addr_reg(c, i, reg, c->gpr[reg] + by);
}

/* --- one element -------------------------------------------------------------- */

/* The memory accesses; *src and *dst are what was read, for CMPS and SCAS. */
INLINE int string_access(struct x86_cpu *c, const struct x86_insn *i,
			 unsigned bits, enum string_op op, u64 *src, u64 *dst)
{
	int r = X86_OK, w = X86_OK;

	if (string_reads(op))
		r = int_load_at(c, bits, i->seg, int_addr_reg(c, i, REG_RSI), src);
	else
		*src = int_gpr(c, bits, REG_RAX);
	if (r < 0)
		return r;
	if (op == STR_MOVS || op == STR_STOS)
		w = int_store_at(c, bits, SEG_ES, int_addr_reg(c, i, REG_RDI), *src);
	else if (op != STR_LODS)
		w = int_load_at(c, bits, SEG_ES, int_addr_reg(c, i, REG_RDI), dst);
	return int_worse(r, w);
}

INLINE int string_one(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, enum string_op op)
{
	u64 step = c->rflags & FL_DF ? 0 - (u64)bits / 8 : bits / 8;
	u64 src = 0, dst = 0;
	int r = string_access(c, i, bits, op, &src, &dst);

	if (r < 0)
		return r;
	if (op == STR_LODS)
		int_put_gpr(c, bits, REG_RAX, src);
	else if (op == STR_CMPS || op == STR_SCAS)
		op_sub(c, bits, src, dst, false);
	if (string_reads(op))
		string_advance(c, i, REG_RSI, step);
	if (op != STR_LODS)
		string_advance(c, i, REG_RDI, step);
	return r;
}

/* --- runs of MOVS and STOS ------------------------------------------------------ */

/*
 * The host address of the operand at reg and, through *bytes, how many of the
 * bytes wanted can be had there: within the page and without wrapping the
 * address. NULL when the checks need the slow way.
 */
static u8 *string_run(const struct x86_cpu *c, const struct x86_insn *i,
		      unsigned seg, unsigned reg, enum x86_access access,
		      u64 *bytes)
{
	u64 offset = int_addr_reg(c, i, reg), lin = offset + c->seg_base[seg];
	u64 room = PAGE_SIZE - (lin & (PAGE_SIZE - 1));
	u64 below_wrap = bits_mask(i->addrsize * 8u) - offset;

	if (!(c->flat & (1u << seg)))
		return NULL;
	if (*bytes > room)
		*bytes = room;
	if (*bytes > below_wrap)
		*bytes = below_wrap;
	return *bytes ? x86_tlb_hit(c, lin, (unsigned)*bytes, access) : NULL;
}

/* Element by element, so that an overlap replicates as the SDM says. */
INLINE void string_copy(u8 *dst, const u8 *src, u64 bytes, unsigned bits)
{
	if (dst <= src || dst >= src + bytes) {
		memmove(dst, src, bytes);
		return;
	}
	for (u64 at = 0; at < bytes; at += bits / 8)
		int_poke(dst + at, bits, int_peek(src + at, bits));
}

INLINE void string_fill(u8 *dst, u64 v, u64 bytes, unsigned bits)
{
	if (int_trunc((v & 0xff) * 0x0101010101010101, bits) == int_trunc(v, bits)) {
		memset(dst, (u8)v, bytes);
		return;
	}
	for (u64 at = 0; at < bytes; at += bits / 8)
		int_poke(dst + at, bits, v);
}

/* Does up to count elements at once; returns how many, 0 for the slow way. */
INLINE u64 string_bulk(struct x86_cpu *c, const struct x86_insn *i,
		       unsigned bits, enum string_op op, u64 count)
{
	u64 bytes = count * (bits / 8);
	const u8 *src = NULL;
	u8 *dst;

	if (c->rflags & FL_DF)
		return 0;
	if (op == STR_MOVS) {
		src = string_run(c, i, i->seg, REG_RSI, X86_READ, &bytes);
		if (!src)
			return 0;
	}
	dst = string_run(c, i, SEG_ES, REG_RDI, X86_WRITE, &bytes);
	bytes &= ~((u64)bits / 8 - 1);
	if (!dst || !bytes)
		return 0;
	if (op == STR_MOVS) {
		string_copy(dst, src, bytes, bits);
		string_advance(c, i, REG_RSI, bytes);
	} else {
		string_fill(dst, c->gpr[REG_RAX], bytes, bits);
	}
	string_advance(c, i, REG_RDI, bytes);
	return bytes / (bits / 8);
}

/* --- repetition ------------------------------------------------------------------ */

INLINE bool string_ends(const struct x86_cpu *c, const struct x86_insn *i,
			enum string_op op)
{
	if (op != STR_CMPS && op != STR_SCAS)
		return false;
	return x86_zf(c) == ((i->flags & X86_I_REPNE) != 0);
}

INLINE int string_rep(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, enum string_op op)
{
	u64 count = int_addr_reg(c, i, REG_RCX), budget, n;
	int r = X86_OK;

	budget = x86_rep_single(c) ? 1 : RUN_BYTES / (bits / 8);
	while (count && r == X86_OK) {
		n = 0;
		if (op == STR_MOVS || op == STR_STOS)
			n = string_bulk(c, i, bits, op,
					count < budget ? count : budget);
		if (!n) {
			r = string_one(c, i, bits, op);
			if (r < 0)
				return r;
			n = 1;
		}
		count -= n;
		budget -= n;
		int_set_addr_reg(c, i, REG_RCX, count);
		if (string_ends(c, i, op))
			return r;
		if (!budget) {
			if (x86_rep_wanted(c))
				break;
			budget = RUN_BYTES / (bits / 8);
		}
	}
	return count ? x86_rep_again(c, i) : r;
}

/* --- binding ---------------------------------------------------------------------- */

#define STRING(name, op, n)                                                    \
	static int name##n(struct x86_cpu *c, const struct x86_insn *i)        \
	{                                                                      \
		return string_one(c, i, BITS(n), op);                          \
	}                                                                      \
	static int name##_rep##n(struct x86_cpu *c, const struct x86_insn *i)  \
	{                                                                      \
		return string_rep(c, i, BITS(n), op);                          \
	}
#define STRING_ENTRY(name, n) name##n
#define STRING_REP_ENTRY(name, n) name##_rep##n
#define STRING_ROW(name)                                                       \
	{                                                                      \
		INT_ROW_W(STRING_ENTRY, name), INT_ROW_W(STRING_REP_ENTRY, name) \
	}
INT_EACH_W(STRING, movs, STR_MOVS)
INT_EACH_W(STRING, cmps, STR_CMPS)
INT_EACH_W(STRING, stos, STR_STOS)
INT_EACH_W(STRING, lods, STR_LODS)
INT_EACH_W(STRING, scas, STR_SCAS)

/* A4..A7 AA..AF */
x86_exec_fn int_bind_string(const struct x86_insn *i, unsigned mode)
{
	/* by opcode bits 3:1 from A4: MOVS CMPS (TEST) STOS LODS SCAS */
	static const x86_exec_fn table[6][2][INT_COUNT_W] = {
		STRING_ROW(movs), STRING_ROW(cmps), { { NULL } },
		STRING_ROW(stos), STRING_ROW(lods), STRING_ROW(scas),
	};
	bool rep = (i->flags & (X86_I_REP | X86_I_REPNE)) != 0;

	(void)mode;
	return table[(i->key - 0xa4) >> 1][rep][int_size_w(i)];
}
