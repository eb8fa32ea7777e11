/* SPDX-License-Identifier: Apache-2.0 */
/* Moves without arithmetic: MOV MOVZX MOVSX MOVSXD MOVBE MOVNTI LEA BSWAP XLAT
 * CBW CWD and their kin. SDM vol. 2. */
#include "int.h"

/* --- MOV ---------------------------------------------------------------- */

INLINE int mov_to_rm(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		     u64 v)
{
	int_set_rm(c, i, bits, v);
	return X86_OK;
}

INLINE int mov_to_reg(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, u64 v)
{
	int_set_reg(c, i, bits, v);
	return X86_OK;
}

INLINE int mov_load(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    void *p)
{
	u64 v = 0;
	int r = int_load(c, i, bits, p, &v);

	if (r >= 0)
		int_set_reg(c, i, bits, v);
	return r;
}

/* A0..A3: the offset is the immediate. */
INLINE int mov_load_moffs(struct x86_cpu *c, const struct x86_insn *i,
			  unsigned bits)
{
	u64 v = 0;
	int r = int_load_at(c, bits, i->seg, i->imm, &v);

	if (r >= 0)
		int_put_gpr(c, bits, REG_RAX, v);
	return r;
}

struct mov {
	x86_exec_fn rm_reg, reg_rm, rm_imm, load_moffs, store_moffs;
	struct int_mem load, store, store_imm;
};

