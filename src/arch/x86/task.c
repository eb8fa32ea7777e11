/* SPDX-License-Identifier: Apache-2.0 */
/* Task switches. SDM vol. 3A chapter 7; the order of checks is table 7-1's. */
#include <trivet/string.h>

#include "system_private.h"

/* Where the 16- and 32-bit TSS keep things (figures 7-2 and 7-10). */
struct tss_layout {
	u8 size;	/* of a register's slot */
	u8 limit;	/* least segment limit */
	u8 eip, flags, gpr, seg, segs, ldt;
	u8 save_end;
};
static const struct tss_layout tss16 = { 2, 0x2b, 0x0e, 0x10, 0x12, 0x22, 4, 0x2a, 0x2a };
static const struct tss_layout tss32 = { 4, 0x67, 0x20, 0x24, 0x28, 0x48, 6, 0x60, 0x60 };

#define TSS_BYTES 0x68
#define TSS32_CR3 0x1c

/* A task: its TSS, and what it says. */
struct task {
	const struct tss_layout *l;
	struct x86_desc desc;
	struct x86_seg tr;
	u8 image[TSS_BYTES];
};

static u32 image_get(const u8 *image, unsigned at, unsigned size)
{
	return size == 4 ? get_le32(image + at) : get_le16(image + at);
}

static void image_put(u8 *image, unsigned at, unsigned size, u64 v)
{
	if (size == 4)
		put_le32(image + at, (u32)v);
	else
		put_le16(image + at, (u16)v);
}

/* The new task's descriptor and TSS, read before anything changes. */
static int task_open(struct x86_cpu *c, u16 sel, enum x86_task_reason why, struct task *t)
{
	u8 bad = why == X86_TASK_IRET ? EXC_TS : EXC_GP;
	unsigned type;
	int r;

	if (x86_long_mode(c))
		return sel_fault(c, EXC_GP, sel);
	if ((sel & 4) || sel_is_null(sel))
		return sel_fault(c, bad, sel);
	r = x86_desc_read(c, sel, bad, &t->desc);
	if (r)
		return r;
	type = desc_attr(t->desc.raw) & (SA_S | SA_TYPE);
	if ((type & ~8u) != (why == X86_TASK_IRET ? DT_TSS16_BUSY : DT_TSS16))
		return sel_fault(c, bad, sel);
	if (!(desc_attr(t->desc.raw) & SA_P))
		return sel_fault(c, EXC_NP, sel);
	x86_desc_unpack(t->desc.raw | BIT(41), sel, &t->tr);
	t->l = type & 8 ? &tss32 : &tss16;
	if (t->tr.limit < t->l->limit)
		return sel_fault(c, EXC_TS, sel);
	return x86_sys_load(c, t->tr.base, t->image, t->l->limit + 1u);
}

/* The outgoing task's registers, from EIP to the last segment register. */
static int task_save(struct x86_cpu *c, u64 flags)
{
	const struct x86_seg *tr = &c->seg[SEG_TR];
	const struct tss_layout *l = tr->attr & 8 ? &tss32 : &tss16;
	u8 image[TSS_BYTES];

	if (tr->limit < l->limit)
		return sel_fault(c, EXC_TS, tr->sel);
	memset(image, 0, sizeof image);
	image_put(image, l->eip, l->size, c->rip);
	image_put(image, l->flags, l->size, flags);
	for (unsigned n = 0; n < 8; n++)
		image_put(image, l->gpr + n * l->size, l->size, c->gpr[n]);
	for (unsigned n = 0; n < l->segs; n++)
		image_put(image, l->seg + n * l->size, l->size, c->seg[n].sel);
	return x86_sys_store(c, tr->base + l->eip, image + l->eip,
			     (unsigned)(l->save_end - l->eip));
}

/* Busy bits, back link and the save: the last steps that may fault in the old
 * task. */
static int task_leave(struct x86_cpu *c, struct task *t, enum x86_task_reason why)
{
	u64 flags = x86_flags_get(c), old_lin;
	u16 link = c->seg[SEG_TR].sel;
	int r;

	if (why == X86_TASK_IRET)
		flags &= ~FL_NT;
	r = task_save(c, flags);
	if (!r && (why == X86_TASK_JUMP || why == X86_TASK_IRET) &&
	    x86_desc_locate(c, link, &old_lin))
		r = x86_desc_set_busy(c, old_lin, false);
	if (!r && (why == X86_TASK_CALL || why == X86_TASK_INT))
		r = x86_sys_store(c, t->tr.base, &link, 2);
	if (!r && why != X86_TASK_IRET)
		r = x86_desc_set_busy(c, t->desc.lin, true);
	return r;
}

static int task_load_cr3(struct x86_cpu *c, const struct task *t)
{
	u64 cr3 = get_le32(t->image + TSS32_CR3);
	int r;

	if (!(c->cr0 & CR0_PG) || t->l->size != 4 || cr3 == c->cr3)
		return X86_OK;
	if (c->cr4 & CR4_PAE) {
		r = x86_load_pdptes(c, cr3);
		if (r)
			return r;
	}
	c->cr3 = cr3;
	x86_tlb_flush_nonglobal(c);
	c->lookup_gen++;
	return X86_OK;
}

