/* SPDX-License-Identifier: Apache-2.0 */
/* Call gates and the stacks that a TSS holds. SDM vol. 3A 5.8.3 to 5.8.5, 7.7. */
#include "system_private.h"

int x86_tss_ist(struct x86_cpu *c, unsigned ist, u64 *sp)
{
	const struct x86_seg *tr = &c->seg[SEG_TR];
	unsigned at = 0x1c + ist * 8;

	if (at + 7 > tr->limit)
		return sel_fault(c, EXC_TS, tr->sel);
	return sys_load_fast(c, tr->base + at, sp, 8);
}

static int tss_stack64(struct x86_cpu *c, unsigned dpl, struct x86_seg *ss, u64 *sp)
{
	const struct x86_seg *tr = &c->seg[SEG_TR];
	unsigned at = 4 + dpl * 8;

	if (at + 7 > tr->limit)
		return sel_fault(c, EXC_TS, tr->sel);
	*ss = (struct x86_seg){ .attr = SA_UNUSABLE | dpl << SA_DPL_SHIFT, .sel = (u16)dpl };
	return sys_load_fast(c, tr->base + at, sp, 8);
}

int x86_tss_stack(struct x86_cpu *c, unsigned dpl, struct x86_seg *ss, u64 *sp)
{
	const struct x86_seg *tr = &c->seg[SEG_TR];
	bool wide = (tr->attr & 8) != 0;
	unsigned at = wide ? 4 + dpl * 8 : 2 + dpl * 4;
	struct x86_desc d;
	u8 raw[8];
	u16 sel;
	int r;

	if (x86_long_mode(c))
		return tss_stack64(c, dpl, ss, sp);
	if (at + (wide ? 5 : 3) > tr->limit)
		return sel_fault(c, EXC_TS, tr->sel);
	r = x86_sys_load(c, tr->base + at, raw, wide ? 8 : 4);
	if (r)
		return r;
	*sp = wide ? get_le32(raw) : get_le16(raw);
	sel = get_le16(raw + (wide ? 4 : 2));
	r = x86_check_stack(c, sel, dpl, EXC_TS, &d);
	if (!r)
		r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, sel, ss);
	return r;
}

/* What a call gate's descriptor says. */
struct call_gate {
	u16 cs_sel;
	u64 offset;
	unsigned size;	 /* of a push: 2, 4, 8 */
	unsigned params; /* to copy, in units of size */
};

static int gate_unpack(struct x86_cpu *c, u16 sel, const struct x86_desc *d,
		       struct call_gate *g)
{
	struct x86_desc whole;
	int r;

	g->cs_sel = (u16)(d->raw >> 16);
	g->offset = (d->raw & 0xffff) | (d->raw >> 48 << 16);
	g->params = (unsigned)(d->raw >> 32) & 31;
	g->size = desc_type(d->raw) == DT_CALL ? 4 : 2;
	if (g->size == 2)
		g->offset &= 0xffff;
	if (!x86_long_mode(c))
		return X86_OK;
	r = x86_desc_read_system(c, sel, EXC_GP, &whole);
	if (r)
		return r;
	g->offset |= whole.raw_high << 32;
	g->params = 0;
	g->size = 8;
	return X86_OK;
}

static int gate_code(struct x86_cpu *c, const struct call_gate *g, bool call,
		     struct x86_desc *d)
{
	u32 attr;
	int r;

	if (sel_is_null(g->cs_sel))
		return x86_gp0(c);
	r = x86_desc_read(c, g->cs_sel, EXC_GP, d);
	if (r)
		return r;
	attr = desc_attr(d->raw);
	if (!attr_is_code(attr) || attr_dpl(attr) > c->cpl ||
	    (!call && !attr_is_conforming(attr) && attr_dpl(attr) != c->cpl))
		return sel_fault(c, EXC_GP, g->cs_sel);
	if (x86_long_mode(c) && (attr & (SA_L | SA_DB)) != SA_L)
		return sel_fault(c, EXC_GP, g->cs_sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, g->cs_sel);
	return x86_desc_touch(c, d);
}

/* Old SS:SP, parameters and return address onto the inner stack just set up. */
static int inner_pushes(struct x86_cpu *c, const struct call_gate *g,
			const struct transfer_undo *old, const u64 *params)
{
	int r = x86_push(c, g->size, old->ss.sel);

	if (r >= 0)
		r = x86_push(c, g->size, old->rsp);
	for (unsigned n = g->params; n-- && r >= 0;)
		r = x86_push(c, g->size, params[n]);
	if (r >= 0)
		r = x86_push(c, g->size, old->cs.sel);
	if (r >= 0)
		r = x86_push(c, g->size, old->rip);
	return r;
}

static int call_inner(struct x86_cpu *c, const struct call_gate *g, const struct x86_seg *cs)
{
	struct transfer_undo old;
	struct x86_seg ss;
	u64 sp, params[31];
	int r = x86_tss_stack(c, attr_dpl(cs->attr), &ss, &sp);

	for (unsigned n = 0; n < g->params && r >= 0; n++)
		r = x86_stack_peek(c, g->size, n * g->size, &params[n]);
	if (r < 0)
		return r;
	x86_transfer_save(c, &old);
	c->seg[SEG_CS] = *cs;
	c->seg[SEG_SS] = ss;
	x86_update_mode(c);
	c->gpr[REG_RSP] = sp;
	r = inner_pushes(c, g, &old, params);
	if (r < 0)
		return x86_transfer_undo(c, &old, !x86_long_mode(c), ss.sel);
	c->rip = g->offset;
	return X86_BREAK;
}

static int call_same(struct x86_cpu *c, const struct call_gate *g, const struct x86_seg *cs)
{
	struct transfer_undo old;
	int r;

	x86_transfer_save(c, &old);
	c->seg[SEG_CS] = *cs;
	x86_update_mode(c); /* the pushes are as wide as the new code */
	r = x86_push(c, g->size, old.cs.sel);
	if (r >= 0)
		r = x86_push(c, g->size, old.rip);
	if (r < 0)
		return x86_transfer_undo(c, &old, false, 0);
	c->rip = g->offset;
	return X86_BREAK;
}

int x86_call_gate(struct x86_cpu *c, u16 gate_sel, const struct x86_desc *gate, bool call)
{
	u32 attr = desc_attr(gate->raw);
	struct call_gate g;
	struct x86_desc d;
	struct x86_seg cs;
	bool inner;
	int r;

	if (attr_dpl(attr) < c->cpl || attr_dpl(attr) < (gate_sel & 3u))
		return sel_fault(c, EXC_GP, gate_sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, gate_sel);
	r = gate_unpack(c, gate_sel, gate, &g);
	if (!r)
		r = gate_code(c, &g, call, &d);
	if (r)
		return r;
	attr = desc_attr(d.raw);
	inner = call && !attr_is_conforming(attr) && attr_dpl(attr) < c->cpl;
	x86_desc_unpack(d.raw, (u16)((g.cs_sel & ~3u) | (inner ? attr_dpl(attr) : c->cpl)), &cs);
	r = x86_check_target(c, &cs, g.offset);
	if (r)
		return r;
	if (inner)
		return call_inner(c, &g, &cs);
	if (call)
		return call_same(c, &g, &cs);
	c->seg[SEG_CS] = cs;
	c->rip = g.offset;
	x86_update_mode(c);
	return X86_BREAK;
}
