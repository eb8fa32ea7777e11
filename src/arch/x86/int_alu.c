/* SPDX-License-Identifier: Apache-2.0 */
/* ADD OR ADC SBB AND SUB XOR CMP, TEST, INC DEC NEG NOT. SDM vol. 2. */
#include "int_ops.h"

/* --- two operands ------------------------------------------------------- */

/* reg <- reg op memory; CMP only sets flags. */
INLINE int alu_load(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    enum int_op op, void *p)
{
	u64 b = 0, res;
	int r = int_load(c, i, bits, p, &b);

	if (r < 0)
		return r;
	res = int_op(c, bits, op, int_reg(c, i, bits), b);
	if (op != OP_CMP)
		int_set_reg(c, i, bits, res);
	return r;
}

/* memory <- memory op b. */
INLINE int alu_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   enum int_op op, void *p, u64 b)
{
	u64 a = 0;
	int r;

	if (op != OP_CMP)
		return int_rmw(c, i, bits, op, p, b);
	r = int_load(c, i, bits, p, &a);
	if (r >= 0)
		int_op(c, bits, op, a, b);
	return r;
}

INLINE int alu_rm(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		  enum int_op op, u64 b)
{
	u64 res = int_op(c, bits, op, int_rm(c, i, bits), b);

	if (op != OP_CMP)
		int_set_rm(c, i, bits, res);
	return X86_OK;
}

#define ALU_ACCESS(op) ((op) == OP_CMP ? X86_READ : X86_WRITE)
#define IMM(bits) int_trunc(i->imm, bits)

INLINE int alu_reg(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   enum int_op op)
{
	u64 res = int_op(c, bits, op, int_reg(c, i, bits), int_rm(c, i, bits));

	if (op != OP_CMP)
		int_set_reg(c, i, bits, res);
	return X86_OK;
}

INLINE int alu_acc(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		   enum int_op op)
{
	u64 res = int_op(c, bits, op, int_gpr(c, bits, REG_RAX), IMM(bits));

	if (op != OP_CMP)
		int_put_gpr(c, bits, REG_RAX, res);
	return X86_OK;
}

struct alu {
	x86_exec_fn rm_reg, reg_rm, rm_imm, acc_imm, lock_reg, lock_imm;
	struct int_mem load, mem_reg, mem_imm;
};