/* Registers that cannot fault; segments hold selectors only, unusable. */
static void task_load_plain(struct x86_cpu *c, const struct task *t, enum x86_task_reason why)
{
	const struct tss_layout *l = t->l;
	u64 flags = image_get(t->image, l->flags, l->size);

	c->seg[SEG_TR] = t->tr;
	c->cr0 |= CR0_TS;
	c->dr[7] &= ~(u64)0x155; /* L0..L3 and LE */
	c->rip = image_get(t->image, l->eip, l->size);
	if (why == X86_TASK_CALL || why == X86_TASK_INT)
		flags |= FL_NT;
	x86_flags_set(c, flags & (FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF |
				  FL_VM | FL_AC | FL_VIF | FL_VIP | FL_ID));
	for (unsigned n = 0; n < 8; n++) {
		u32 v = image_get(t->image, l->gpr + n * l->size, l->size);

		c->gpr[n] = l->size == 4 ? v : 0xffff0000 | v;
	}
	for (unsigned n = 0; n < SEG_LDTR - SEG_ES; n++)
		x86_seg_make_null(c, n, n < l->segs ? get_le16(t->image + l->seg + n * l->size) : 0);
	x86_seg_make_null(c, SEG_LDTR, get_le16(t->image + l->ldt));
	c->seg[SEG_SS].attr |= (u32)(c->seg[SEG_CS].sel & 3) << SA_DPL_SHIFT;
	if (t->l->size == 4 && (t->image[0x64] & 1))
		c->pending_dr6 |= DR6_BT;
	x86_update_mode(c);
}

static int task_load_ldt(struct x86_cpu *c)
{
	u16 sel = c->seg[SEG_LDTR].sel;
	struct x86_desc d;
	int r;

	if (sel_is_null(sel))
		return X86_OK;
	if (sel & 4)
		return sel_fault(c, EXC_TS, sel);
	r = x86_desc_read(c, sel, EXC_TS, &d);
	if (r)
		return r;
	if ((desc_attr(d.raw) & (SA_P | SA_S | SA_TYPE)) != (SA_P | DT_LDT))
		return sel_fault(c, EXC_TS, sel);
	x86_desc_unpack(d.raw, sel, &c->seg[SEG_LDTR]);
	return X86_OK;
}

static int task_load_cs(struct x86_cpu *c)
{
	u16 sel = c->seg[SEG_CS].sel;
	unsigned rpl = sel & 3;
	struct x86_desc d;
	u32 attr;
	int r;

	if (sel_is_null(sel))
		return sel_fault(c, EXC_TS, sel);
	r = x86_desc_read(c, sel, EXC_TS, &d);
	if (r)
		return r;
	attr = desc_attr(d.raw);
	if (!attr_is_code(attr) ||
	    (attr_is_conforming(attr) ? attr_dpl(attr) > rpl : attr_dpl(attr) != rpl))
		return sel_fault(c, EXC_TS, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, sel);
	r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, sel, &c->seg[SEG_CS]);
	return r;
}

static int task_load_data(struct x86_cpu *c, unsigned seg)
{
	u16 sel = c->seg[seg].sel;
	struct x86_desc d;
	u32 attr;
	int r;

	if (sel_is_null(sel))
		return X86_OK;
	r = x86_desc_read(c, sel, EXC_TS, &d);
	if (r)
		return r;
	attr = desc_attr(d.raw);
	if (!(attr & SA_S) || (attr & (SA_CODE | SA_WRITE)) == SA_CODE ||
	    (!attr_is_conforming(attr) &&
	     ((sel & 3u) > attr_dpl(attr) || c->cpl > attr_dpl(attr))))
		return sel_fault(c, EXC_TS, sel);
	if (!(attr & SA_P))
		return sel_fault(c, EXC_NP, sel);
	r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, sel, &c->seg[seg]);
	return r;
}

static int task_load_segments(struct x86_cpu *c)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	struct x86_desc d;
	u16 ss = c->seg[SEG_SS].sel;
	int r = task_load_ldt(c);

	if (r)
		return r;
	if (x86_v86(c)) {
		for (unsigned n = SEG_ES; n <= SEG_GS; n++)
			x86_load_segment_real(c, n, c->seg[n].sel);
		return X86_OK;
	}
	r = task_load_cs(c);
	if (!r)
		r = x86_check_stack(c, ss, c->cpl, EXC_TS, &d);
	if (!r)
		r = x86_desc_touch(c, &d);
	if (!r)
		x86_desc_unpack(d.raw, ss, &c->seg[SEG_SS]);
	for (unsigned n = 0; n < ARRAY_SIZE(data) && !r; n++)
		r = task_load_data(c, data[n]);
	return r;
}

int x86_task_enter(struct x86_cpu *c, u16 sel, enum x86_task_reason why, bool has_error,
		   u32 error, bool *switched)
{
	struct task t;
	int r;

	*switched = false;
	r = task_open(c, sel, why, &t);
	if (!r)
		r = task_leave(c, &t, why);
	if (r)
		return r;
	*switched = true;
	r = task_load_cr3(c, &t);
	task_load_plain(c, &t, why);
	if (!r)
		r = task_load_segments(c);
	x86_update_mode(c);
	if (!r && has_error)
		r = x86_push(c, t.l->size, error);
	if (r >= 0 && c->rip > c->seg[SEG_CS].limit)
		r = x86_gp0(c);
	return r < 0 ? r : X86_BREAK;
}

int x86_task_switch(struct x86_cpu *c, u16 tss_sel, enum x86_task_reason why, bool has_error,
		    u32 error)
{
	bool switched;
	int r = x86_task_enter(c, tss_sel, why, has_error, error, &switched);

	if (r >= 0 && (c->pending_dr6 & DR6_BT))
		r = x86_debug_after(c, false); /* the new task's T bit */
	if (r != X86_FAULT || !switched)
		return r;
	/* It belongs to the new task, at its first instruction: the run loop,
	 * which puts rip back to the instruction that faulted, must not see it. */
	r = x86_deliver_fault(c);
	return r < 0 ? r : X86_BREAK;
}
