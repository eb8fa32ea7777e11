/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT as Intel's CPUs do them. SDM vol. 2. SYSCALL
 * from compatibility mode is undefined there; for a guest that set IA32_CSTAR up it
 * works as AMD's do it (APM vol. 3). Zero is no entry point: a kernel that knows the
 * make never writes it, and its 32-bit programs must not get to ring 0 at 0.
 */
#include "sys_exec.h"

/* After new CS and SS: the short way when it was and stays 64-bit mode. */
static void entered(struct x86_cpu *c, bool was64)
{
	if (likely(was64 && (c->seg[SEG_CS].attr & SA_L)))
		update_cpl64(c);
	else
		x86_update_mode(c);
}

int x86_exec_syscall(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = (u16)(c->msr.star >> 32) & 0xfffc;
	bool was64 = x86_code64(c);
	u64 flags;

	(void)i;
	if (!x86_long_mode(c) || !(c->efer & EFER_SCE))
		return x86_ud(c);
	if (!was64 && !c->msr.cstar)
		return x86_ud(c);
	flags = x86_flags_get(c) & ~FL_RF;
	c->gpr[REG_RCX] = c->rip;
	c->gpr[REG_R11] = flags;
	c->rip = was64 ? c->msr.lstar : c->msr.cstar;
	x86_flags_set(c, flags & ~c->msr.sfmask);
	if (!(c->rflags & FL_TF))
		c->pending_dr6 |= DEBUG_NO_STEP; /* the trap follows the new TF */
	set_flat_segment(c, SEG_CS, sel, ATTR_CODE64(0));
	set_flat_segment(c, SEG_SS, (u16)(sel + 8), ATTR_DATA32(0));
	entered(c, was64);
	return !was64 || (c->rflags & FL_TF) ? X86_BREAK : X86_OK;
}

/* TF counts as SYSRET leaves it, as if the SYSCALL had just been stepped over. */
static int step_trap(struct x86_cpu *c)
{
	int r;

	x86_fault(c, EXC_DB);
	c->fault.dr6 = DR6_BS;
	r = x86_deliver_fault(c);
	c->pending_dr6 = DEBUG_NO_STEP;
	return r < 0 ? r : X86_BREAK;
}

int x86_exec_sysret(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = (u16)(c->msr.star >> 48);
	bool wide = i->opsize == 8;
	u64 old = c->rflags;

	if (!x86_code64(c) || !(c->efer & EFER_SCE))
		return x86_ud(c);
	if (c->cpl)
		return x86_gp0(c);
	if (wide && !x86_canonical(c->gpr[REG_RCX]))
		return x86_gp0(c);
	c->rip = wide ? c->gpr[REG_RCX] : (u32)c->gpr[REG_RCX];
	x86_flags_set(c, c->gpr[REG_R11] & 0x3c7fd7);
	set_flat_segment(c, SEG_CS, (u16)((wide ? sel + 16 : sel) | 3),
			 wide ? ATTR_CODE64(3) : ATTR_CODE32(3));
	set_flat_segment(c, SEG_SS, (u16)((sel + 8) | 3), ATTR_DATA32(3));
	entered(c, true);
	if (c->rflags & FL_TF)
		return step_trap(c);
	return !wide || (c->rflags & ~old & FL_IF) ? X86_BREAK : X86_OK;
}

int x86_exec_sysenter(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = (u16)c->msr.sysenter_cs & 0xfffc;
	bool wide = x86_long_mode(c), was64 = x86_code64(c);

	(void)i;
	if (x86_real_mode(c) || !sel)
		return x86_gp0(c);
	c->rflags &= ~(FL_VM | FL_IF | FL_RF);
	c->gpr[REG_RSP] = wide ? c->msr.sysenter_esp : (u32)c->msr.sysenter_esp;
	c->rip = wide ? c->msr.sysenter_eip : (u32)c->msr.sysenter_eip;
	set_flat_segment(c, SEG_CS, sel, wide ? ATTR_CODE64(0) : ATTR_CODE32(0));
	set_flat_segment(c, SEG_SS, (u16)(sel + 8), ATTR_DATA32(0));
	entered(c, was64);
	return X86_BREAK;
}

int x86_exec_sysexit(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = (u16)c->msr.sysenter_cs & 0xfffc;
	bool wide = i->opsize == 8, was64 = x86_code64(c);
	u64 rip = c->gpr[REG_RDX], rsp = c->gpr[REG_RCX];

	if (x86_real_mode(c) || c->cpl || !sel)
		return x86_gp0(c);
	if (wide && (!x86_canonical(rip) || !x86_canonical(rsp)))
		return x86_gp0(c);
	c->rip = wide ? rip : (u32)rip;
	c->gpr[REG_RSP] = wide ? rsp : (u32)rsp;
	set_flat_segment(c, SEG_CS, (u16)((wide ? sel + 32 : sel + 16) | 3),
			 wide ? ATTR_CODE64(3) : ATTR_CODE32(3));
	set_flat_segment(c, SEG_SS, (u16)((wide ? sel + 40 : sel + 24) | 3), ATTR_DATA32(3));
	entered(c, was64);
	return X86_BREAK;
}
