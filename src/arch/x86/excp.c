/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery of exceptions and interrupts through the IDT, in protected and long
 * mode, and what happens when a delivery itself faults. SDM vol. 3A chapter 6.
 */
#include "system_private.h"

struct gate {
	u64 offset;
	u16 sel;
	u8 ist;
	u8 attr; /* P, DPL, S, type */
};

static int gate_fault(struct x86_cpu *c, u8 exc, const struct delivery *d)
{
	return x86_fault_code(c, exc, d->vector * 8u + 2);
}

static int read_gate(struct x86_cpu *c, const struct delivery *d, struct gate *g)
{
	unsigned size = x86_long_mode(c) ? 16 : 8, at = d->vector * size;
	u64 raw[2] = { 0, 0 };
	int r;

	*g = (struct gate){ 0 };
	if (at + size - 1 > c->idt.limit)
		return gate_fault(c, EXC_GP, d);
	if (likely(size == 16))
		r = sys_load_fast(c, c->idt.base + at, raw, 16);
	else
		r = x86_sys_load(c, c->idt.base + at, raw, 8);
	if (r)
		return r;
	g->offset = (raw[0] & 0xffff) | (raw[0] >> 48 << 16) | (raw[1] & 0xffffffff) << 32;
	g->sel = (u16)(raw[0] >> 16);
	g->ist = (raw[0] >> 32) & 7;
	g->attr = (u8)(raw[0] >> 40);
	return X86_OK;
}

static bool gate_type_ok(const struct x86_cpu *c, const struct gate *g)
{
	switch (g->attr & (SA_S | SA_TYPE)) {
	case DT_INT:
	case DT_TRAP: return true;
	case DT_INT16:
	case DT_TRAP16:
	case DT_TASK: return !x86_long_mode(c);
	default: return false;
	}
}

static int check_gate(struct x86_cpu *c, const struct delivery *d, struct gate *g)
{
	int r = read_gate(c, d, g);

	if (r)
		return r;
	if (!gate_type_ok(c, g) || (d->soft && attr_dpl(g->attr) < c->cpl))
		return gate_fault(c, EXC_GP, d);
	if (!(g->attr & SA_P))
		return gate_fault(c, EXC_NP, d);
	return X86_OK;
}

/* The handler's code segment; *inner: it runs at a lower CPL. */
static int check_handler(struct x86_cpu *c, const struct gate *g, struct x86_seg *cs,
			 bool *inner)
{
	struct x86_desc d;
	unsigned dpl;
	u32 attr;
	int r;

	if (sel_is_null(g->sel))
		return x86_gp0(c);
	r = x86_desc_read(c, g->sel, EXC_GP, &d);
	if (r)
		return r;
	attr = desc_attr(d.raw);
	dpl = attr_dpl(attr);
	if (!attr_is_code(attr) || dpl > c->cpl)
		return sel_fault(c, EXC_GP, g->sel);
	if (x86_long_mode(c) && (attr & (SA_L | SA_DB)) != SA_L)
		return sel_fault(c, EXC_GP, g->sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, g->sel);
	*inner = !attr_is_conforming(attr) && dpl < c->cpl;
	if (x86_v86(c) && (!*inner || dpl))
		return sel_fault(c, EXC_GP, g->sel);
	x86_desc_unpack(d.raw, (u16)((g->sel & ~3u) | (*inner ? dpl : c->cpl)), cs);
	return x86_desc_touch(c, &d);
}

static u64 handler_flags(const struct x86_cpu *c, const struct gate *g)
{
	u64 clear = FL_TF | FL_NT | FL_RF | FL_VM;

	if (!(g->attr & 1)) /* interrupt gate */
		clear |= FL_IF;
	return c->rflags & ~clear;
}

/* --- long mode, SDM vol. 3A 6.14 -------------------------------------------- */

static int push_frame64(struct x86_cpu *c, const struct delivery *d,
			const struct transfer_undo *old)
{
	unsigned n = d->has_error ? 6 : 5;
	u64 frame[6] = { d->error, old->rip, old->cs.sel, d->flags, old->rsp, old->ss.sel };
	const u64 *from = d->has_error ? frame : frame + 1;
	u64 sp = c->gpr[REG_RSP] - n * 8;
	void *p = x86_tlb_hit(c, sp, n * 8, X86_WRITE);
	int r = X86_OK;

	if (likely(p)) {
		__builtin_memcpy(p, from, n * 8);
		c->gpr[REG_RSP] = sp;
		return X86_OK;
	}
	while (n-- && r >= 0)
		r = x86_push(c, 8, from[n]);
	return r < 0 ? r : X86_OK;
}

