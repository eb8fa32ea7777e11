/* SPDX-License-Identifier: Apache-2.0 */
/* MOV to and from control and debug registers and their relatives. SDM vol. 2. */
#include "sys_exec.h"

static u64 reg_read(const struct x86_cpu *c, unsigned reg)
{
	return x86_code64(c) ? c->gpr[reg] : (u32)c->gpr[reg];
}

static void reg_write(struct x86_cpu *c, unsigned reg, u64 v)
{
	c->gpr[reg] = x86_code64(c) ? v : (u32)v;
}

int x86_exec_mov_from_cr(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v;

	if (i->reg != 0 && i->reg != 2 && i->reg != 3 && i->reg != 4 && i->reg != 8)
		return x86_ud(c);
	if (need_ring0(c))
		return X86_FAULT;
	switch (i->reg) {
	case 0: v = c->cr0; break;
	case 2: v = c->cr2; break;
	case 3: v = c->cr3; break;
	case 4: v = c->cr4; break;
	default: v = c->env->get_tpr(c); break;
	}
	reg_write(c, i->rm, v);
	return X86_OK;
}

int x86_exec_mov_to_cr(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = reg_read(c, i->rm);

	if (i->reg != 0 && i->reg != 2 && i->reg != 3 && i->reg != 4 && i->reg != 8)
		return x86_ud(c);
	if (need_ring0(c))
		return X86_FAULT;
	switch (i->reg) {
	case 0: return x86_write_cr0(c, v);
	case 2: c->cr2 = v; return X86_OK;
	case 3: return x86_write_cr3(c, v);
	case 4: return x86_write_cr4(c, v);
	default: break;
	}
	if (v >> 4)
		return x86_gp0(c);
	c->env->set_tpr(c, v);
	return X86_BREAK; /* a lower priority may let an interrupt in */
}

/* Number, privilege and general detect, in that order. */
static int check_dr(struct x86_cpu *c, unsigned n)
{
	if (n > 7 || ((n == 4 || n == 5) && (c->cr4 & CR4_DE)))
		return x86_ud(c);
	if (need_ring0(c))
		return X86_FAULT;
	if (c->dr[7] & DR7_GD) {
		x86_fault(c, EXC_DB);
		c->fault.dr6 = DR6_BD;
		return X86_FAULT;
	}
	return X86_OK;
}

int x86_exec_mov_from_dr(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned n = i->reg;
	int r = check_dr(c, n);

	if (r)
		return r;
	if (n == 4 || n == 5)
		n += 2;
	reg_write(c, i->rm, c->dr[n & 7]);
	return X86_OK;
}

int x86_exec_mov_to_dr(struct x86_cpu *c, const struct x86_insn *i)
{
	int r = check_dr(c, i->reg);

	return r ? r : x86_write_dr(c, i->reg, reg_read(c, i->rm));
}

int x86_exec_lmsw(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u16 v = 0;
	int r = need_ring0(c);

	if (!r)
		r = load_word_operand(c, i, &v);
	if (r < 0)
		return r;
	/* it can set PE, not clear it */
	return x86_write_cr0(c, (c->cr0 & ~(low & ~CR0_PE)) | (v & low));
}

int x86_exec_smsw(struct x86_cpu *c, const struct x86_insn *i)
{
	if ((c->cr4 & CR4_UMIP) && c->cpl)
		return x86_gp0(c);
	return store_word_operand(c, i, c->cr0, c->cr0);
}

int x86_exec_clts(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	if (need_ring0(c))
		return X86_FAULT;
	c->cr0 &= ~CR0_TS;
	x86_update_mode(c);
	return X86_OK;
}

int x86_exec_xgetbv(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	if (!(c->cr4 & CR4_OSXSAVE))
		return x86_ud(c);
	if ((u32)c->gpr[REG_RCX])
		return x86_gp0(c);
	c->gpr[REG_RAX] = (u32)c->xcr0;
	c->gpr[REG_RDX] = c->xcr0 >> 32;
	return X86_OK;
}

int x86_exec_xsetbv(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = (c->gpr[REG_RDX] << 32) | (u32)c->gpr[REG_RAX];

	(void)i;
	if (!(c->cr4 & CR4_OSXSAVE))
		return x86_ud(c);
	if (need_ring0(c))
		return X86_FAULT;
	if ((u32)c->gpr[REG_RCX] || !(v & XCR0_X87) || (v & ~(XCR0_X87 | XCR0_SSE)))
		return x86_gp0(c);
	c->xcr0 = v;
	return X86_OK;
}
