/* SPDX-License-Identifier: Apache-2.0 */
/* PUSH POP PUSHA POPA ENTER LEAVE. SDM vol. 2. A fault leaves the stack pointer
 * and the registers as they were. */
#include "int.h"

static void put_size(struct x86_cpu *c, unsigned size, unsigned n, u64 v)
{
	switch (size) {
	case 2: int_put_gpr(c, 16, n, v); break;
	case 4: int_put_gpr(c, 32, n, v); break;
	default: int_put_gpr(c, 64, n, v); break;
	}
}

/* --- PUSH ---------------------------------------------------------------------- */

INLINE int push64(struct x86_cpu *c, u64 v)
{
	u64 sp = c->gpr[REG_RSP] - 8;
	void *p = x86_tlb_hit(c, sp, 8, X86_WRITE);

	if (unlikely(!p))
		return x86_push(c, 8, v);
	int_poke(p, 64, v);
	c->gpr[REG_RSP] = sp;
	return X86_OK;
}

static int push_reg64(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_chain(c, i, push64(c, c->gpr[i->rm]));
}

static int push_imm64(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_chain(c, i, push64(c, i->imm));
}

static int push_reg(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_push(c, i->opsize, c->gpr[i->rm] & bits_mask(i->opsize * 8u));
}

static int push_imm(struct x86_cpu *c, const struct x86_insn *i)
{
	return x86_push(c, i->opsize, i->imm & bits_mask(i->opsize * 8u));
}

static int push_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = 0;
	int r = x86_load(c, i->seg, x86_ea(c, i), i->opsize, &v), done;

	if (r < 0)
		return r;
	done = x86_push(c, i->opsize, v);
	return done ? done : r;
}

/* AX CX DX BX, SP as it was, BP SI DI */
static int push_all(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 sp = c->gpr[REG_RSP], mask = bits_mask(i->opsize * 8u);
	int r = X86_OK, done;

	for (unsigned n = REG_RAX; n <= REG_RDI; n++) {
		done = x86_push(c, i->opsize,
				(n == REG_RSP ? sp : c->gpr[n]) & mask);
		if (done < 0) {
			c->gpr[REG_RSP] = sp;
			return done;
		}
		r = done ? done : r;
	}
	return r;
}

/* 50..57 60 68 6A FF/6 */
x86_exec_fn int_bind_push(const struct x86_insn *i, unsigned mode)
{
	bool wide = mode == X86_MODE_64 && i->opsize == 8;

	switch (i->key) {
	case 0x60: return mode == X86_MODE_64 ? NULL : push_all;
	case 0x68:
	case 0x6a: return wide ? push_imm64 : push_imm;
	case 0xff:
		if (int_is_mem(i))
			return push_mem;
		/* fall through */
	default: return wide ? push_reg64 : push_reg;
	}
}

/* --- POP ----------------------------------------------------------------------- */

OUTLINE int pop_reg(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v = 0;
	int r = x86_pop(c, i->opsize, &v);

	if (r >= 0)
		put_size(c, i->opsize, i->rm, v);
	return r;
}

static int pop_reg64(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 sp = c->gpr[REG_RSP];
	void *p = x86_tlb_hit(c, sp, 8, X86_READ);

	if (unlikely(!p))
		return pop_reg(c, i);
	c->gpr[REG_RSP] = sp + 8; /* first: POP RSP */
	c->gpr[i->rm] = int_peek(p, 64);
	return X86_OK;
}

/* The address is computed with the stack pointer already moved. */
static int pop_mem(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 sp = c->gpr[REG_RSP], v = 0;
	int r = x86_stack_peek(c, i->opsize, 0, &v), done;

	if (r < 0)
		return r;
	x86_sp_add(c, i->opsize);
	done = x86_store(c, i->seg, x86_ea(c, i), i->opsize, v);
	if (done < 0)
		c->gpr[REG_RSP] = sp;
	return done ? done : r;
}

static int pop_all(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v[8] = { 0 };
	int r = X86_OK;

	for (unsigned n = 0; n < 8; n++) {
		int done = x86_stack_peek(c, i->opsize, n * i->opsize, &v[n]);

		if (done < 0)
			return done;
		r = done ? done : r;
	}
	for (unsigned n = 0; n < 8; n++)
		if (REG_RDI - n != REG_RSP)
			put_size(c, i->opsize, REG_RDI - n, v[n]);
	x86_sp_add(c, 8u * i->opsize);
	return r;
}

/* 58..5F 61 8F/0 */
x86_exec_fn int_bind_pop(const struct x86_insn *i, unsigned mode)
{
	if (i->key == 0x61)
		return mode == X86_MODE_64 ? NULL : pop_all;
	if (i->key == 0x8f) {
		if (int_group(i))
			return NULL;
		if (int_is_mem(i))
			return pop_mem;
	}
	return mode == X86_MODE_64 && i->opsize == 8 ? pop_reg64 : pop_reg;
}

/* --- ENTER LEAVE ---------------------------------------------------------------- */

/* The frame pointers of the enclosing procedures, and this one's. */
static int enter_display(struct x86_cpu *c, const struct x86_insn *i, u64 frame)
{
	u64 bp = c->gpr[REG_RBP], v = 0;
	int r = X86_OK;

	for (unsigned level = 1; r >= 0 && level < (i->sel & 31u); level++) {
		bp = (bp - i->opsize) & x86_sp_mask(c);
		r = x86_load(c, SEG_SS, bp, i->opsize, &v);
		if (r >= 0)
			r = x86_push(c, i->opsize, v);
	}
	return r < 0 ? r : x86_push(c, i->opsize, frame);
}

/* Ends with a check that the new top of the stack could be written. */
static int enter(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 sp = c->gpr[REG_RSP], mask = bits_mask(i->opsize * 8u), frame;
	int r = x86_push(c, i->opsize, c->gpr[REG_RBP] & mask);

	frame = c->gpr[REG_RSP] & mask;
	if (r >= 0 && (i->sel & 31))
		r = enter_display(c, i, frame);
	if (r >= 0) {
		x86_sp_add(c, 0 - (u64)(u16)i->imm);
		r = x86_probe(c, SEG_SS, c->gpr[REG_RSP] & x86_sp_mask(c),
			      i->opsize, X86_WRITE);
	}
	if (r < 0)
		c->gpr[REG_RSP] = sp;
	else
		put_size(c, i->opsize, REG_RBP, frame);
	return r;
}

OUTLINE int leave(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 sp = c->gpr[REG_RSP], v = 0;
	int r;

	put_size(c, c->stack_size, REG_RSP, c->gpr[REG_RBP]);
	r = x86_pop(c, i->opsize, &v);
	if (r < 0)
		c->gpr[REG_RSP] = sp;
	else
		put_size(c, i->opsize, REG_RBP, v);
	return r;
}

static int leave64(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 bp = c->gpr[REG_RBP];
	void *p = x86_tlb_hit(c, bp, 8, X86_READ);

	if (unlikely(!p))
		return leave(c, i);
	c->gpr[REG_RBP] = int_peek(p, 64);
	c->gpr[REG_RSP] = bp + 8;
	return X86_OK;
}

/* C8 C9 */
x86_exec_fn int_bind_frame(const struct x86_insn *i, unsigned mode)
{
	if (i->key == 0xc8)
		return enter;
	return mode == X86_MODE_64 && i->opsize == 8 ? leave64 : leave;
}