static int stack64(struct x86_cpu *c, const struct gate *g, bool inner, unsigned dpl,
		   struct x86_seg *ss, u64 *sp)
{
	int r = X86_OK;

	*sp = c->gpr[REG_RSP];
	*ss = c->seg[SEG_SS];
	if (g->ist)
		r = x86_tss_ist(c, g->ist, sp);
	else if (inner)
		r = x86_tss_stack(c, dpl, ss, sp);
	if (inner)
		*ss = (struct x86_seg){ .attr = SA_UNUSABLE | dpl << SA_DPL_SHIFT,
					.sel = (u16)dpl };
	*sp &= ~(u64)15;
	return r;
}

static int deliver_long(struct x86_cpu *c, const struct delivery *d, const struct gate *g)
{
	struct transfer_undo old;
	struct x86_seg cs, ss;
	bool inner, was64 = x86_code64(c);
	u64 sp;
	int r = check_handler(c, g, &cs, &inner);

	if (!r)
		r = stack64(c, g, inner, attr_dpl(cs.attr), &ss, &sp);
	if (!r && !x86_canonical(g->offset))
		r = x86_gp0(c);
	if (r)
		return r;
	x86_transfer_save(c, &old);
	c->seg[SEG_CS] = cs;
	c->seg[SEG_SS] = ss;
	if (likely(was64))
		update_cpl64(c);
	else
		x86_update_mode(c);
	c->gpr[REG_RSP] = sp;
	r = push_frame64(c, d, &old);
	if (r)
		return x86_transfer_undo(c, &old, false, 0);
	c->rip = g->offset;
	c->rflags = handler_flags(c, g);
	return X86_OK;
}

/* --- protected mode, SDM vol. 3A 6.12 ---------------------------------------- */

static int push_frame(struct x86_cpu *c, const struct delivery *d, unsigned size, bool inner,
		      const struct transfer_undo *old)
{
	static const u8 v86_order[] = { SEG_GS, SEG_FS, SEG_DS, SEG_ES };
	int r = X86_OK;

	if (old->rflags & FL_VM)
		for (unsigned n = 0; n < ARRAY_SIZE(v86_order) && r >= 0; n++)
			r = x86_push(c, size, c->seg[v86_order[n]].sel);
	if (inner) {
		if (r >= 0)
			r = x86_push(c, size, old->ss.sel);
		if (r >= 0)
			r = x86_push(c, size, old->rsp);
	}
	if (r >= 0)
		r = x86_push(c, size, d->flags);
	if (r >= 0)
		r = x86_push(c, size, old->cs.sel);
	if (r >= 0)
		r = x86_push(c, size, old->rip);
	if (r >= 0 && d->has_error)
		r = x86_push(c, size, d->error);
	return r < 0 ? r : X86_OK;
}

static int deliver_gate(struct x86_cpu *c, const struct delivery *d, const struct gate *g)
{
	unsigned size = g->attr & 8 ? 4 : 2;
	u64 offset = size == 4 ? (u32)g->offset : g->offset & 0xffff, sp;
	struct transfer_undo old;
	struct x86_seg cs, ss = c->seg[SEG_SS];
	bool inner;
	int r = check_handler(c, g, &cs, &inner);

	sp = c->gpr[REG_RSP];
	if (!r && inner)
		r = x86_tss_stack(c, attr_dpl(cs.attr), &ss, &sp);
	if (!r)
		r = x86_check_target(c, &cs, offset);
	if (r)
		return r;
	x86_transfer_save(c, &old);
	c->rflags &= ~FL_VM;
	c->seg[SEG_CS] = cs;
	c->seg[SEG_SS] = ss;
	x86_update_mode(c);
	c->gpr[REG_RSP] = sp;
	r = push_frame(c, d, size, inner, &old);
	if (r)
		return x86_transfer_undo(c, &old, inner, ss.sel);
	if (old.rflags & FL_VM)
		for (unsigned n = SEG_ES; n <= SEG_GS; n++)
			if (n != SEG_CS && n != SEG_SS)
				x86_seg_make_null(c, n, 0);
	c->rip = offset;
	c->rflags = handler_flags(c, g);
	x86_update_mode(c);
	return X86_OK;
}

