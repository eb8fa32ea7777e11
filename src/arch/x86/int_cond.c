/* SPDX-License-Identifier: Apache-2.0 */
/* Jcc SETcc CMOVcc: one handler per condition. SDM vol. 2, appendix B.1.4. */
#include "int.h"

/* In 64-bit mode the displacement is all: no limit, no size to cut to. */
/* A taken one leaves the block, which goes on behind it otherwise. */
INLINE int jcc64(struct x86_cpu *c, const struct x86_insn *i, bool taken)
{
	if (!taken)
		return X86_OK;
	c->rip += i->imm;
	return X86_BREAK;
}

INLINE int jcc(struct x86_cpu *c, const struct x86_insn *i, bool taken)
{
	int r;

	if (!taken)
		return X86_OK;
	r = x86_near_jump(c, (c->rip + i->imm) & bits_mask(i->opsize * 8u));
	return r ? r : X86_BREAK;
}

/* The load happens, and a 32-bit register is zero-extended, either way. */
INLINE int cmov(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		u64 v, bool taken)
{
	u64 old = int_reg(c, i, bits);

	int_set_reg(c, i, bits, taken ? v : old);
	return X86_OK;
}

INLINE int cmov_mem(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    void *p, bool taken)
{
	u64 v = 0;
	int r = int_load(c, i, bits, p, &v);

	if (r >= 0)
		cmov(c, i, bits, v, taken);
	return r;
}

#define HANDLER(name, expr)                                                    \
	FLATTEN int name(struct x86_cpu *c, const struct x86_insn *i)          \
	{                                                                      \
		return x86_chain(c, i, expr);                                  \
	}
#define CMOV(cc, bits)                                                         \
	HANDLER(cmov##bits##_##cc,                                             \
		cmov(c, i, bits, int_rm(c, i, bits), x86_cond(c, cc)))         \
	INT_MEM(cmov_mem##bits##_##cc, bits, X86_READ,                         \
		cmov_mem(c, i, bits, p, x86_cond(c, cc)))

static inline int set_reg(struct x86_cpu *c, const struct x86_insn *i, bool v)
{
	int_put_byte(c, i->rm_b, v);
	return X86_OK;
}

struct cond {
	x86_exec_fn jcc64, jcc, set;
	struct int_mem set_mem;
	x86_exec_fn cmov[3];
	struct int_mem cmov_mem[3];
};

#define COND(cc)                                                               \
	HANDLER(jcc64_##cc, jcc64(c, i, x86_cond(c, cc)))                      \
	HANDLER(jcc_##cc, jcc(c, i, x86_cond(c, cc)))                          \
	HANDLER(set_##cc, set_reg(c, i, x86_cond(c, cc)))                      \
	INT_MEM(set_mem_##cc, 8, X86_WRITE,                                    \
		int_store(c, i, 8, p, x86_cond(c, cc)))                        \
	CMOV(cc, 16) CMOV(cc, 32) CMOV(cc, 64)
#define COND_ENTRY(cc)                                                         \
	{                                                                      \
		jcc64_##cc, jcc_##cc, set_##cc, INT_MEM_FNS(set_mem_##cc),     \
		{ cmov16_##cc, cmov32_##cc, cmov64_##cc },                     \
		{ INT_MEM_FNS(cmov_mem16_##cc), INT_MEM_FNS(cmov_mem32_##cc),  \
		  INT_MEM_FNS(cmov_mem64_##cc) }                               \
	}

COND(0) COND(1) COND(2) COND(3) COND(4) COND(5) COND(6) COND(7)
COND(8) COND(9) COND(10) COND(11) COND(12) COND(13) COND(14) COND(15)

static const struct cond cond_table[16] = {
	COND_ENTRY(0), COND_ENTRY(1), COND_ENTRY(2), COND_ENTRY(3),
	COND_ENTRY(4), COND_ENTRY(5), COND_ENTRY(6), COND_ENTRY(7),
	COND_ENTRY(8), COND_ENTRY(9), COND_ENTRY(10), COND_ENTRY(11),
	COND_ENTRY(12), COND_ENTRY(13), COND_ENTRY(14), COND_ENTRY(15),
};

/* 70..7F, 0F 80..8F */
x86_exec_fn int_bind_jcc(const struct x86_insn *i, unsigned mode)
{
	const struct cond *d = &cond_table[i->key & 15];

	return mode == X86_MODE_64 ? d->jcc64 : d->jcc;
}

/* 0F 90..9F */
x86_exec_fn int_bind_setcc(const struct x86_insn *i, unsigned mode)
{
	const struct cond *d = &cond_table[i->key & 15];

	return int_is_mem(i) ? int_pick(&d->set_mem, i, mode) : d->set;
}

/* 0F 40..4F */
x86_exec_fn int_bind_cmov(const struct x86_insn *i, unsigned mode)
{
	const struct cond *d = &cond_table[i->key & 15];
	unsigned size = int_size(i);

	return int_is_mem(i) ? int_pick(&d->cmov_mem[size], i, mode) :
			       d->cmov[size];
}
