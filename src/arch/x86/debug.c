/* SPDX-License-Identifier: Apache-2.0 */
/* Breakpoints and single-step. SDM vol. 3B 17.2, 17.3. */
#include "system_private.h"

enum { BP_EXEC, BP_WRITE, BP_IO, BP_ACCESS };

static bool bp_enabled(const struct x86_cpu *c, unsigned n)
{
	return c->dr[7] >> (n * 2) & 3;
}
static unsigned bp_kind(const struct x86_cpu *c, unsigned n)
{
	return (unsigned)(c->dr[7] >> (16 + n * 4)) & 3;
}
static unsigned bp_size(const struct x86_cpu *c, unsigned n)
{
	static const u8 size[] = { 1, 2, 8, 4 };

	return size[c->dr[7] >> (18 + n * 4) & 3];
}

/* Does the breakpoint's aligned range touch [a, a+size)? */
static bool bp_touches(const struct x86_cpu *c, unsigned n, u64 a, unsigned size)
{
	u64 len = bp_size(c, n), start = c->dr[n] & ~(len - 1);

	return a - start < len || start - a < size;
}

int x86_debug_before(struct x86_cpu *c)
{
	u64 lin = c->seg_base[SEG_CS] + c->rip, hit = 0;

	if (!x86_long_mode(c))
		lin = (u32)lin;
	if (c->debug_exec && !(c->rflags & FL_RF))
		for (unsigned n = 0; n < 4; n++)
			if (bp_enabled(c, n) && bp_kind(c, n) == BP_EXEC && c->dr[n] == lin)
				hit |= BIT(n);
	if (hit) {
		x86_fault(c, EXC_DB);
		c->fault.dr6 = hit;
		return X86_FAULT;
	}
	return X86_OK;
}

int x86_debug_after(struct x86_cpu *c, bool stepped)
{
	u64 dr6 = c->pending_dr6 & ~DEBUG_NO_STEP;

	if (stepped && !(c->pending_dr6 & DEBUG_NO_STEP))
		dr6 |= DR6_BS;
	c->pending_dr6 = 0;
	if (!dr6)
		return X86_OK;
	x86_fault(c, EXC_DB);
	c->fault.dr6 = dr6;
	return X86_FAULT;
}

void x86_debug_data(struct x86_cpu *c, u64 lin, unsigned size, bool write)
{
	for (unsigned n = 0; n < 4; n++) {
		unsigned kind = bp_kind(c, n);

		if (bp_enabled(c, n) && (kind == BP_ACCESS || (kind == BP_WRITE && write)) &&
		    bp_touches(c, n, lin, size))
			c->pending_dr6 |= BIT(n);
	}
}

void x86_debug_io(struct x86_cpu *c, u16 port, unsigned size)
{
	if (!(c->cr4 & CR4_DE))
		return;
	for (unsigned n = 0; n < 4; n++)
		if (bp_enabled(c, n) && bp_kind(c, n) == BP_IO && bp_touches(c, n, port, size))
			c->pending_dr6 |= BIT(n);
}
