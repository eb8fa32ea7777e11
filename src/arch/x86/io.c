/* SPDX-License-Identifier: Apache-2.0 */
/* Port access and its permission. SDM vol. 1 chapter 19. */
#include "system_private.h"

static int bitmap_check(struct x86_cpu *c, u16 port, unsigned size)
{
	const struct x86_seg *tr = &c->seg[SEG_TR];
	u16 base;
	u8 bits[2];
	u32 at;
	int r;

	if ((tr->attr & SA_UNUSABLE) || !(tr->attr & 8) || tr->limit < 103)
		return x86_gp0(c);
	r = x86_sys_load(c, tr->base + 0x66, &base, 2);
	if (r)
		return r;
	at = base + port / 8u;
	if (at + 1 > tr->limit)
		return x86_gp0(c);
	r = x86_sys_load(c, tr->base + at, bits, 2);
	if (!r && ((u32)get_le16(bits) >> (port & 7) & ((1u << size) - 1)))
		return x86_gp0(c);
	return r;
}

int x86_io_check(struct x86_cpu *c, u16 port, unsigned size)
{
	if (x86_real_mode(c) || (!x86_v86(c) && c->cpl <= x86_iopl(c)))
		return X86_OK;
	return bitmap_check(c, port, size);
}

int x86_io_in(struct x86_cpu *c, u16 port, unsigned size, u32 *value)
{
	int r = x86_io_check(c, port, size);

	if (r)
		return r;
	if (unlikely(c->debug_watch))
		x86_debug_io(c, port, size);
	return c->env->io_read(c, port, size, value);
}

int x86_io_out(struct x86_cpu *c, u16 port, unsigned size, u32 value)
{
	int r = x86_io_check(c, port, size);

	if (r)
		return r;
	if (unlikely(c->debug_watch))
		x86_debug_io(c, port, size);
	return c->env->io_write(c, port, size, value);
}
