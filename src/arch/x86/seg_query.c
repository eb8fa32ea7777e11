/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LAR, LSL, VERR, VERW, ARPL: questions about a selector that answer in ZF.
 * They read the guest's own descriptor tables. SDM vol. 2.
 */
#include "sys_exec.h"

/* Reads a descriptor the CPL may know of; *ok false: ZF = 0. */
static int query(struct x86_cpu *c, u16 sel, u64 *raw, bool *ok)
{
	u64 lin;
	u32 attr;
	int r;

	*ok = false;
	if (sel_is_null(sel) || !x86_desc_locate(c, sel, &lin))
		return X86_OK;
	r = x86_sys_load(c, lin, raw, 8);
	if (r)
		return r;
	attr = desc_attr(*raw);
	*ok = attr_is_conforming(attr) ||
	      (c->cpl <= attr_dpl(attr) && (sel & 3u) <= attr_dpl(attr));
	return X86_OK;
}

static bool lar_type(const struct x86_cpu *c, u32 attr)
{
	u32 legacy = BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(9) | BIT(11) | BIT(12);
	u32 wide = BIT(2) | BIT(9) | BIT(11) | BIT(12);

	return (attr & SA_S) || ((x86_long_mode(c) ? wide : legacy) >> (attr & SA_TYPE) & 1);
}

static bool lsl_type(const struct x86_cpu *c, u32 attr)
{
	u32 legacy = BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(11);
	u32 wide = BIT(2) | BIT(9) | BIT(11);

	return (attr & SA_S) || ((x86_long_mode(c) ? wide : legacy) >> (attr & SA_TYPE) & 1);
}

static void set_zf(struct x86_cpu *c, bool zf)
{
	x86_flags_set_arith(c, (x86_flags_get(c) & ~FL_ZF) | (zf ? FL_ZF : 0));
}

static int exec_lar_lsl(struct x86_cpu *c, const struct x86_insn *i, bool lsl)
{
	struct x86_seg seg;
	u64 raw, value;
	u16 sel = 0;
	bool ok;
	int r;

	if (paragraph_mode(c))
		return x86_ud(c);
	r = load_word_operand(c, i, &sel);
	if (r >= 0)
		r = query(c, sel, &raw, &ok);
	if (r < 0)
		return r;
	if (ok)
		ok = lsl ? lsl_type(c, desc_attr(raw)) : lar_type(c, desc_attr(raw));
	set_zf(c, ok);
	if (!ok)
		return X86_OK;
	x86_desc_unpack(raw, sel, &seg);
	value = lsl ? seg.limit : (raw >> 32) & 0xf0ff00;
	if (i->opsize == 2)
		c->gpr[i->reg] = (c->gpr[i->reg] & ~(u64)0xffff) | (value & 0xffff);
	else
		c->gpr[i->reg] = value;
	return X86_OK;
}

int x86_exec_lar(struct x86_cpu *c, const struct x86_insn *i)
{
	return exec_lar_lsl(c, i, false);
}

int x86_exec_lsl(struct x86_cpu *c, const struct x86_insn *i)
{
	return exec_lar_lsl(c, i, true);
}

static int exec_verify(struct x86_cpu *c, const struct x86_insn *i, bool write)
{
	u64 raw;
	u32 attr;
	u16 sel = 0;
	bool ok;
	int r;

	if (paragraph_mode(c))
		return x86_ud(c);
	r = load_word_operand(c, i, &sel);
	if (r >= 0)
		r = query(c, sel, &raw, &ok);
	if (r < 0)
		return r;
	if (ok) {
		attr = desc_attr(raw);
		if (write)
			ok = attr_is_stack(attr);
		else
			ok = (attr & SA_S) && (attr & (SA_CODE | SA_WRITE)) != SA_CODE;
	}
	set_zf(c, ok);
	return X86_OK;
}

int x86_exec_verr(struct x86_cpu *c, const struct x86_insn *i)
{
	return exec_verify(c, i, false);
}

int x86_exec_verw(struct x86_cpu *c, const struct x86_insn *i)
{
	return exec_verify(c, i, true);
}

int x86_exec_arpl(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 rpl = (u16)(c->gpr[i->reg] & 3);
	struct x86_rmw m;
	u64 sel = (u16)c->gpr[i->rm];
	bool mem = i->flags & X86_I_MEM, raise;
	int r = X86_OK;

	if (paragraph_mode(c))
		return x86_ud(c);
	if (mem) {
		r = x86_rmw_open(c, i->seg, x86_ea(c, i), 2, &m);
		if (r >= 0)
			r = x86_rmw_read(c, &m, &sel);
		if (r < 0)
			return r;
	}
	raise = (sel & 3) < rpl;
	if (raise) {
		sel = (sel & ~(u64)3) | rpl;
		if (mem)
			r = x86_rmw_write(c, &m, sel);
		else
			c->gpr[i->rm] = (c->gpr[i->rm] & ~(u64)0xffff) | sel;
	}
	if (r >= 0)
		set_zf(c, raise);
	return r;
}
