/* SPDX-License-Identifier: Apache-2.0 */
/* Near and far jumps, calls and returns. SDM vol. 2 JMP, CALL, RET; vol. 3A 5.8. */
#include "system_private.h"

int x86_near_jump(struct x86_cpu *c, u64 target)
{
	if (x86_code64(c)) {
		if (!x86_canonical(target))
			return x86_gp0(c);
	} else if (target > c->seg[SEG_CS].limit) {
		return x86_gp0(c);
	}
	c->rip = target;
	return X86_OK;
}

void x86_transfer_save(const struct x86_cpu *c, struct transfer_undo *u)
{
	*u = (struct transfer_undo){ c->seg[SEG_CS], c->seg[SEG_SS], c->rip,
				     c->gpr[REG_RSP], c->rflags };
}

int x86_transfer_undo(struct x86_cpu *c, const struct transfer_undo *u, bool name_ss,
		      u16 ss_sel)
{
	c->seg[SEG_CS] = u->cs;
	c->seg[SEG_SS] = u->ss;
	c->rip = u->rip;
	c->gpr[REG_RSP] = u->rsp;
	c->rflags = u->rflags;
	x86_update_mode(c);
	if (name_ss && c->fault.vector == EXC_SS)
		c->fault.error = ss_sel & 0xfffcu;
	return X86_FAULT;
}

int x86_check_target(struct x86_cpu *c, const struct x86_seg *cs, u64 offset)
{
	if (x86_long_mode(c) && (cs->attr & SA_L))
		return x86_canonical(offset) ? X86_OK : x86_gp0(c);
	return offset <= cs->limit ? X86_OK : x86_gp0(c);
}

/* Code segment and offset take effect; the stack is done. */
static int enter_code(struct x86_cpu *c, const struct x86_seg *cs, u64 offset)
{
	c->seg[SEG_CS] = *cs;
	c->rip = offset;
	x86_update_mode(c);
	return X86_BREAK;
}

/* A code segment reached by JMP or CALL without a gate. SDM vol. 3A 5.8.1. */
static int direct_code(struct x86_cpu *c, u16 sel, struct x86_desc *d, u64 offset,
		       struct x86_seg *cs)
{
	u32 attr = desc_attr(d->raw);
	unsigned dpl = attr_dpl(attr);
	int r;

	if (!attr_is_code(attr))
		return sel_fault(c, EXC_GP, sel);
	if (attr_is_conforming(attr) ? dpl > c->cpl : (sel & 3u) > c->cpl || dpl != c->cpl)
		return sel_fault(c, EXC_GP, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, sel);
	r = x86_check_code_bits(c, sel, attr);
	if (r)
		return r;
	x86_desc_unpack(d->raw, (u16)((sel & ~3u) | c->cpl), cs);
	r = x86_check_target(c, cs, offset);
	return r ? r : x86_desc_touch(c, d);
}

static int real_jump(struct x86_cpu *c, u16 sel, u64 offset)
{
	if (offset > c->seg[SEG_CS].limit)
		return x86_gp0(c);
	x86_load_segment_real(c, SEG_CS, sel);
	c->rip = offset;
	x86_update_mode(c);
	return X86_BREAK;
}

/* JMP or CALL to a task: a TSS by its descriptor, or through a task gate. */
static int far_task(struct x86_cpu *c, u16 sel, const struct x86_desc *d, bool call)
{
	u32 attr = desc_attr(d->raw);
	u16 tss = sel;

	if (attr_dpl(attr) < c->cpl || attr_dpl(attr) < (sel & 3u))
		return sel_fault(c, EXC_GP, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, sel);
	if ((attr & SA_TYPE) == DT_TASK)
		tss = (u16)(d->raw >> 16);
	return x86_task_switch(c, tss, call ? X86_TASK_CALL : X86_TASK_JUMP, false, 0);
}

static int far_system(struct x86_cpu *c, u16 sel, const struct x86_desc *d, bool call)
{
	unsigned type = desc_type(d->raw);

	if (type == DT_CALL || (type == DT_CALL16 && !x86_long_mode(c)))
		return x86_call_gate(c, sel, d, call);
	if (!x86_long_mode(c) && (type == DT_TASK || type == DT_TSS || type == DT_TSS16))
		return far_task(c, sel, d, call);
	return sel_fault(c, EXC_GP, sel);
}

int x86_far_jump(struct x86_cpu *c, u16 sel, u64 offset, unsigned opsize)
{
	struct x86_desc d;
	struct x86_seg cs;
	int r;

	offset &= bits_mask(opsize * 8);
	if (paragraph_mode(c))
		return real_jump(c, sel, offset);
	if (sel_is_null(sel))
		return x86_gp0(c);
	r = x86_desc_read(c, sel, EXC_GP, &d);
	if (r)
		return r;
	if (!(desc_attr(d.raw) & SA_S))
		return far_system(c, sel, &d, false);
	r = direct_code(c, sel, &d, offset, &cs);
	return r ? r : enter_code(c, &cs, offset);
}

/* Pushes CS and the return address, both or neither. */
static int push_return(struct x86_cpu *c, unsigned opsize)
{
	u64 rsp = c->gpr[REG_RSP];
	int r = x86_push(c, opsize, c->seg[SEG_CS].sel);

	if (r >= 0)
		r = x86_push(c, opsize, c->rip);
	if (r < 0)
		c->gpr[REG_RSP] = rsp;
	return r < 0 ? r : X86_OK;
}