#define MOV(name, n)                                                           \
	INT_HANDLER(name##_rm_reg##n, mov_to_rm(c, i, BITS(n), int_reg(c, i, BITS(n)))) \
	INT_HANDLER(name##_reg_rm##n, mov_to_reg(c, i, BITS(n), int_rm(c, i, BITS(n)))) \
	INT_HANDLER(name##_rm_imm##n, mov_to_rm(c, i, BITS(n), i->imm))        \
	INT_HANDLER(name##_load_moffs##n, mov_load_moffs(c, i, BITS(n)))       \
	INT_HANDLER(name##_store_moffs##n,                                     \
		    int_store_at(c, BITS(n), i->seg, i->imm, c->gpr[REG_RAX])) \
	INT_MEM(name##_load##n, BITS(n), X86_READ, mov_load(c, i, BITS(n), p)) \
	INT_MEM(name##_store##n, BITS(n), X86_WRITE,                           \
		int_store(c, i, BITS(n), p, int_reg(c, i, BITS(n))))           \
	INT_MEM(name##_store_imm##n, BITS(n), X86_WRITE,                       \
		int_store(c, i, BITS(n), p, i->imm))
#define MOV_ENTRY(name, n)                                                     \
	{                                                                      \
		name##_rm_reg##n, name##_reg_rm##n, name##_rm_imm##n,          \
		name##_load_moffs##n, name##_store_moffs##n,                   \
		INT_MEM_FNS(name##_load##n), INT_MEM_FNS(name##_store##n),     \
		INT_MEM_FNS(name##_store_imm##n)                               \
	}
INT_EACH_W(MOV, mov)
static const struct mov mov_table[INT_COUNT_W] = INT_ROW_W(MOV_ENTRY, mov);

/* 8C: a selector read is 16 bits to memory and zero-extended to a register. */
INT_HANDLER(mov_sreg16, mov_to_rm(c, i, 16, c->seg[i->reg & 7].sel))
INT_HANDLER(mov_sreg64, mov_to_rm(c, i, 64, c->seg[i->reg & 7].sel))
INT_HANDLER(mov_sreg_mem,
	x86_store16(c, i->seg, x86_ea(c, i), c->seg[i->reg & 7].sel))

static x86_exec_fn mov_bind_sreg(const struct x86_insn *i)
{
	if ((i->reg & 7) > SEG_GS)
		return NULL;
	if (int_is_mem(i))
		return mov_sreg_mem;
	return i->opsize == 2 ? mov_sreg16 : mov_sreg64;
}

/* 88..8C A0..A3 C6/0 C7/0 */
x86_exec_fn int_bind_mov(const struct x86_insn *i, unsigned mode)
{
	const struct mov *m = &mov_table[int_size_w(i)];
	bool mem = int_is_mem(i);

	switch (i->key) {
	case 0x88:
	case 0x89: return mem ? int_pick(&m->store, i, mode) : m->rm_reg;
	case 0x8a:
	case 0x8b: return mem ? int_pick(&m->load, i, mode) : m->reg_rm;
	case 0x8c: return mov_bind_sreg(i);
	case 0xa0:
	case 0xa1: return m->load_moffs;
	case 0xa2:
	case 0xa3: return m->store_moffs;
	default:
		if (int_group(i))
			return NULL;
		return mem ? int_pick(&m->store_imm, i, mode) : m->rm_imm;
	}
}

/* B0..BF */
x86_exec_fn int_bind_mov_imm(const struct x86_insn *i, unsigned mode)
{
	(void)mode;
	return mov_table[i->key < 0xb8 ? 0 : int_size_above_byte(i)].rm_imm;
}

/* --- MOVZX MOVSX MOVSXD -------------------------------------------------- */

INLINE u64 mov_extend(u64 v, unsigned from, bool sign)
{
	return sign ? bits_sign_extend(v, from) : v;
}

INLINE int mov_ext_load(struct x86_cpu *c, const struct x86_insn *i,
			unsigned bits, unsigned from, bool sign, void *p)
{
	u64 v = 0;
	int r = int_load(c, i, from, p, &v);

	if (r >= 0)
		int_set_reg(c, i, bits, mov_extend(v, from, sign));
	return r;
}

struct mov_ext {
	x86_exec_fn reg;
	struct int_mem mem;
};

#define MOV_EXT(name, from, sign, n)                                           \
	INT_HANDLER(name##_reg##n,                                             \
		    mov_to_reg(c, i, BITS(n), mov_extend(int_rm(c, i, from), from, sign))) \
	INT_MEM(name##_mem##n, from, X86_READ,                                 \
		mov_ext_load(c, i, BITS(n), from, sign, p))
#define MOV_EXT_ENTRY(name, n) { name##_reg##n, INT_MEM_FNS(name##_mem##n) }
#define MOVSXD_FROM(n) (BITS(n) == 16 ? 16u : 32u)
#define MOVSXD(name, n) MOV_EXT(name, MOVSXD_FROM(n), true, n)
INT_EACH_V(MOV_EXT, movzx8_, 8, false)
INT_EACH_V(MOV_EXT, movzx16_, 16, false)
INT_EACH_V(MOV_EXT, movsx8_, 8, true)
INT_EACH_V(MOV_EXT, movsx16_, 16, true)
INT_EACH_V(MOVSXD, movsxd)
static const struct mov_ext mov_ext_table[5][INT_COUNT_V] = {
	INT_ROW_V(MOV_EXT_ENTRY, movzx8_), INT_ROW_V(MOV_EXT_ENTRY, movzx16_),
	INT_ROW_V(MOV_EXT_ENTRY, movsx8_), INT_ROW_V(MOV_EXT_ENTRY, movsx16_),
	INT_ROW_V(MOV_EXT_ENTRY, movsxd),
};

/* 63 (64-bit mode), 0F B6 B7 BE BF */
x86_exec_fn int_bind_mov_ext(const struct x86_insn *i, unsigned mode)
{
	unsigned row = 4;
	const struct mov_ext *m;

	if (i->key != 0x63)
		row = (i->key & 8u) / 4 + (i->key & 1u);
	else if (mode != X86_MODE_64)
		return NULL; /* ARPL */
	m = &mov_ext_table[row][int_size(i)];
	return int_is_mem(i) ? int_pick(&m->mem, i, mode) : m->reg;
}

/* --- LEA ---------------------------------------------------------------- */

#ifdef X86_SMALL
INT_HANDLER(lea, mov_to_reg(c, i, i->opsize * 8u, x86_ea(c, i)))
#else
INT_HANDLER(lea16, mov_to_reg(c, i, 16, x86_ea(c, i)))
INT_HANDLER(lea32, mov_to_reg(c, i, 32, x86_ea(c, i)))
INT_HANDLER(lea64, mov_to_reg(c, i, 64, x86_ea(c, i)))
INT_HANDLER(lea32_bd, mov_to_reg(c, i, 32, int_lin_bd(c, i)))
INT_HANDLER(lea32_sib, mov_to_reg(c, i, 32, int_lin_sib(c, i)))
INT_HANDLER(lea64_bd, mov_to_reg(c, i, 64, int_lin_bd(c, i)))
INT_HANDLER(lea64_sib, mov_to_reg(c, i, 64, int_lin_sib(c, i)))

static x86_exec_fn lea_pick(const struct x86_insn *i)
{
	bool bd = i->index == REG_ZERO && !i->rip_rel;

	if (i->opsize == 2)
		return lea16;
	if (i->addrsize != 8)
		return i->opsize == 4 ? lea32 : lea64;
	if (i->opsize == 4)
		return bd ? lea32_bd : lea32_sib;
	return bd ? lea64_bd : lea64_sib;
}
#endif

/* 8D */
x86_exec_fn int_bind_lea(const struct x86_insn *i, unsigned mode)
{
	(void)mode;
	if (!int_is_mem(i))
		return NULL;
#ifdef X86_SMALL
	return lea;
#else
	return lea_pick(i);
#endif
}

/* --- byte order --------------------------------------------------------- */

INLINE u64 mov_swap(u64 v, unsigned bits)
{
	return __builtin_bswap64(v) >> (64 - bits);
}

INLINE int movbe_load(struct x86_cpu *c, const struct x86_insn *i,
		      unsigned bits, void *p)
{
	u64 v = 0;
	int r = int_load(c, i, bits, p, &v);

	if (r >= 0)
		int_set_reg(c, i, bits, mov_swap(v, bits));
	return r;
}

/* BSWAP of a 16-bit register is undefined; processors clear it. */
INT_HANDLER(bswap16, mov_to_rm(c, i, 16, 0))
INT_HANDLER(bswap32, mov_to_rm(c, i, 32, mov_swap(int_rm(c, i, 32), 32)))
INT_HANDLER(bswap64, mov_to_rm(c, i, 64, mov_swap(int_rm(c, i, 64), 64)))

#define MOVBE(name, n)                                                         \
	INT_MEM(name##_load##n, BITS(n), X86_READ, movbe_load(c, i, BITS(n), p)) \
	INT_MEM(name##_store##n, BITS(n), X86_WRITE,                           \
		int_store(c, i, BITS(n), p, mov_swap(int_reg(c, i, BITS(n)), BITS(n))))
#define LOAD_ENTRY(name, n) INT_MEM_FNS(name##_load##n)
#define STORE_ENTRY(name, n) INT_MEM_FNS(name##_store##n)
INT_EACH_V(MOVBE, movbe)
static const struct int_mem movbe_table[2][INT_COUNT_V] = {
	INT_ROW_V(LOAD_ENTRY, movbe), INT_ROW_V(STORE_ENTRY, movbe),
};

/* MOVNTI: never 16 bits. */
#define MOVNTI(name, n)                                                        \
	INT_MEM(name##_store##n, BITS(n), X86_WRITE,                           \
		int_store(c, i, BITS(n), p, int_reg(c, i, BITS(n))))
INT_EACH_B(MOVNTI, movnti)
static const struct int_mem movnti_table[INT_COUNT_B] = INT_ROW_B(STORE_ENTRY, movnti);

/* 0F C8..CF BSWAP, 0F C3 MOVNTI, 0F38 F0 F1 MOVBE */
x86_exec_fn int_bind_swap(const struct x86_insn *i, unsigned mode)
{
	/* by operand size 2, 4, 8 */
	static const x86_exec_fn bswap[9] = { [2] = bswap16, [4] = bswap32, [8] = bswap64 };

	if (i->key >= X86_KEY(X86_MAP_0F, 0xc8) && i->key <= X86_KEY(X86_MAP_0F, 0xcf))
		return bswap[i->opsize];
	if (!int_is_mem(i))
		return NULL;
	if (i->key == X86_KEY(X86_MAP_0F, 0xc3))
		return int_pick(&movnti_table[int_size_b(i->opsize == 8)], i, mode);
	return int_pick(&movbe_table[i->key & 1][int_size(i)], i, mode);
}

/* --- inside the accumulator --------------------------------------------- */

INLINE int convert(struct x86_cpu *c, unsigned bits)
{
	int_put_gpr(c, bits, REG_RAX,
		    bits_sign_extend(c->gpr[REG_RAX], bits / 2));
	return X86_OK;
}

INLINE int convert_double(struct x86_cpu *c, unsigned bits)
{
	int_put_gpr(c, bits, REG_RDX,
		    int_msb(int_gpr(c, bits, REG_RAX), bits) ? ~(u64)0 : 0);
	return X86_OK;
}

#define ACC(name, expr)                                                        \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		(void)i;                                                       \
		return expr;                                                   \
	}
ACC(cbw, convert(c, 16))
ACC(cwde, convert(c, 32))
ACC(cdqe, convert(c, 64))
ACC(cwd, convert_double(c, 16))
ACC(cdq, convert_double(c, 32))
ACC(cqo, convert_double(c, 64))

static int xlat(struct x86_cpu *c, const struct x86_insn *i)
{
	u64 ea = c->gpr[REG_RBX] + int_gpr(c, 8, REG_RAX);
	u8 v = 0;
	int r = x86_load8(c, i->seg, ea & bits_mask(i->addrsize * 8u), &v);

	if (r >= 0)
		int_put_gpr(c, 8, REG_RAX, v);
	return r;
}

/* 98 99 D7 */
x86_exec_fn int_bind_convert(const struct x86_insn *i, unsigned mode)
{
	/* by operand size 2, 4, 8 */
	static const x86_exec_fn table[2][9] = { { [2] = cbw, [4] = cwde, [8] = cdqe },
						 { [2] = cwd, [4] = cdq, [8] = cqo } };

	(void)mode;
	return i->key == 0xd7 ? xlat : table[i->key & 1][i->opsize];
}
