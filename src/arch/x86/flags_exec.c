/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUSHF, POPF, CLI, STI with IOPL, virtual-8086 and protected-mode virtual
 * interrupts. SDM vol. 2; vol. 3A 21.3, 21.4.
 */
#include "sys_exec.h"

static bool v86_limited(const struct x86_cpu *c)
{
	return x86_v86(c) && x86_iopl(c) < 3;
}

int x86_exec_pushf(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 flags = x86_flags_get(c) & ~(FL_RF | FL_VM);

	if (v86_limited(c)) {
		if (i->opsize != 2 || !(c->cr4 & CR4_VME))
			return x86_gp0(c);
		flags = (flags & ~FL_IF) | FL_IOPL | (flags & FL_VIF ? FL_IF : 0);
	}
	return x86_push(c, i->opsize, flags);
}

static int popf_virtual(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v;
	int r;

	if (i->opsize != 2 || !(c->cr4 & CR4_VME))
		return x86_gp0(c);
	r = x86_stack_peek(c, 2, 0, &v);
	if (r < 0)
		return r;
	if ((v & FL_TF) || ((v & FL_IF) && (c->rflags & FL_VIP)))
		return x86_gp0(c);
	x86_sp_add(c, 2);
	if (v & FL_IF)
		v |= FL_VIF;
	x86_write_flags(c, v, FL_ARITH | FL_TF | FL_DF | FL_NT | FL_VIF);
	return X86_BREAK;
}

int x86_exec_popf(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v, mask = FL_ARITH | FL_TF | FL_DF | FL_NT | FL_AC | FL_ID, old = c->rflags;
	int r;

	if (v86_limited(c))
		return popf_virtual(c, i);
	if (c->cpl <= x86_iopl(c))
		mask |= FL_IF;
	if (c->cpl == 0)
		mask |= FL_IOPL;
	if (i->opsize == 2)
		mask &= 0xffff;
	r = x86_pop(c, i->opsize, &v);
	if (r < 0)
		return r;
	x86_write_flags(c, v, mask);
	c->rflags &= ~FL_RF;
	return (c->rflags & ~old & FL_IF) || (c->rflags & FL_TF) ? X86_BREAK : r;
}

/* Which flag CLI and STI act on: IF, VIF, or 0 for #GP. */
static u64 interrupt_flag(const struct x86_cpu *c)
{
	if (x86_v86(c)) {
		if (x86_iopl(c) == 3)
			return FL_IF;
		return c->cr4 & CR4_VME ? FL_VIF : 0;
	}
	if (c->cpl <= x86_iopl(c))
		return FL_IF;
	return (c->cr4 & CR4_PVI) && c->cpl == 3 ? FL_VIF : 0;
}

int x86_exec_cli(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 flag = interrupt_flag(c);

	(void)i;
	if (!flag)
		return x86_gp0(c);
	c->rflags &= ~flag;
	return X86_OK;
}

int x86_exec_sti(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 flag = interrupt_flag(c);

	(void)i;
	if (!flag || (flag == FL_VIF && (c->rflags & FL_VIP)))
		return x86_gp0(c);
	if (c->rflags & flag)
		return X86_OK;
	c->rflags |= flag;
	if (flag == FL_VIF)
		return X86_OK;
	c->irq_shadow = 2;
	return X86_BREAK;
}