int x86_far_call(struct x86_cpu *c, u16 sel, u64 offset, unsigned opsize)
{
	struct x86_desc d;
	struct x86_seg cs;
	int r;

	offset &= bits_mask(opsize * 8);
	if (paragraph_mode(c)) {
		if (offset > c->seg[SEG_CS].limit)
			return x86_gp0(c);
		r = push_return(c, opsize);
		return r ? r : real_jump(c, sel, offset);
	}
	if (sel_is_null(sel))
		return x86_gp0(c);
	r = x86_desc_read(c, sel, EXC_GP, &d);
	if (r)
		return r;
	if (!(desc_attr(d.raw) & SA_S))
		return far_system(c, sel, &d, true);
	r = direct_code(c, sel, &d, offset, &cs);
	if (!r)
		r = push_return(c, opsize);
	return r ? r : enter_code(c, &cs, offset);
}

/* The checks on CS that RET and IRET share. */
static int return_code(struct x86_cpu *c, u16 sel, u64 offset, struct x86_seg *cs)
{
	struct x86_desc d;
	unsigned rpl = sel & 3;
	u32 attr;
	int r;

	if (sel_is_null(sel))
		return x86_gp0(c);
	r = x86_desc_read(c, sel, EXC_GP, &d);
	if (r)
		return r;
	attr = desc_attr(d.raw);
	if (!attr_is_code(attr) || rpl < c->cpl)
		return sel_fault(c, EXC_GP, sel);
	if (attr_is_conforming(attr) ? attr_dpl(attr) > rpl : attr_dpl(attr) != rpl)
		return sel_fault(c, EXC_GP, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, sel);
	r = x86_check_code_bits(c, sel, attr);
	if (r)
		return r;
	x86_desc_unpack(d.raw, sel, cs);
	r = x86_check_target(c, cs, offset);
	return r ? r : x86_desc_touch(c, &d);
}

int x86_return_frame(struct x86_cpu *c, const struct x86_return *t, struct x86_seg *cs,
		     struct x86_seg *ss)
{
	unsigned rpl = t->cs & 3;
	struct x86_desc d;
	int r = return_code(c, t->cs, t->rip, cs);

	if (r || !t->has_ss)
		return r;
	/* A null SS is good for 64-bit code outside ring 3. */
	if (sel_is_null(t->ss) && x86_long_mode(c) && (cs->attr & SA_L) && rpl < 3 &&
	    (t->ss & 3u) == rpl) {
		*ss = (struct x86_seg){ .attr = SA_UNUSABLE | rpl << SA_DPL_SHIFT, .sel = t->ss };
		return X86_OK;
	}
	r = x86_check_stack(c, t->ss, rpl, EXC_GP, &d);
	if (!r)
		r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, t->ss, ss);
	return r;
}

void x86_return_commit(struct x86_cpu *c, const struct x86_seg *cs, const struct x86_seg *ss,
		       u64 rip, u64 rsp)
{
	unsigned old = c->cpl;
	bool was64 = x86_code64(c);

	c->seg[SEG_CS] = *cs;
	c->seg[SEG_SS] = *ss;
	c->rip = rip;
	if (was64 && (cs->attr & SA_L))
		update_cpl64(c);
	else
		x86_update_mode(c);
	c->gpr[REG_RSP] = (c->gpr[REG_RSP] & ~x86_sp_mask(c)) | (rsp & x86_sp_mask(c));
	if (c->stack_size == 4)
		c->gpr[REG_RSP] = (u32)c->gpr[REG_RSP];
	if (c->cpl > old) {
		x86_drop_inner_segments(c);
		if (!x86_code64(c))
			x86_update_mode(c);
	}
}

static int real_ret(struct x86_cpu *c, u64 rip, u16 sel, u64 pop)
{
	int r;

	if (rip > c->seg[SEG_CS].limit)
		return x86_gp0(c);
	x86_sp_add(c, pop);
	r = real_jump(c, sel, rip);
	return r;
}

int x86_far_ret(struct x86_cpu *c, unsigned opsize, u16 pop)
{
	struct x86_return t = { 0 };
	struct x86_seg cs, ss;
	u64 v, rsp;
	int r = x86_stack_peek(c, opsize, 0, &t.rip);

	if (r >= 0)
		r = x86_stack_peek(c, opsize, opsize, &v);
	if (r < 0)
		return r;
	t.cs = (u16)v;
	if (paragraph_mode(c))
		return real_ret(c, t.rip, t.cs, opsize * 2u + pop);
	if ((t.cs & 3u) <= c->cpl) {
		r = x86_return_frame(c, &t, &cs, &ss);
		if (r)
			return r;
		x86_sp_add(c, opsize * 2u + pop);
		return enter_code(c, &cs, t.rip);
	}
	r = x86_stack_peek(c, opsize, opsize * 2u + pop, &rsp);
	if (r >= 0)
		r = x86_stack_peek(c, opsize, opsize * 3u + pop, &v);
	if (r < 0)
		return r;
	t.ss = (u16)v;
	t.has_ss = true;
	r = x86_return_frame(c, &t, &cs, &ss);
	if (r)
		return r;
	x86_return_commit(c, &cs, &ss, t.rip, rsp);
	x86_sp_add(c, pop);
	return X86_BREAK;
}
