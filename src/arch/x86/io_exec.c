/* SPDX-License-Identifier: Apache-2.0 */
/* IN, OUT, INS, OUTS. SDM vol. 2. */
#include "sys_exec.h"

static unsigned io_size(const struct x86_insn *i)
{
	if (!(i->key & 1))
		return 1;
	return i->opsize == 2 ? 2 : 4;
}

static u16 io_port(const struct x86_cpu *c, const struct x86_insn *i)
{
	return i->key & 8 ? (u16)c->gpr[REG_RDX] : (u8)i->imm;
}

static int exec_in(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned size = io_size(i);
	u64 keep = size == 4 ? 0 : ~bits_mask(size * 8);
	u32 v = 0;
	int r = x86_io_in(c, io_port(c, i), size, &v);

	if (r >= 0)
		c->gpr[REG_RAX] = (c->gpr[REG_RAX] & keep) | (v & bits_mask(size * 8));
	return r;
}

static int exec_out(struct x86_cpu *c, const struct x86_insn *i)
{
	unsigned size = io_size(i);

	return x86_io_out(c, io_port(c, i), size,
			  (u32)(c->gpr[REG_RAX] & bits_mask(size * 8)));
}

/* Adds n to an index or count register within the address size. */
static void reg_add(struct x86_cpu *c, unsigned reg, unsigned addrsize, u64 n)
{
	u64 v = c->gpr[reg] + n;

	if (addrsize == 8)
		c->gpr[reg] = v;
	else if (addrsize == 4)
		c->gpr[reg] = (u32)v;
	else
		c->gpr[reg] = (c->gpr[reg] & ~(u64)0xffff) | (u16)v;
}

static bool repeated(const struct x86_insn *i)
{
	return i->flags & (X86_I_REP | X86_I_REPNE);
}

static bool count_is_zero(const struct x86_cpu *c, const struct x86_insn *i)
{
	return repeated(i) && !(c->gpr[REG_RCX] & bits_mask(i->addrsize * 8u));
}

/* One element is done: step. */
static void string_step(struct x86_cpu *c, const struct x86_insn *i, unsigned reg)
{
	u64 n = io_size(i);

	reg_add(c, reg, i->addrsize, c->rflags & FL_DF ? 0 - n : n);
	if (repeated(i))
		reg_add(c, REG_RCX, i->addrsize, ~(u64)0);
}

static int ins_one(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 di = c->gpr[REG_RDI] & bits_mask(i->addrsize * 8u);
	unsigned size = io_size(i);
	u16 port = (u16)c->gpr[REG_RDX];
	u32 v = 0;
	int r, r2;

	r = x86_io_check(c, port, size);
	if (!r) /* a fault must come before the device is read */
		r = x86_probe(c, SEG_ES, di, size, X86_WRITE);
	if (!r)
		r = x86_io_in(c, port, size, &v);
	if (r < 0)
		return r;
	r2 = x86_store(c, SEG_ES, di, size, v);
	if (r2 < 0)
		return r2;
	string_step(c, i, REG_RDI);
	return r2 ? r2 : r;
}

static int outs_one(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 si = c->gpr[REG_RSI] & bits_mask(i->addrsize * 8u), v = 0;
	unsigned size = io_size(i);
	u16 port = (u16)c->gpr[REG_RDX];
	int r;

	r = x86_io_check(c, port, size);
	if (!r)
		r = x86_load(c, i->seg, si, size, &v);
	if (r >= 0)
		r = x86_io_out(c, port, size, (u32)v);
	if (r >= 0)
		string_step(c, i, REG_RSI);
	return r;
}

/* Until done, or the run loop must come between two elements. */
static int io_string(struct x86_cpu *c, const struct x86_insn *i, x86_exec_fn one)
{
	int r = X86_OK;

	while (!count_is_zero(c, i)) {
		r = one(c, i);
		if (r < 0 || !repeated(i))
			return r;
		if ((r || x86_rep_wanted(c)) && !count_is_zero(c, i))
			return x86_rep_again(c, i);
	}
	return r;
}

static int exec_ins(struct x86_cpu *c, const struct x86_insn *i)
{
	return io_string(c, i, ins_one);
}

static int exec_outs(struct x86_cpu *c, const struct x86_insn *i)
{
	return io_string(c, i, outs_one);
}

x86_exec_fn x86_bind_io(const struct x86_insn *insn)
{
	switch (insn->key) {
	case 0x6c:
	case 0x6d: return exec_ins;
	case 0x6e:
	case 0x6f: return exec_outs;
	case 0xe4:
	case 0xe5:
	case 0xec:
	case 0xed: return exec_in;
	case 0xe6:
	case 0xe7:
	case 0xee:
	case 0xef: return exec_out;
	default: return NULL;
	}
}
