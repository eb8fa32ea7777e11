/* SPDX-License-Identifier: Apache-2.0 */
/* Control transfers between segments, interrupts, flags, segment registers, I/O. */
#include "sys_exec.h"

static int exec_far_jump_imm(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_far_jump(c, i->sel, i->imm, i->opsize);
}

static int exec_far_call_imm(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_far_call(c, i->sel, i->imm, i->opsize);
}

/* m16:16, m16:32, m16:64: offset first, then the selector. */
static int load_far_pointer(struct x86_cpu *c, const struct x86_insn *i, u16 *sel, u64 *offset)
{
	u8 raw[10] = { 0 };
	u64 ea = x86_ea(c, i);
	int r = x86_load_bytes(c, i->seg, ea, raw, i->opsize + 2u);

	if (r < 0)
		return r;
	*sel = get_le16(raw + i->opsize);
	*offset = get_le64(raw) & bits_mask(i->opsize * 8u);
	return X86_OK;
}

static int exec_far_jump_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 offset;
	u16 sel = 0;
	int r = load_far_pointer(c, i, &sel, &offset);

	return r ? r : x86_far_jump(c, sel, offset, i->opsize);
}

static int exec_far_call_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 offset;
	u16 sel = 0;
	int r = load_far_pointer(c, i, &sel, &offset);

	return r ? r : x86_far_call(c, sel, offset, i->opsize);
}

static int exec_far_ret(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_far_ret(c, i->opsize, i->key == 0xca ? (u16)i->imm : 0);
}

static int exec_iret(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_iret(c, i->opsize);
}

static int exec_int(struct x86_cpu *c, const struct x86_insn *i)
{
	int r;

	if (x86_v86(c)) {
		r = x86_vme_int(c, (u8)i->imm);
		if (r)
			return r < 0 ? r : X86_BREAK;
	}
	return x86_soft_interrupt(c, (u8)i->imm);
}

static int exec_int3(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_soft_interrupt(c, EXC_BP);
}

static int exec_into(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_of(c) ? x86_soft_interrupt(c, EXC_OF) : X86_OK;
}

/* INT1: #DB as a trap without a bit in DR6 of its own; no gate privilege check. */
static int exec_int1(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 hit = c->pending_dr6 & 15; /* held since a load of SS */
	int r;

	(void)i;
	x86_fault(c, EXC_DB);
	c->fault.dr6 = hit;
	r = x86_deliver_fault(c);
	c->pending_dr6 = DEBUG_NO_STEP;
	return r < 0 ? r : X86_BREAK;
}

static int exec_hlt(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return need_ring0(c) ? X86_FAULT : X86_HALT;
}

static int exec_undefined(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_ud(c);
}

/* --- segment registers -------------------------------------------------------- */

/*
 * SS: the next instruction runs before any interrupt, breakpoint or single-step
 * trap; a data breakpoint on the selector itself traps after it. SDM vol. 3A
 * 6.8.3.
 */
static int after_segment(struct x86_cpu *c, unsigned seg)
{
	if (seg != SEG_SS)
		return X86_OK;
	c->irq_shadow = 2;
	c->ss_shadow = true;
	c->held_dr6 = c->pending_dr6 & 15;
	c->pending_dr6 = DEBUG_NO_STEP;
	return X86_BREAK;
}

static int exec_mov_to_seg(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned seg = i->reg & 7;
	u16 sel = 0;
	int r;

	if (seg == SEG_CS || seg > SEG_GS)
		return x86_ud(c);
	r = load_word_operand(c, i, &sel);
	if (r >= 0)
		r = x86_load_segment(c, seg, sel);
	return r < 0 ? r : after_segment(c, seg);
}

static int exec_mov_from_seg(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned seg = i->reg & 7;

	if (seg > SEG_GS)
		return x86_ud(c);
	return store_word_operand(c, i, c->seg[seg].sel, c->seg[seg].sel);
}

/* The register that a PUSH or POP opcode names: 06 0E 16 1E, 0F A0, 0F A8. */
static unsigned stack_seg(const struct x86_insn *i)
{
	return (i->key >> 3) & 7;
}

static int exec_push_seg(struct x86_cpu *c, const struct x86_insn *i)
{
	u16 sel = c->seg[stack_seg(i)].sel;
	u64 rsp = c->gpr[REG_RSP];
	int r;

	if (i->opsize != 4)
		return x86_push(c, i->opsize, sel);
	/* 32-bit: the slot's upper half is not written. */
	x86_sp_add(c, ~(u64)1);
	r = x86_push(c, 2, sel);
	if (r < 0)
		c->gpr[REG_RSP] = rsp;
	return r;
}