static int deliver_protected(struct x86_cpu *c, const struct delivery *d)
{
	struct gate g;
	bool switched;
	int r = check_gate(c, d, &g);

	if (r)
		return r;
	if (likely(x86_long_mode(c)))
		return deliver_long(c, d, &g);
	if ((g.attr & SA_TYPE) != DT_TASK)
		return deliver_gate(c, d, &g);
	if (d->flags & FL_RF)
		c->rflags |= FL_RF; /* the old task's image says so */
	r = x86_task_enter(c, g.sel, X86_TASK_INT, d->has_error, d->error, &switched);
	return r < 0 ? r : X86_OK;
}

static int deliver(struct x86_cpu *c, const struct delivery *d)
{
	int r;

	c->irq_shadow = 0;
	r = x86_real_mode(c) ? x86_deliver_real(c, d) : deliver_protected(c, d);
	/* A fault on the way of an external event says so. */
	if (r == X86_FAULT && d->external && c->fault.has_error && c->fault.vector != EXC_PF)
		c->fault.error |= 1;
	return r;
}

/* --- faults and how they add up, SDM vol. 3A table 6-5 ----------------------- */

enum fault_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum fault_class classify(u8 vector)
{
	switch (vector) {
	case EXC_DE:
	case EXC_TS:
	case EXC_NP:
	case EXC_SS:
	case EXC_GP: return CONTRIBUTORY;
	case EXC_PF: return PAGE_FAULT;
	case EXC_DF: return DOUBLE_FAULT;
	default: return BENIGN;
	}
}

static bool doubles(enum fault_class first, enum fault_class second)
{
	if (first == CONTRIBUTORY)
		return second == CONTRIBUTORY;
	return first == PAGE_FAULT && second != BENIGN;
}

/* Registers that hold the cause, and flags to push. */
static void fault_prepare(struct x86_cpu *c, const struct x86_fault *f, struct delivery *d)
{
	bool fault = f->vector != EXC_DB || (f->dr6 & DR6_BD);

	*d = (struct delivery){ .vector = f->vector, .has_error = f->has_error,
				.error = f->error, .external = true };
	d->flags = x86_flags_get(c) | (fault ? FL_RF : 0);
	if (f->vector == EXC_PF)
		c->cr2 = f->cr2;
	if (f->vector == EXC_DB) {
		c->dr[6] = (c->dr[6] & ~(u64)15) | f->dr6;
		c->dr[7] &= ~DR7_GD;
	}
}

static int deliver_faults(struct x86_cpu *c, enum fault_class first)
{
	struct delivery d;
	struct x86_fault f;
	int r;

	for (;;) {
		enum fault_class second = classify(c->fault.vector);

		if (first == DOUBLE_FAULT && second != BENIGN)
			return X86_SHUTDOWN;
		if (doubles(first, second)) {
			if (second == PAGE_FAULT)
				c->cr2 = c->fault.cr2;
			x86_fault_code(c, EXC_DF, 0);
			second = DOUBLE_FAULT;
		}
		f = c->fault;
		fault_prepare(c, &f, &d);
		r = deliver(c, &d);
		if (r != X86_FAULT)
			return r < 0 ? r : X86_OK;
		first = second;
	}
}

/* A task switch on the way may have armed the T-bit trap. */
static int deliver_pending_trap(struct x86_cpu *c, int r)
{
	if (r == X86_OK && unlikely(c->pending_dr6 & DR6_BT) && x86_debug_after(c, false) == X86_FAULT)
		return deliver_faults(c, BENIGN);
	return r;
}

int x86_deliver_fault(struct x86_cpu *c)
{
	c->pending_dr6 = 0;
	return deliver_pending_trap(c, deliver_faults(c, BENIGN));
}

int x86_deliver_interrupt(struct x86_cpu *c, u8 vector)
{
	struct delivery d = { .vector = vector, .external = true, .flags = x86_flags_get(c) };
	int r;

	if (vector == EXC_NMI)
		c->nmi_blocked = true;
	r = deliver(c, &d);
	if (r == X86_FAULT)
		r = deliver_faults(c, BENIGN);
	return deliver_pending_trap(c, r < 0 ? r : X86_OK);
}

int x86_soft_interrupt(struct x86_cpu *c, u8 vector)
{
	struct delivery d = { .vector = vector, .soft = true, .flags = x86_flags_get(c) };
	int r = deliver(c, &d);

	if (r < 0)
		return r;
	c->pending_dr6 |= DEBUG_NO_STEP; /* TF was cleared: no trap in the handler */
	return X86_BREAK;
}
