/* SPDX-License-Identifier: Apache-2.0 */
/* Push and pop on the current stack. SDM vol. 1 6.2. */
#include "system_private.h"

static int stack_store(struct x86_cpu *c, u64 sp, unsigned size, u64 value)
{
	switch (size) {
	case 2: return x86_store16(c, SEG_SS, sp, (u16)value);
	case 4: return x86_store32(c, SEG_SS, sp, (u32)value);
	default: return x86_store64(c, SEG_SS, sp, value);
	}
}

int x86_push(struct x86_cpu *c, unsigned size, u64 value)
{
	u64 sp = (c->gpr[REG_RSP] - size) & x86_sp_mask(c);
	int r = stack_store(c, sp, size, value);

	if (r >= 0)
		x86_sp_add(c, (u64)0 - size);
	return r;
}

int x86_stack_peek(struct x86_cpu *c, unsigned size, u64 offset, u64 *value)
{
	return x86_load(c, SEG_SS, (c->gpr[REG_RSP] + offset) & x86_sp_mask(c), size, value);
}

int x86_pop(struct x86_cpu *c, unsigned size, u64 *value)
{
	int r = x86_stack_peek(c, size, 0, value);

	if (r >= 0)
		x86_sp_add(c, size);
	return r;
}
