/* SPDX-License-Identifier: Apache-2.0 */
/* Near JMP, CALL, RET, LOOP, JCXZ. SDM vol. 2. */
#include "int.h"

#define HANDLER(name, expr)                                                    \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		return expr;                                                   \
	}

static u64 flow_target(const struct x86_cpu *c, const struct x86_insn *i)
{
	return (c->rip + i->imm) & bits_mask(i->opsize * 8u);
}

/* --- JMP ---------------------------------------------------------------------- */

INLINE int jump64(struct x86_cpu *c, u64 target)
{
	if (unlikely(!x86_canonical(target)))
		return x86_gp0(c);
	c->rip = target;
	return X86_OK;
}

INLINE int jump_mem64(struct x86_cpu *c, const struct x86_insn *i, void *p)
{
	u64 target = 0;
	int r = int_load(c, i, 64, p, &target), done;

	if (r < 0)
		return r;
	done = jump64(c, target);
	return done ? done : r;
}

/* The operand of an indirect branch outside 64-bit mode. */
static int flow_operand(struct x86_cpu *c, const struct x86_insn *i, u64 *target)
{
	if (int_is_mem(i))
		return x86_load(c, i->seg, x86_ea(c, i), i->opsize, target);
	*target = c->gpr[i->rm] & bits_mask(i->opsize * 8u);
	return X86_OK;
}

static int jump_indirect(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 target = 0;
	int r = flow_operand(c, i, &target), done;

	if (r < 0)
		return r;
	done = x86_near_jump(c, target);
	return done ? done : r;
}

static int jump_rel64(struct x86_cpu *c, const struct x86_insn *i)
{
	c->rip += i->imm;
	return X86_OK;
}

HANDLER(jump_rel, x86_near_jump(c, flow_target(c, i)))
HANDLER(jump_reg64, jump64(c, c->gpr[i->rm]))
INT_MEM(jump_mem64, 64, X86_READ, jump_mem64(c, i, p))

/* E9 EB FF/4 */
x86_exec_fn int_bind_jump(const struct x86_insn *i, unsigned mode)
{
	static const struct int_mem mem = INT_MEM_FNS(jump_mem64);

	if (i->key != 0xff)
		return mode == X86_MODE_64 ? jump_rel64 : jump_rel;
	if (mode != X86_MODE_64)
		return jump_indirect;
	return int_is_mem(i) ? int_pick(&mem, i, mode) : jump_reg64;
}

/* --- CALL ---------------------------------------------------------------------- */

/* The target is checked before the return address is pushed. */
OUTLINE int call_to(struct x86_cpu *c, const struct x86_insn *i, u64 target)
{
	u64 back = c->rip;
	int r = x86_near_jump(c, target), pushed;

	if (r < 0)
		return r;
	pushed = x86_push(c, i->opsize, back);
	if (pushed < 0)
		c->rip = back;
	return pushed ? pushed : r;
}

/* The push that hits the translation cache; target is canonical. */
INLINE int call64(struct x86_cpu *c, const struct x86_insn *i, u64 target)
{
	u64 sp = c->gpr[REG_RSP] - 8;
	void *p = x86_tlb_hit(c, sp, 8, X86_WRITE);

	if (unlikely(!p || !x86_canonical(target)))
		return call_to(c, i, target);
	int_poke(p, 64, c->rip);
	c->gpr[REG_RSP] = sp;
	c->rip = target;
	return X86_OK;
}

INLINE int call_mem64(struct x86_cpu *c, const struct x86_insn *i, void *p)
{
	u64 target = 0;
	int r = int_load(c, i, 64, p, &target), done;

	if (r < 0)
		return r;
	done = call64(c, i, target);
	return done ? done : r;
}

static int call_indirect(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 target = 0;
	int r = flow_operand(c, i, &target), done;

	if (r < 0)
		return r;
	done = call_to(c, i, target);
	return done ? done : r;
}

HANDLER(call_rel64, call64(c, i, c->rip + i->imm))
HANDLER(call_rel, call_to(c, i, flow_target(c, i)))
HANDLER(call_reg64, call64(c, i, c->gpr[i->rm]))
INT_MEM(call_mem64, 64, X86_READ, call_mem64(c, i, p))

/* E8 FF/2 */
x86_exec_fn int_bind_call(const struct x86_insn *i, unsigned mode)
{
	static const struct int_mem mem = INT_MEM_FNS(call_mem64);

	if (i->key == 0xe8)
		return mode == X86_MODE_64 ? call_rel64 : call_rel;
	if (mode != X86_MODE_64)
		return call_indirect;
	return int_is_mem(i) ? int_pick(&mem, i, mode) : call_reg64;
}

/* --- RET ----------------------------------------------------------------------- */

OUTLINE int ret_any(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 target = 0;
	int r = x86_stack_peek(c, i->opsize, 0, &target), done;

	if (r < 0)
		return r;
	done = x86_near_jump(c, target);
	if (done < 0)
		return done;
	x86_sp_add(c, i->opsize + (i->key == 0xc2 ? (u16)i->imm : 0u));
	return done ? done : r;
}

INLINE int ret64(struct x86_cpu *c, const struct x86_insn *i, u64 extra)
{
	u64 sp = c->gpr[REG_RSP], target;
	void *p = x86_tlb_hit(c, sp, 8, X86_READ);

	if (unlikely(!p))
		return ret_any(c, i);
	target = int_peek(p, 64);
	if (unlikely(!x86_canonical(target)))
		return x86_gp0(c);
	c->gpr[REG_RSP] = sp + 8 + extra;
	c->rip = target;
	return X86_OK;
}

HANDLER(ret_plain64, ret64(c, i, 0))
HANDLER(ret_pop64, ret64(c, i, (u16)i->imm))

/* C2 C3 */
x86_exec_fn int_bind_ret(const struct x86_insn *i, unsigned mode)
{
	if (mode != X86_MODE_64)
		return ret_any;
	return i->key == 0xc3 ? ret_plain64 : ret_pop64;
}

/* --- LOOP JCXZ ------------------------------------------------------------------ */

/* The jump may fault, so it goes before the count. */
INLINE int loop_step(struct x86_cpu *c, const struct x86_insn *i, bool also)
{
	u64 n = (int_addr_reg(c, i, REG_RCX) - 1) & bits_mask(i->addrsize * 8u);
	int r = X86_OK;

	if (n && also)
		r = x86_near_jump(c, flow_target(c, i));
	if (r >= 0)
		int_set_addr_reg(c, i, REG_RCX, n);
	return r;
}

HANDLER(loopne, loop_step(c, i, !x86_zf(c)))
HANDLER(loope, loop_step(c, i, x86_zf(c)))
HANDLER(loop, loop_step(c, i, true))
HANDLER(jcxz, int_addr_reg(c, i, REG_RCX) ? X86_OK :
					     x86_near_jump(c, flow_target(c, i)))

/* E0..E3 */
x86_exec_fn int_bind_loop(const struct x86_insn *i, unsigned mode)
{
	static const x86_exec_fn table[4] = { loopne, loope, loop, jcxz };

	(void)mode;
	return table[i->key & 3];
}
