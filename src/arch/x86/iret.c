/* SPDX-License-Identifier: Apache-2.0 */
/* IRET in every mode. SDM vol. 2 IRET/IRETD/IRETQ; vol. 3A 21.3 for VME. */
#include "system_private.h"

#define FL_USER (FL_ARITH | FL_TF | FL_DF | FL_NT)
/* Flags that the full-width forms reach as well. */
#define FL_WIDE (FL_RF | FL_AC | FL_ID)

/* The interrupt flag rose, or a trap is armed: the run loop must look up. */
static int after_flags(const struct x86_cpu *c, u64 old)
{
	return (c->rflags & ~old & FL_IF) || (c->rflags & FL_TF) ? X86_BREAK : X86_OK;
}

static u64 width_mask(unsigned opsize, u64 mask)
{
	return opsize == 2 ? mask & 0xffff : mask;
}

static int pop3(struct x86_cpu *c, unsigned size, struct x86_return *t)
{
	u64 cs = 0;
	int r = x86_stack_peek(c, size, 0, &t->rip);

	if (r >= 0)
		r = x86_stack_peek(c, size, size, &cs);
	if (r >= 0)
		r = x86_stack_peek(c, size, size * 2, &t->flags);
	t->cs = (u16)cs;
	return r < 0 ? r : X86_OK;
}

/* Real mode, and virtual-8086 mode with IOPL 3. */
static int iret_real(struct x86_cpu *c, unsigned opsize)
{
	struct x86_return t = { 0 };
	u64 mask = width_mask(opsize, FL_USER | FL_IF | FL_WIDE);
	int r = pop3(c, opsize, &t);

	if (r)
		return r;
	if (t.rip > c->seg[SEG_CS].limit)
		return x86_gp0(c);
	if (!x86_v86(c))
		mask |= FL_IOPL;
	x86_sp_add(c, opsize * 3u);
	x86_load_segment_real(c, SEG_CS, t.cs);
	c->rip = t.rip;
	x86_write_flags(c, t.flags, mask);
	x86_update_mode(c);
	return X86_BREAK;
}

/* Virtual-8086 mode, IOPL < 3: the virtual interrupt flag stands for IF. */
static int iret_v86(struct x86_cpu *c, unsigned opsize)
{
	struct x86_return t = { 0 };
	int r;

	if (x86_iopl(c) == 3)
		return iret_real(c, opsize);
	if (!(c->cr4 & CR4_VME) || opsize != 2)
		return x86_gp0(c);
	r = pop3(c, 2, &t);
	if (r)
		return r;
	if ((t.flags & FL_TF) || ((t.flags & FL_IF) && (c->rflags & FL_VIP)))
		return x86_gp0(c);
	if (t.rip > c->seg[SEG_CS].limit)
		return x86_gp0(c);
	x86_sp_add(c, 6);
	x86_load_segment_real(c, SEG_CS, t.cs);
	c->rip = t.rip;
	if (t.flags & FL_IF)
		t.flags |= FL_VIF;
	x86_write_flags(c, t.flags, FL_USER | FL_VIF);
	x86_update_mode(c);
	return X86_BREAK;
}

/* From ring 0 to virtual-8086 mode: nine words in all. */
static int iret_to_v86(struct x86_cpu *c, const struct x86_return *t)
{
	static const u8 order[] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u64 esp, sel[ARRAY_SIZE(order)];
	int r = x86_stack_peek(c, 4, 12, &esp);

	for (unsigned n = 0; n < ARRAY_SIZE(order) && r >= 0; n++)
		r = x86_stack_peek(c, 4, 16 + n * 4, &sel[n]);
	if (r < 0)
		return r;
	x86_flags_set(c, t->flags & (FL_USER | FL_WIDE | FL_IF | FL_IOPL | FL_VM | FL_VIF | FL_VIP));
	x86_load_segment_real(c, SEG_CS, t->cs);
	for (unsigned n = 0; n < ARRAY_SIZE(order); n++)
		x86_load_segment_real(c, order[n], (u16)sel[n]);
	c->gpr[REG_RSP] = (u32)esp;
	c->rip = t->rip & 0xffff;
	x86_update_mode(c);
	return X86_BREAK;
}