static int exec_pop_seg(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned seg = stack_seg(i);
	u64 sel, rsp, size = i->opsize;
	u64 mask = x86_sp_mask(c);
	int r = x86_stack_peek(c, 2, 0, &sel);

	if (r >= 0)
		r = x86_load_segment(c, seg, (u16)sel);
	if (r < 0)
		return r;
	/* by the width of the stack it came from, when SS itself changed */
	rsp = (c->gpr[REG_RSP] + size) & mask;
	c->gpr[REG_RSP] = mask == 0xffff ? rsp | (c->gpr[REG_RSP] & ~mask) : rsp;
	return after_segment(c, seg);
}

static int load_pointer(struct x86_cpu *c, const struct x86_insn *i, unsigned seg)
{
	u64 offset;
	u16 sel = 0;
	int r = load_far_pointer(c, i, &sel, &offset);

	if (!r)
		r = x86_load_segment(c, seg, sel);
	if (r < 0)
		return r;
	if (i->opsize == 2)
		c->gpr[i->reg] = (c->gpr[i->reg] & ~(u64)0xffff) | offset;
	else
		c->gpr[i->reg] = offset;
	/* LSS moves the pointer too: nothing is held back. SDM vol. 3A 6.8.3. */
	return seg == SEG_SS ? X86_BREAK : X86_OK;
}

static int exec_load_pointer(struct x86_cpu *c, const struct x86_insn *i)
{
	switch (i->key) {
	case 0xc4: return load_pointer(c, i, SEG_ES);
	case 0xc5: return load_pointer(c, i, SEG_DS);
	case X86_KEY(X86_MAP_0F, 0xb2): return load_pointer(c, i, SEG_SS);
	case X86_KEY(X86_MAP_0F, 0xb4): return load_pointer(c, i, SEG_FS);
	default: return load_pointer(c, i, SEG_GS);
	}
}

static x86_exec_fn bind_memory_only(const struct x86_insn *i, x86_exec_fn fn)
{
	return i->flags & X86_I_MEM ? fn : exec_undefined;
}

static x86_exec_fn bind_group5(const struct x86_insn *i)
{
	switch (i->modrm >> 3 & 7) {
	case 3: return bind_memory_only(i, exec_far_call_mem);
	case 5: return bind_memory_only(i, exec_far_jump_mem);
	default: return NULL;
	}
}

static x86_exec_fn bind_0f(const struct x86_insn *i)
{
	switch (i->key & 0xff) {
	case 0x05: return x86_exec_syscall;
	case 0x07: return x86_exec_sysret;
	case 0x34: return x86_exec_sysenter;
	case 0x35: return x86_exec_sysexit;
	case 0x0b:
	case 0xb9:
	case 0xff: return exec_undefined; /* UD2, UD1, UD0 */
	case 0xa0:
	case 0xa8: return exec_push_seg;
	case 0xa1:
	case 0xa9: return exec_pop_seg;
	case 0xb2:
	case 0xb4:
	case 0xb5: return bind_memory_only(i, exec_load_pointer);
	default: return NULL;
	}
}

x86_exec_fn x86_bind_control(const struct x86_insn *i, unsigned mode)
{
	bool legacy = mode != X86_MODE_64;

	if (i->flags & X86_I_VEX)
		return NULL;
	if (i->key >> 8 == X86_MAP_0F)
		return bind_0f(i);
	switch (i->key) {
	case 0x06:
	case 0x0e:
	case 0x16:
	case 0x1e: return legacy ? exec_push_seg : NULL;
	case 0x07:
	case 0x17:
	case 0x1f: return legacy ? exec_pop_seg : NULL;
	case 0x8c: return exec_mov_from_seg;
	case 0x8e: return exec_mov_to_seg;
	case 0x9a: return legacy ? exec_far_call_imm : NULL;
	case 0xea: return legacy ? exec_far_jump_imm : NULL;
	case 0x9c: return x86_exec_pushf;
	case 0x9d: return x86_exec_popf;
	case 0xc4:
	case 0xc5: return legacy ? bind_memory_only(i, exec_load_pointer) : NULL;
	case 0xca:
	case 0xcb: return exec_far_ret;
	case 0xcc: return exec_int3;
	case 0xcd: return exec_int;
	case 0xce: return legacy ? exec_into : NULL;
	case 0xcf: return exec_iret;
	case 0xf1: return exec_int1;
	case 0xf4: return exec_hlt;
	case 0xfa: return x86_exec_cli;
	case 0xfb: return x86_exec_sti;
	case 0xff: return bind_group5(i);
	default: return x86_bind_io(i);
	}
}
