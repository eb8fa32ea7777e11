/* SPDX-License-Identifier: Apache-2.0 */
/* XCHG XADD CMPXCHG CMPXCHG8B CMPXCHG16B, and RDRAND RDSEED, which share their
 * opcode. SDM vol. 2. */
#include "int_ops.h"
#include <trivet/platform.h>

/* --- XCHG XADD ----------------------------------------------------------- */

INLINE int xchg_regs(struct x86_cpu *c, const struct x86_insn *i, unsigned bits)
{
	u64 a = int_rm(c, i, bits), b = int_reg(c, i, bits);

	int_set_rm(c, i, bits, b);
	int_set_reg(c, i, bits, a);
	return X86_OK;
}

INLINE int xchg_acc(struct x86_cpu *c, const struct x86_insn *i, unsigned bits)
{
	u64 a = int_rm(c, i, bits), b = int_gpr(c, bits, REG_RAX);

	int_set_rm(c, i, bits, b);
	int_put_gpr(c, bits, REG_RAX, a);
	return X86_OK;
}

/* When both operands are one register the sum stays: the source goes first. */
INLINE int xadd_regs(struct x86_cpu *c, const struct x86_insn *i, unsigned bits)
{
	u64 a = int_rm(c, i, bits);
	u64 sum = int_op(c, bits, OP_ADD, a, int_reg(c, i, bits));

	int_set_reg(c, i, bits, a);
	int_set_rm(c, i, bits, sum);
	return X86_OK;
}

/* memory op= reg, and the old value into reg. XCHG is always locked. */
INLINE int exchange_mem(struct x86_cpu *c, const struct x86_insn *i,
			unsigned bits, enum int_op op, bool lock)
{
	u64 b = int_reg(c, i, bits), old = 0, ea = x86_ea(c, i);
	int r = lock ? int_rmw_locked(c, bits, i->seg, ea, op, b, &old) :
		       int_rmw_plain(c, bits, i->seg, ea, op, b, &old);

	if (r >= 0)
		int_set_reg(c, i, bits, old);
	return r;
}

