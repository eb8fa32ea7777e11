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

#define ALU_HANDLER(name, expr)                                                \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		return x86_chain(c, i, expr);                                  \
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

#define ALU_COMMON(name, op, bits)                                             \
	ALU_HANDLER(name##_rm_reg##bits, alu_rm(c, i, bits, op, int_reg(c, i, bits))) \
	ALU_HANDLER(name##_reg_rm##bits, alu_reg(c, i, bits, op))              \
	ALU_HANDLER(name##_rm_imm##bits, alu_rm(c, i, bits, op, IMM(bits)))    \
	ALU_HANDLER(name##_acc_imm##bits, alu_acc(c, i, bits, op))             \
	INT_MEM(name##_load##bits, bits, X86_READ, alu_load(c, i, bits, op, p)) \
	INT_MEM(name##_mem_reg##bits, bits, ALU_ACCESS(op),                    \
		alu_mem(c, i, bits, op, p, int_reg(c, i, bits)))               \
	INT_MEM(name##_mem_imm##bits, bits, ALU_ACCESS(op),                    \
		alu_mem(c, i, bits, op, p, IMM(bits)))
#define ALU_LOCKED(name, op, bits)                                             \
	ALU_HANDLER(name##_lock_reg##bits,                                     \
		    int_rmw_lock(c, i, bits, op, int_reg(c, i, bits)))         \
	ALU_HANDLER(name##_lock_imm##bits, int_rmw_lock(c, i, bits, op, IMM(bits)))
#define ALU_SIZES(X, name, op) X(name, op, 8) X(name, op, 16) X(name, op, 32) X(name, op, 64)

#define ALU_ALL(X)                                                             \
	ALU_SIZES(X, add, OP_ADD) ALU_SIZES(X, or, OP_OR)                      \
	ALU_SIZES(X, adc, OP_ADC) ALU_SIZES(X, sbb, OP_SBB)                    \
	ALU_SIZES(X, and, OP_AND) ALU_SIZES(X, sub, OP_SUB)                    \
	ALU_SIZES(X, xor, OP_XOR)

ALU_ALL(ALU_COMMON)
ALU_ALL(ALU_LOCKED)
ALU_SIZES(ALU_COMMON, cmp, OP_CMP)

#define ALU_ENTRY(name, bits)                                                  \
	{                                                                      \
		.rm_reg = name##_rm_reg##bits, .reg_rm = name##_reg_rm##bits,  \
		.rm_imm = name##_rm_imm##bits, .acc_imm = name##_acc_imm##bits, \
		.load = INT_MEM_FNS(name##_load##bits),                        \
		.mem_reg = INT_MEM_FNS(name##_mem_reg##bits),                  \
		.mem_imm = INT_MEM_FNS(name##_mem_imm##bits),                  \
		ALU_LOCK_ENTRY(name, bits)                                     \
	}
#define ALU_ROW(name)                                                          \
	{                                                                      \
		ALU_ENTRY(name, 8), ALU_ENTRY(name, 16), ALU_ENTRY(name, 32),  \
		ALU_ENTRY(name, 64)                                            \
	}
#define ALU_LOCK_ENTRY(name, bits)                                             \
	.lock_reg = name##_lock_reg##bits, .lock_imm = name##_lock_imm##bits

static const struct alu alu_table[7][4] = {
	ALU_ROW(add), ALU_ROW(or), ALU_ROW(adc), ALU_ROW(sbb),
	ALU_ROW(and), ALU_ROW(sub), ALU_ROW(xor),
};
#undef ALU_LOCK_ENTRY
#define ALU_LOCK_ENTRY(name, bits)
static const struct alu cmp_table[4] = ALU_ROW(cmp);

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

#define TEST(bits)                                                             \
	ALU_HANDLER(test_rm_reg##bits, test_regs(c, bits, int_rm(c, i, bits),  \
						 int_reg(c, i, bits)))         \
	ALU_HANDLER(test_rm_imm##bits,                                         \
		    test_regs(c, bits, int_rm(c, i, bits), IMM(bits)))         \
	ALU_HANDLER(test_acc_imm##bits,                                        \
		    test_regs(c, bits, int_gpr(c, bits, REG_RAX), IMM(bits)))  \
	INT_MEM(test_mem_reg##bits, bits, X86_READ,                            \
		test_mem(c, i, bits, p, int_reg(c, i, bits)))                  \
	INT_MEM(test_mem_imm##bits, bits, X86_READ,                            \
		test_mem(c, i, bits, p, IMM(bits)))
#define TEST_ENTRY(bits)                                                       \
	{                                                                      \
		test_rm_reg##bits, test_rm_imm##bits, test_acc_imm##bits,      \
		INT_MEM_FNS(test_mem_reg##bits), INT_MEM_FNS(test_mem_imm##bits) \
	}
TEST(8)
TEST(16)
TEST(32)
TEST(64)
static const struct test test_table[4] = { TEST_ENTRY(8), TEST_ENTRY(16),
					   TEST_ENTRY(32), TEST_ENTRY(64) };

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

#define UNARY(name, op, bits)                                                  \
	ALU_HANDLER(name##_reg##bits, alu_rm(c, i, bits, op, 0))               \
	ALU_HANDLER(name##_lock##bits, int_rmw_lock(c, i, bits, op, 0))        \
	INT_MEM(name##_mem##bits, bits, X86_WRITE, int_rmw(c, i, bits, op, p, 0))
#define UNARY_ENTRY(name, bits)                                                \
	{                                                                      \
		name##_reg##bits, name##_lock##bits,                           \
		INT_MEM_FNS(name##_mem##bits)                                  \
	}
#define UNARY_ROW(name)                                                        \
	{                                                                      \
		UNARY_ENTRY(name, 8), UNARY_ENTRY(name, 16),                   \
		UNARY_ENTRY(name, 32), UNARY_ENTRY(name, 64)                   \
	}
ALU_SIZES(UNARY, inc, OP_INC)
ALU_SIZES(UNARY, dec, OP_DEC)
ALU_SIZES(UNARY, not, OP_NOT)
ALU_SIZES(UNARY, neg, OP_NEG)
static const struct unary unary_table[4][4] = { UNARY_ROW(inc), UNARY_ROW(dec),
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
	return unary_bind(i, mode, (i->key >> 3) & 1, int_size(i) + 1);
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