#define ALU_COMMON(name, op, n)                                                \
	INT_HANDLER(name##_rm_reg##n, alu_rm(c, i, BITS(n), op, int_reg(c, i, BITS(n)))) \
	INT_HANDLER(name##_reg_rm##n, alu_reg(c, i, BITS(n), op))              \
	INT_HANDLER(name##_rm_imm##n, alu_rm(c, i, BITS(n), op, IMM(BITS(n)))) \
	INT_HANDLER(name##_acc_imm##n, alu_acc(c, i, BITS(n), op))             \
	INT_MEM(name##_load##n, BITS(n), X86_READ, alu_load(c, i, BITS(n), op, p)) \
	INT_MEM(name##_mem_reg##n, BITS(n), ALU_ACCESS(op),                    \
		alu_mem(c, i, BITS(n), op, p, int_reg(c, i, BITS(n))))         \
	INT_MEM(name##_mem_imm##n, BITS(n), ALU_ACCESS(op),                    \
		alu_mem(c, i, BITS(n), op, p, IMM(BITS(n))))
#define ALU_LOCKED(name, op, n)                                                \
	INT_HANDLER(name##_lock_reg##n,                                        \
		    int_rmw_lock(c, i, BITS(n), op, int_reg(c, i, BITS(n))))   \
	INT_HANDLER(name##_lock_imm##n, int_rmw_lock(c, i, BITS(n), op, IMM(BITS(n))))

#define ALU_ALL(make)                                                          \
	INT_EACH_W(make, add, OP_ADD) INT_EACH_W(make, or, OP_OR)              \
	INT_EACH_W(make, adc, OP_ADC) INT_EACH_W(make, sbb, OP_SBB)            \
	INT_EACH_W(make, and, OP_AND) INT_EACH_W(make, sub, OP_SUB)            \
	INT_EACH_W(make, xor, OP_XOR)

ALU_ALL(ALU_COMMON)
ALU_ALL(ALU_LOCKED)
INT_EACH_W(ALU_COMMON, cmp, OP_CMP)

#define ALU_ENTRY(name, n)                                                     \
	{                                                                      \
		.rm_reg = name##_rm_reg##n, .reg_rm = name##_reg_rm##n,        \
		.rm_imm = name##_rm_imm##n, .acc_imm = name##_acc_imm##n,      \
		.load = INT_MEM_FNS(name##_load##n),                           \
		.mem_reg = INT_MEM_FNS(name##_mem_reg##n),                     \
		.mem_imm = INT_MEM_FNS(name##_mem_imm##n),                     \
		ALU_LOCK_ENTRY(name, n)                                        \
	}
#define ALU_ROW(name) INT_ROW_W(ALU_ENTRY, name)
#define ALU_LOCK_ENTRY(name, n)                                                \
	.lock_reg = name##_lock_reg##n, .lock_imm = name##_lock_imm##n

static const struct alu alu_table[7][INT_COUNT_W] = {
	ALU_ROW(add), ALU_ROW(or), ALU_ROW(adc), ALU_ROW(sbb),
	ALU_ROW(and), ALU_ROW(sub), ALU_ROW(xor),
};
#undef ALU_LOCK_ENTRY
#define ALU_LOCK_ENTRY(name, bits)
static const struct alu cmp_table[INT_COUNT_W] = ALU_ROW(cmp);

static const struct alu *alu_find(unsigned op, unsigned size)
{
	return op == OP_CMP ? &cmp_table[size] : &alu_table[op][size];
}

/* 00..05, 08..0D ... 38..3D */
x86_exec_fn int_bind_alu(const struct x86_insn *i, unsigned mode)
{
	const struct alu *a = alu_find((i->key >> 3) & 7, int_size_w(i));

	switch (i->key & 7) {
	case 0:
	case 1:
		if (!int_is_mem(i))
			return a->rm_reg;
		return int_is_lock(i) ? a->lock_reg :
					int_pick(&a->mem_reg, i, mode);
	case 2:
	case 3:
		return int_is_mem(i) ? int_pick(&a->load, i, mode) : a->reg_rm;
	default:
		return a->acc_imm;
	}
}

/* 80..83 */
x86_exec_fn int_bind_alu_imm(const struct x86_insn *i, unsigned mode)
{
	const struct alu *a = alu_find(int_group(i), int_size_w(i));

	if (!int_is_mem(i))
		return a->rm_imm;
	return int_is_lock(i) ? a->lock_imm : int_pick(&a->mem_imm, i, mode);
}

/* --- TEST --------------------------------------------------------------- */

INLINE int test_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    void *p, u64 b)
{
	u64 a = 0;
	int r = int_load(c, i, bits, p, &a);

	if (r >= 0)
		op_logic(c, bits, a & b);
	return r;
}

INLINE int test_regs(struct x86_cpu *c, unsigned bits, u64 a, u64 b)
{
	op_logic(c, bits, a & b);
	return X86_OK;
}

struct test {
	x86_exec_fn reg, imm, acc;
	struct int_mem mem_reg, mem_imm;
};

#define TEST(name, n)                                                          \
	INT_HANDLER(name##_rm_reg##n, test_regs(c, BITS(n), int_rm(c, i, BITS(n)), \
						int_reg(c, i, BITS(n))))       \
	INT_HANDLER(name##_rm_imm##n,                                          \
		    test_regs(c, BITS(n), int_rm(c, i, BITS(n)), IMM(BITS(n)))) \
	INT_HANDLER(name##_acc_imm##n,                                         \
		    test_regs(c, BITS(n), int_gpr(c, BITS(n), REG_RAX), IMM(BITS(n)))) \
	INT_MEM(name##_mem_reg##n, BITS(n), X86_READ,                          \
		test_mem(c, i, BITS(n), p, int_reg(c, i, BITS(n))))            \
	INT_MEM(name##_mem_imm##n, BITS(n), X86_READ,                          \
		test_mem(c, i, BITS(n), p, IMM(BITS(n))))
#define TEST_ENTRY(name, n)                                                    \
	{                                                                      \
		name##_rm_reg##n, name##_rm_imm##n, name##_acc_imm##n,         \
		INT_MEM_FNS(name##_mem_reg##n), INT_MEM_FNS(name##_mem_imm##n) \
	}
INT_EACH_W(TEST, test)
static const struct test test_table[INT_COUNT_W] = INT_ROW_W(TEST_ENTRY, test);

/* 84 85 A8 A9 F6/0 F7/0 (and its alias /1) */
x86_exec_fn int_bind_test(const struct x86_insn *i, unsigned mode)
{
	const struct test *t = &test_table[int_size_w(i)];

	switch (i->key) {
	case 0x84:
	case 0x85:
		return int_is_mem(i) ? int_pick(&t->mem_reg, i, mode) : t->reg;
	case 0xa8:
	case 0xa9:
		return t->acc;
	default:
		return int_is_mem(i) ? int_pick(&t->mem_imm, i, mode) : t->imm;
	}
}

/* --- one operand -------------------------------------------------------- */

struct unary {
	x86_exec_fn reg, lock;
	struct int_mem mem;
};

#define UNARY(name, op, n)                                                     \
	INT_HANDLER(name##_reg##n, alu_rm(c, i, BITS(n), op, 0))               \
	INT_HANDLER(name##_lock##n, int_rmw_lock(c, i, BITS(n), op, 0))        \
	INT_MEM(name##_mem##n, BITS(n), X86_WRITE, int_rmw(c, i, BITS(n), op, p, 0))
#define UNARY_ENTRY(name, n) { name##_reg##n, name##_lock##n, INT_MEM_FNS(name##_mem##n) }
#define UNARY_ROW(name) INT_ROW_W(UNARY_ENTRY, name)
INT_EACH_W(UNARY, inc, OP_INC)
INT_EACH_W(UNARY, dec, OP_DEC)
INT_EACH_W(UNARY, not, OP_NOT)
INT_EACH_W(UNARY, neg, OP_NEG)
static const struct unary unary_table[4][INT_COUNT_W] = { UNARY_ROW(inc), UNARY_ROW(dec),
							  UNARY_ROW(not), UNARY_ROW(neg) };

static x86_exec_fn unary_bind(const struct x86_insn *i, unsigned mode,
			      unsigned op, unsigned size)
{
	const struct unary *u = &unary_table[op][size];

	if (!int_is_mem(i))
		return u->reg;
	return int_is_lock(i) ? u->lock : int_pick(&u->mem, i, mode);
}

/* 40..4F outside 64-bit mode */
x86_exec_fn int_bind_incdec(const struct x86_insn *i, unsigned mode)
{
	if (mode == X86_MODE_64)
		return NULL;
	return unary_bind(i, mode, (i->key >> 3) & 1, int_size_above_byte(i));
}

/* F6 F7 */
x86_exec_fn int_bind_group3(const struct x86_insn *i, unsigned mode)
{
	switch (int_group(i)) {
	case 0:
	case 1: return int_bind_test(i, mode);
	case 2: return unary_bind(i, mode, 2, int_size_w(i));
	case 3: return unary_bind(i, mode, 3, int_size_w(i));
	default: return int_bind_mul(i, mode);
	}
}

/* FE FF: INC, DEC, and for FF the near CALL, JMP and PUSH. */
x86_exec_fn int_bind_group5(const struct x86_insn *i, unsigned mode)
{
	unsigned op = int_group(i);

	if (op < 2)
		return unary_bind(i, mode, op, int_size_w(i));
	if (i->key == 0xfe)
		return NULL;
	switch (op) {
	case 2: return int_bind_call(i, mode);
	case 4: return int_bind_jump(i, mode);
	case 6: return int_bind_push(i, mode);
	default: return NULL; /* far transfers, #UD */
	}
}