#define XCHG(name, n)                                                          \
	INT_HANDLER(name##_regs##n, xchg_regs(c, i, BITS(n)))                  \
	INT_HANDLER(name##_mem##n, exchange_mem(c, i, BITS(n), OP_XCHG, true))
#define XCHG_ACC(name, n) INT_HANDLER(name##_acc##n, xchg_acc(c, i, BITS(n)))
#define XADD(name, n)                                                          \
	INT_HANDLER(name##_regs##n, xadd_regs(c, i, BITS(n)))                  \
	INT_HANDLER(name##_mem##n, exchange_mem(c, i, BITS(n), OP_ADD, false)) \
	INT_HANDLER(name##_lock##n, exchange_mem(c, i, BITS(n), OP_ADD, true))
#define REGS_ENTRY(name, n) name##_regs##n
#define MEM_ENTRY(name, n) name##_mem##n
#define LOCK_ENTRY(name, n) name##_lock##n
#define ACC_ENTRY(name, n) name##_acc##n
INT_EACH_W(XCHG, xchg)
INT_EACH_V(XCHG_ACC, xchg)
INT_EACH_W(XADD, xadd)

static int xchg_nop(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)c, (void)i;
	return X86_OK;
}

/* Waiting: the run loop looks at what else there is to do. */
static int xchg_pause(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)c, (void)i;
	return X86_PAUSE;
}

/* 86 87 90..97 */
x86_exec_fn int_bind_xchg(const struct x86_insn *i, unsigned mode)
{
	static const x86_exec_fn acc[] = INT_ROW_V(ACC_ENTRY, xchg);
	static const x86_exec_fn regs[] = INT_ROW_W(REGS_ENTRY, xchg);
	static const x86_exec_fn mem[] = INT_ROW_W(MEM_ENTRY, xchg);

	(void)mode;
	if (i->key == 0x90 && i->rm == REG_RAX)
		return i->flags & X86_I_REP ? xchg_pause : xchg_nop;
	if (i->key >= 0x90)
		return acc[int_size(i)];
	return (int_is_mem(i) ? mem : regs)[int_size_w(i)];
}

/* 0F C0 C1 */
x86_exec_fn int_bind_xadd(const struct x86_insn *i, unsigned mode)
{
	static const x86_exec_fn table[3][INT_COUNT_W] = {
		INT_ROW_W(REGS_ENTRY, xadd), INT_ROW_W(MEM_ENTRY, xadd),
		INT_ROW_W(LOCK_ENTRY, xadd),
	};

	(void)mode;
	return table[!int_is_mem(i) ? 0 : int_is_lock(i) ? 2 : 1][int_size_w(i)];
}

/* --- CMPXCHG ------------------------------------------------------------- */

/* Of destination and accumulator only one is written (32 bits: zero-extended);
 * the SDM's write of the destination's old value does not show. */
INLINE int cmpxchg_regs(struct x86_cpu *c, const struct x86_insn *i,
			unsigned bits)
{
	u64 a = int_rm(c, i, bits), b = int_reg(c, i, bits);
	u64 acc = int_gpr(c, bits, REG_RAX);
	bool equal = op_sub(c, bits, acc, a, false) == 0;

	if (equal)
		int_set_rm(c, i, bits, b);
	else
		int_put_gpr(c, bits, REG_RAX, a);
	return X86_OK;
}

INLINE void cmpxchg_result(struct x86_cpu *c, unsigned bits, u64 acc, u64 seen)
{
	if (op_sub(c, bits, acc, seen, false) != 0)
		int_put_gpr(c, bits, REG_RAX, seen);
}

INLINE int cmpxchg_lock(struct x86_cpu *c, const struct x86_insn *i,
			unsigned bits)
{
	u64 acc = int_gpr(c, bits, REG_RAX), seen = acc;
	struct x86_rmw m;
	bool done = false;
	int r = x86_rmw_open(c, i->seg, x86_ea(c, i), bits / 8, &m);

	if (r < 0)
		return r;
	r = int_cas(c, &m, bits, &seen, int_reg(c, i, bits), &done);
	if (r >= 0)
		cmpxchg_result(c, bits, acc, seen);
	return r;
}

INLINE int cmpxchg_mem(struct x86_cpu *c, const struct x86_insn *i,
		       unsigned bits, void *p)
{
	u64 acc = int_gpr(c, bits, REG_RAX), seen = 0;
	struct x86_rmw m;
	int r;

	if (p) {
		seen = int_peek(p, bits);
		if (seen == acc)
			int_poke(p, bits, int_reg(c, i, bits));
		cmpxchg_result(c, bits, acc, seen);
		return X86_OK;
	}
	r = x86_rmw_open(c, i->seg, x86_ea(c, i), bits / 8, &m);
	if (r < 0)
		return r;
	r = x86_rmw_read(c, &m, &seen);
	if (r < 0)
		return r;
	r = int_worse(r, x86_rmw_write(c, &m, seen == acc ?
					      int_reg(c, i, bits) : seen));
	if (r >= 0)
		cmpxchg_result(c, bits, acc, seen);
	return r;
}

#define CMPXCHG(name, n)                                                       \
	INT_HANDLER(name##_regs##n, cmpxchg_regs(c, i, BITS(n)))               \
	INT_HANDLER(name##_lock##n, cmpxchg_lock(c, i, BITS(n)))               \
	INT_MEM(name##_mem##n, BITS(n), X86_WRITE, cmpxchg_mem(c, i, BITS(n), p))
#define CMPXCHG_MEM_ENTRY(name, n) INT_MEM_FNS(name##_mem##n)
INT_EACH_W(CMPXCHG, cmpxchg)

/* 0F B0 B1 */
x86_exec_fn int_bind_cmpxchg(const struct x86_insn *i, unsigned mode)
{
	static const x86_exec_fn regs[] = INT_ROW_W(REGS_ENTRY, cmpxchg);
	static const x86_exec_fn lock[] = INT_ROW_W(LOCK_ENTRY, cmpxchg);
	static const struct int_mem mem[] = INT_ROW_W(CMPXCHG_MEM_ENTRY, cmpxchg);
	unsigned size = int_size_w(i);

	if (!int_is_mem(i))
		return regs[size];
	return int_is_lock(i) ? lock[size] : int_pick(&mem[size], i, mode);
}

/* --- group 9 (0F C7) ------------------------------------------------------ */

static int cmpxchg8b(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 acc = c->gpr[REG_RDX] << 32 | (u32)c->gpr[REG_RAX], seen = acc;
	u64 want = c->gpr[REG_RCX] << 32 | (u32)c->gpr[REG_RBX];
	struct x86_rmw m;
	bool done = false;
	int r = x86_rmw_open(c, i->seg, x86_ea(c, i), 8, &m);

	if (r < 0)
		return r;
	r = int_cas(c, &m, 64, &seen, want, &done);
	if (r < 0)
		return r;
	if (!done) {
		c->gpr[REG_RAX] = (u32)seen;
		c->gpr[REG_RDX] = seen >> 32;
	}
	int_set_zf(c, done);
	return r;
}

static int cmpxchg16b(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 seen[2] = { c->gpr[REG_RAX], c->gpr[REG_RDX] }, lin;
	u64 want[2] = { c->gpr[REG_RBX], c->gpr[REG_RCX] };
	u64 ea = x86_ea(c, i);
	struct x86_rmw m;
	bool done = false;
	int r = x86_linear(c, i->seg, ea, 16, X86_WRITE, &lin);

	if (r < 0)
		return r;
	if (lin & 15)
		return x86_gp0(c);
	r = x86_rmw_open(c, i->seg, ea, 16, &m);
	if (r < 0)
		return r;
	r = x86_rmw_cas16(c, &m, seen, want, &done);
	if (r < 0)
		return r;
	if (!done) {
		c->gpr[REG_RAX] = seen[0];
		c->gpr[REG_RDX] = seen[1];
	}
	int_set_zf(c, done);
	return r;
}

/* RDRAND and RDSEED always succeed: CF = 1 and the other flags 0. */
static int random_reg(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 v;

	platform_random(&v, sizeof v);
	switch (i->opsize) {
	case 2: int_put_gpr(c, 16, i->rm, v); break;
	case 4: int_put_gpr(c, 32, i->rm, v); break;
	default: int_put_gpr(c, 64, i->rm, v); break;
	}
	x86_flags_set_arith(c, FL_CF);
	return X86_OK;
}

x86_exec_fn int_bind_group9(const struct x86_insn *i, unsigned mode)
{
	unsigned op = int_group(i);

	(void)mode;
	if (int_is_mem(i))
		return op != 1 ? NULL : i->opsize == 8 ? cmpxchg16b : cmpxchg8b;
	if (op < 6 || (i->flags & (X86_I_REP | X86_I_REPNE)))
		return NULL;
	return random_reg;
}
