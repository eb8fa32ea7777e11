/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts in real mode, and INT n redirected within virtual-8086 mode. */
#include "system_private.h"

/* Flags, CS and IP, 16 bits each. */
static int push_real_frame(struct x86_cpu *c, u64 flags)
{
	u64 rsp = c->gpr[REG_RSP];
	int r = x86_push(c, 2, flags);

	if (r >= 0)
		r = x86_push(c, 2, c->seg[SEG_CS].sel);
	if (r >= 0)
		r = x86_push(c, 2, c->rip);
	if (r < 0)
		c->gpr[REG_RSP] = rsp;
	return r < 0 ? r : X86_OK;
}

/* SDM vol. 3A 20.1.4 */
int x86_deliver_real(struct x86_cpu *c, const struct delivery *d)
{
	u8 vec[4];
	int r;

	if (d->vector * 4u + 3 > c->idt.limit)
		return x86_fault_code(c, EXC_GP, d->vector * 8u + 2);
	r = x86_sys_load(c, c->idt.base + d->vector * 4u, vec, 4);
	if (!r && get_le16(vec) > c->seg[SEG_CS].limit)
		r = x86_gp0(c);
	if (!r)
		r = push_real_frame(c, d->flags);
	if (r)
		return r;
	x86_load_segment_real(c, SEG_CS, get_le16(vec + 2));
	c->rip = get_le16(vec);
	c->rflags &= ~(FL_IF | FL_TF | FL_AC | FL_RF);
	x86_update_mode(c);
	return X86_OK;
}

/* The redirection bit map is the 32 bytes below the I/O bit map; bit clear:
 * the virtual-8086 program's own vector table. */
static int vme_redirected(struct x86_cpu *c, u8 vector, bool *own)
{
	const struct x86_seg *tr = &c->seg[SEG_TR];
	u16 iomap;
	u8 byte;
	u32 at;
	int r;

	*own = false;
	if (tr->limit < 103)
		return x86_gp0(c);
	r = x86_sys_load(c, tr->base + 0x66, &iomap, 2);
	if (r)
		return r;
	at = iomap - 32u + vector / 8u;
	if (iomap < 32 || at > tr->limit)
		return x86_gp0(c);
	r = x86_sys_load(c, tr->base + at, &byte, 1);
	*own = !r && !(byte >> (vector & 7) & 1);
	return r;
}

int x86_vme_int(struct x86_cpu *c, u8 vector)
{
	u64 flags = x86_flags_get(c), entry, clear = FL_TF | FL_RF;
	bool own = false;
	int r = X86_OK;

	if (c->cr4 & CR4_VME)
		r = vme_redirected(c, vector, &own);
	if (r)
		return r;
	if (!own)
		return x86_iopl(c) == 3 ? 0 : x86_gp0(c);
	if (x86_iopl(c) < 3) {
		flags = (flags & ~FL_IF) | FL_IOPL | (flags & FL_VIF ? FL_IF : 0);
		clear |= FL_VIF;
	} else {
		clear |= FL_IF;
	}
	r = x86_load_slow(c, SEG_DS, vector * 4u, 4, &entry);
	if (r >= 0)
		r = push_real_frame(c, flags);
	if (r < 0)
		return r;
	x86_load_segment_real(c, SEG_CS, (u16)(entry >> 16));
	c->rip = entry & 0xffff;
	c->rflags &= ~clear;
	c->pending_dr6 |= DEBUG_NO_STEP;
	x86_update_mode(c);
	return 1;
}
