/* SPDX-License-Identifier: Apache-2.0 */
/* Moves without arithmetic: MOV MOVZX MOVSX MOVSXD MOVBE MOVNTI LEA BSWAP XLAT
 * CBW CWD and their kin. SDM vol. 2. */
#include "int.h"

#define HANDLER(name, expr)                                                    \
	static int name(struct x86_cpu *c, const struct x86_insn *i)           \
	{                                                                      \
		return x86_chain(c, i, expr);                                  \
	}

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

#define MOV(bits)                                                              \
	HANDLER(mov_rm_reg##bits, mov_to_rm(c, i, bits, int_reg(c, i, bits)))  \
	HANDLER(mov_reg_rm##bits, mov_to_reg(c, i, bits, int_rm(c, i, bits)))  \
	HANDLER(mov_rm_imm##bits, mov_to_rm(c, i, bits, i->imm))               \
	HANDLER(mov_load_moffs##bits, mov_load_moffs(c, i, bits))              \
	HANDLER(mov_store_moffs##bits,                                         \
		int_store_at(c, bits, i->seg, i->imm, c->gpr[REG_RAX]))        \
	INT_MEM(mov_load##bits, bits, X86_READ, mov_load(c, i, bits, p))       \
	INT_MEM(mov_store##bits, bits, X86_WRITE,                              \
		int_store(c, i, bits, p, int_reg(c, i, bits)))                 \
	INT_MEM(mov_store_imm##bits, bits, X86_WRITE,                          \
		int_store(c, i, bits, p, i->imm))
#define MOV_ENTRY(bits)                                                        \
	{                                                                      \
		mov_rm_reg##bits, mov_reg_rm##bits, mov_rm_imm##bits,          \
		mov_load_moffs##bits, mov_store_moffs##bits,                   \
		INT_MEM_FNS(mov_load##bits), INT_MEM_FNS(mov_store##bits),     \
		INT_MEM_FNS(mov_store_imm##bits)                               \
	}
MOV(8)
MOV(16)
MOV(32)
MOV(64)
static const struct mov mov_table[4] = { MOV_ENTRY(8), MOV_ENTRY(16),
					 MOV_ENTRY(32), MOV_ENTRY(64) };

/* 8C: a selector read is 16 bits to memory and zero-extended to a register. */
HANDLER(mov_sreg16, mov_to_rm(c, i, 16, c->seg[i->reg & 7].sel))
HANDLER(mov_sreg64, mov_to_rm(c, i, 64, c->seg[i->reg & 7].sel))
HANDLER(mov_sreg_mem,
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
	return mov_table[i->key < 0xb8 ? 0 : int_size(i) + 1].rm_imm;
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

#define MOV_EXT(name, bits, from, sign)                                        \
	HANDLER(name##_reg##bits##_##from,                                     \
		mov_to_reg(c, i, bits,                                         \
			   mov_extend(int_rm(c, i, from), from, sign)))        \
	INT_MEM(name##_mem##bits##_##from, from, X86_READ,                     \
		mov_ext_load(c, i, bits, from, sign, p))
#define MOV_EXT_ENTRY(name, bits, from)                                        \
	{                                                                      \
		name##_reg##bits##_##from,                                     \
		INT_MEM_FNS(name##_mem##bits##_##from)                         \
	}
#define MOV_EXT_ROW(name, from)                                                \
	{                                                                      \
		MOV_EXT_ENTRY(name, 16, from), MOV_EXT_ENTRY(name, 32, from),  \
		MOV_EXT_ENTRY(name, 64, from)                                  \
	}
#define MOV_EXT_SIZES(name, from, sign)                                        \
	MOV_EXT(name, 16, from, sign)                                          \
	MOV_EXT(name, 32, from, sign)                                          \
	MOV_EXT(name, 64, from, sign)
MOV_EXT_SIZES(movzx, 8, false)
MOV_EXT_SIZES(movzx, 16, false)
MOV_EXT_SIZES(movsx, 8, true)
MOV_EXT_SIZES(movsx, 16, true)
MOV_EXT(movsxd, 16, 16, true)
MOV_EXT(movsxd, 32, 32, true)
MOV_EXT(movsxd, 64, 32, true)
static const struct mov_ext mov_ext_table[5][3] = {
	MOV_EXT_ROW(movzx, 8), MOV_EXT_ROW(movzx, 16), MOV_EXT_ROW(movsx, 8),
	MOV_EXT_ROW(movsx, 16),
	{ MOV_EXT_ENTRY(movsxd, 16, 16), MOV_EXT_ENTRY(movsxd, 32, 32),
	  MOV_EXT_ENTRY(movsxd, 64, 32) },
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

HANDLER(lea16, mov_to_reg(c, i, 16, x86_ea(c, i)))
HANDLER(lea32, mov_to_reg(c, i, 32, x86_ea(c, i)))
HANDLER(lea64, mov_to_reg(c, i, 64, x86_ea(c, i)))
HANDLER(lea32_bd, mov_to_reg(c, i, 32, int_lin_bd(c, i)))
HANDLER(lea32_sib, mov_to_reg(c, i, 32, int_lin_sib(c, i)))
HANDLER(lea64_bd, mov_to_reg(c, i, 64, int_lin_bd(c, i)))
HANDLER(lea64_sib, mov_to_reg(c, i, 64, int_lin_sib(c, i)))

/* 8D */
x86_exec_fn int_bind_lea(const struct x86_insn *i, unsigned mode)
{
	bool bd = i->index == REG_ZERO && !i->rip_rel;

	(void)mode;
	if (!int_is_mem(i))
		return NULL;
	if (i->opsize == 2)
		return lea16;
	if (i->addrsize != 8)
		return i->opsize == 4 ? lea32 : lea64;
	if (i->opsize == 4)
		return bd ? lea32_bd : lea32_sib;
	return bd ? lea64_bd : lea64_sib;
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
HANDLER(bswap16, mov_to_rm(c, i, 16, 0))
HANDLER(bswap32, mov_to_rm(c, i, 32, mov_swap(int_rm(c, i, 32), 32)))
HANDLER(bswap64, mov_to_rm(c, i, 64, mov_swap(int_rm(c, i, 64), 64)))

#define MOVBE(bits)                                                            \
	INT_MEM(movbe_load##bits, bits, X86_READ, movbe_load(c, i, bits, p))   \
	INT_MEM(movbe_store##bits, bits, X86_WRITE,                            \
		int_store(c, i, bits, p, mov_swap(int_reg(c, i, bits), bits)))
MOVBE(16)
MOVBE(32)
MOVBE(64)
static const struct int_mem movbe_table[2][3] = {
	{ INT_MEM_FNS(movbe_load16), INT_MEM_FNS(movbe_load32),
	  INT_MEM_FNS(movbe_load64) },
	{ INT_MEM_FNS(movbe_store16), INT_MEM_FNS(movbe_store32),
	  INT_MEM_FNS(movbe_store64) },
};

/* 0F C8..CF BSWAP, 0F C3 MOVNTI, 0F38 F0 F1 MOVBE */
x86_exec_fn int_bind_swap(const struct x86_insn *i, unsigned mode)
{
	static const x86_exec_fn bswap[3] = { bswap16, bswap32, bswap64 };

	if (i->key >= X86_KEY(X86_MAP_0F, 0xc8) && i->key <= X86_KEY(X86_MAP_0F, 0xcf))
		return bswap[int_size(i)];
	if (!int_is_mem(i))
		return NULL;
	if (i->key == X86_KEY(X86_MAP_0F, 0xc3))
		return int_pick(&mov_table[i->opsize == 8 ? 3 : 2].store, i, mode);
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
	static const x86_exec_fn table[2][3] = { { cbw, cwde, cdqe },
						 { cwd, cdq, cqo } };

	(void)mode;
	return i->key == 0xd7 ? xlat : table[i->key & 1][int_size(i)];
}
