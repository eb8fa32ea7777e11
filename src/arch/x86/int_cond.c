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
/* As a size's name: a condition's number, or k for where the opcode says it. */
#ifdef X86_SMALL
#define CC(cc) (i->key & 15u)
#define EACH_CC(make) make(k)
#define ROW_CC(entry) { entry(k) }
enum { COUNT_CC = 1 };
#else
#define CC(cc) cc
#define EACH_CC(make)                                                          \
	make(0) make(1) make(2) make(3) make(4) make(5) make(6) make(7)        \
	make(8) make(9) make(10) make(11) make(12) make(13) make(14) make(15)
#define ROW_CC(entry)                                                          \
	{                                                                      \
		entry(0), entry(1), entry(2), entry(3), entry(4), entry(5),    \
		entry(6), entry(7), entry(8), entry(9), entry(10), entry(11),  \
		entry(12), entry(13), entry(14), entry(15)                     \
	}
enum { COUNT_CC = 16 };
#endif

#define CMOV(cc, n)                                                            \
	HANDLER(cmov_##cc##_##n,                                               \
		cmov(c, i, BITS(n), int_rm(c, i, BITS(n)), x86_cond(c, CC(cc)))) \
	INT_MEM(cmov_mem_##cc##_##n, BITS(n), X86_READ,                        \
		cmov_mem(c, i, BITS(n), p, x86_cond(c, CC(cc))))
#define CMOV_ENTRY(cc, n) cmov_##cc##_##n
#define CMOV_MEM_ENTRY(cc, n) INT_MEM_FNS(cmov_mem_##cc##_##n)

static inline int set_reg(struct x86_cpu *c, const struct x86_insn *i, bool v)
{
	int_put_byte(c, i->rm_b, v);
	return X86_OK;
}

struct cond {
	x86_exec_fn jcc64, jcc, set;
	struct int_mem set_mem;
	x86_exec_fn cmov[INT_COUNT_V];
	struct int_mem cmov_mem[INT_COUNT_V];
};

#define COND(cc)                                                               \
	HANDLER(jcc64_##cc, jcc64(c, i, x86_cond(c, CC(cc))))                  \
	HANDLER(jcc_##cc, jcc(c, i, x86_cond(c, CC(cc))))                      \
	HANDLER(set_##cc, set_reg(c, i, x86_cond(c, CC(cc))))                  \
	INT_MEM(set_mem_##cc, 8, X86_WRITE,                                    \
		int_store(c, i, 8, p, x86_cond(c, CC(cc))))                    \
	INT_EACH_V(CMOV, cc)
#define COND_ENTRY(cc)                                                         \
	{                                                                      \
		jcc64_##cc, jcc_##cc, set_##cc, INT_MEM_FNS(set_mem_##cc),     \
		INT_ROW_V(CMOV_ENTRY, cc), INT_ROW_V(CMOV_MEM_ENTRY, cc)       \
	}

EACH_CC(COND)
static const struct cond cond_table[COUNT_CC] = ROW_CC(COND_ENTRY);

static const struct cond *cond_find(const struct x86_insn *i)
{
	return &cond_table[COUNT_CC == 1 ? 0 : i->key & 15];
}

/* 70..7F, 0F 80..8F */
x86_exec_fn int_bind_jcc(const struct x86_insn *i, unsigned mode)
{
	const struct cond *d = cond_find(i);

	return mode == X86_MODE_64 ? d->jcc64 : d->jcc;
}

/* 0F 90..9F */
x86_exec_fn int_bind_setcc(const struct x86_insn *i, unsigned mode)
{
	const struct cond *d = cond_find(i);

	return int_is_mem(i) ? int_pick(&d->set_mem, i, mode) : d->set;
}

/* 0F 40..4F */
x86_exec_fn int_bind_cmov(const struct x86_insn *i, unsigned mode)
{
	const struct cond *d = cond_find(i);
	unsigned size = int_size(i);

	return int_is_mem(i) ? int_pick(&d->cmov_mem[size], i, mode) :
			       d->cmov[size];
}