static int iret_task(struct x86_cpu *c)
{
	u16 link;
	int r;

	if (x86_long_mode(c))
		return x86_gp0(c);
	r = x86_sys_load(c, c->seg[SEG_TR].base, &link, 2);
	if (r)
		return r;
	return x86_task_switch(c, link, X86_TASK_IRET, false, 0);
}

static u64 iret_flags_mask(const struct x86_cpu *c, unsigned opsize)
{
	u64 mask = FL_USER | FL_WIDE;

	if (c->cpl <= x86_iopl(c))
		mask |= FL_IF;
	if (c->cpl == 0)
		mask |= FL_IOPL | FL_VIF | FL_VIP;
	return width_mask(opsize, mask);
}

static int iret_protected(struct x86_cpu *c, unsigned opsize)
{
	struct x86_return t = { 0 };
	struct x86_seg cs, ss = c->seg[SEG_SS];
	u64 mask = iret_flags_mask(c, opsize), rsp = 0, sel = 0, old = c->rflags;
	int r = pop3(c, opsize, &t);

	if (r)
		return r;
	if ((t.flags & FL_VM) && opsize == 4 && c->cpl == 0 && !x86_long_mode(c))
		return iret_to_v86(c, &t);
	t.has_ss = x86_code64(c) || (t.cs & 3u) > c->cpl;
	if (t.has_ss) {
		r = x86_stack_peek(c, opsize, opsize * 3u, &rsp);
		if (r >= 0)
			r = x86_stack_peek(c, opsize, opsize * 4u, &sel);
		if (r < 0)
			return r;
		t.ss = (u16)sel;
	}
	r = x86_return_frame(c, &t, &cs, &ss);
	if (r)
		return r;
	if (!t.has_ss)
		rsp = c->gpr[REG_RSP] + opsize * 3u;
	x86_return_commit(c, &cs, &ss, t.rip, rsp);
	x86_write_flags(c, t.flags, mask);
	return after_flags(c, old) || !x86_code64(c) ? X86_BREAK : X86_OK;
}

/*
 * 64-bit to 64-bit with the frame on one cached page: what a 64-bit kernel does
 * millions of times. Anything unusual is left to the general way.
 */
static bool iret_fast(struct x86_cpu *c, int *result)
{
	const u8 *p = x86_tlb_hit(c, c->gpr[REG_RSP], 40, X86_READ);
	struct x86_return t;
	struct x86_seg cs, ss;
	u64 mask = iret_flags_mask(c, 8), old = c->rflags, rsp;

	if (!p || !(c->flat & 1u << SEG_SS))
		return false;
	t = (struct x86_return){ .rip = get_le64(p), .flags = get_le64(p + 16),
				 .cs = get_le16(p + 8), .ss = get_le16(p + 32), .has_ss = true };
	rsp = get_le64(p + 24);
	*result = x86_return_frame(c, &t, &cs, &ss);
	if (*result)
		return true;
	x86_return_commit(c, &cs, &ss, t.rip, rsp);
	x86_flags_set(c, (t.flags & mask) | (old & ~(mask | FL_ARITH)));
	if (x86_code64(c))
		update_cpl64(c);
	else
		x86_update_mode(c);
	*result = after_flags(c, old);
	return true;
}

int x86_iret(struct x86_cpu *c, unsigned opsize)
{
	int r;

	c->nmi_blocked = false;
	if (opsize == 8 && !(c->rflags & FL_NT) && iret_fast(c, &r))
		return r;
	if (x86_real_mode(c))
		return iret_real(c, opsize);
	if (x86_v86(c))
		return iret_v86(c, opsize);
	if (c->rflags & FL_NT)
		return iret_task(c);
	return iret_protected(c, opsize);
}
