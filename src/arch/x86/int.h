/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates for the integer instruction handlers.
 *
 * A handler is made for one operation, one operand size and one form by
 * inlining an operation (int_ops.h) into an operand template with constant
 * arguments: `bits` (8, 16, 32, 64) is a constant wherever it appears, so
 * nothing is decided about it at run time.
 *
 * Memory forms come in three: _bd and _sib for 64-bit mode and a segment whose
 * base is 0 there, which look into the translation cache first and need no
 * stack frame when it hits, and _any for everything else and for the misses.
 *
 * With X86_SMALL, for a program that runs single instructions now and then, each
 * operation is made once: `bits` is looked up in the instruction (BITS_w and so on
 * below), and of the memory forms there is _any alone.
 */
#ifndef ARCH_X86_INT_H
#define ARCH_X86_INT_H

#include <arch/x86/access.h>
#include <arch/x86/flags.h>
#include <arch/x86/insn.h>
#include <arch/x86/mmu.h>
#include <arch/x86/system.h>

#ifdef X86_SMALL
#define INLINE static __attribute__((unused))
#define FLATTEN static
#else
#define INLINE static inline __attribute__((always_inline))
/* Inlines all that the function calls: for x86_cond() with a constant. */
#define FLATTEN static __attribute__((flatten))
#endif
#define OUTLINE static __attribute__((noinline))

/* --- operand sizes --------------------------------------------------------- */

/*
 * A template has a size's name, n, in the names that it makes and BITS(n) where it
 * counts: 8, 16, 32, 64, or with X86_SMALL a letter for how the instruction says it.
 * INT_EACH makes a template for all sizes of a kind, INT_ROW the part of a table
 * that int_size_w() and its like are an index of.
 */
#define BITS(n) BITS_##n
#define BITS_8 8
#define BITS_16 16
#define BITS_32 32
#define BITS_64 64
#define BITS_w int_bits_w(i) /* bytes told apart by the opcode */
#define BITS_v (i->opsize * 8u)
#define BITS_b int_bits_b(c, i) /* 32 or 64: BMI and its kin */

#ifdef X86_SMALL
#define INT_EACH_W(make, ...) make(__VA_ARGS__, w)
#define INT_EACH_V(make, ...) make(__VA_ARGS__, v)
#define INT_EACH_B(make, ...) make(__VA_ARGS__, b)
#define INT_ROW_W(entry, ...) { entry(__VA_ARGS__, w) }
#define INT_ROW_V(entry, ...) { entry(__VA_ARGS__, v) }
#define INT_ROW_B(entry, ...) { entry(__VA_ARGS__, b) }
enum { INT_COUNT_W = 1, INT_COUNT_V = 1, INT_COUNT_B = 1 };
#else
#define INT_EACH_B(make, ...) make(__VA_ARGS__, 32) make(__VA_ARGS__, 64)
#define INT_EACH_V(make, ...) make(__VA_ARGS__, 16) INT_EACH_B(make, __VA_ARGS__)
#define INT_EACH_W(make, ...) make(__VA_ARGS__, 8) INT_EACH_V(make, __VA_ARGS__)
#define INT_ROW_B(entry, ...) { entry(__VA_ARGS__, 32), entry(__VA_ARGS__, 64) }
#define INT_ROW_V(entry, ...)                                                  \
	{                                                                      \
		entry(__VA_ARGS__, 16), entry(__VA_ARGS__, 32), entry(__VA_ARGS__, 64) \
	}
#define INT_ROW_W(entry, ...)                                                  \
	{                                                                      \
		entry(__VA_ARGS__, 8), entry(__VA_ARGS__, 16),                 \
		entry(__VA_ARGS__, 32), entry(__VA_ARGS__, 64)                 \
	}
enum { INT_COUNT_W = 4, INT_COUNT_V = 3, INT_COUNT_B = 2 };
#endif

/* Where bit 0 of the opcode tells bytes apart, and in 40..4F and B0..BF. */
INLINE unsigned int_bits_w(const struct x86_insn *i)
{
	bool byte = !(i->key & 1);

	if ((i->key & 0xfff0) == 0xb0)
		byte = i->key < 0xb8;
	return byte && (i->key & 0xfff0) != 0x40 ? 8 : i->opsize * 8u;
}

/* VEX.W chooses between 32 and 64 bits in 64-bit mode only. */
INLINE unsigned int_bits_b(const struct x86_cpu *c, const struct x86_insn *i)
{
	bool wide = i->flags & X86_I_VEX ? (i->vex_lw & 2) && x86_code64(c) : i->opsize == 8;

	return wide ? 64 : 32;
}

/* --- registers ---------------------------------------------------------- */

INLINE u64 int_trunc(u64 v, unsigned bits)
{
	return v & bits_mask(bits);
}

INLINE bool int_msb(u64 v, unsigned bits)
{
	return (v >> (bits - 1)) & 1;
}

/* Register n, zero-extended; for bits == 8 one of AL, CL, DL, BL, SPL... */
INLINE u64 int_gpr(const struct x86_cpu *c, unsigned bits, unsigned n)
{
	return int_trunc(c->gpr[n], bits);
}

INLINE void int_put_byte(struct x86_cpu *c, unsigned offset, u64 v)
{
	((u8 *)c->gpr)[offset] = (u8)v;
}

/* 32-bit results are zero-extended, narrower ones leave the rest alone. */
INLINE void int_put_gpr(struct x86_cpu *c, unsigned bits, unsigned n, u64 v)
{
	switch (bits) {
	case 8: *(u8 *)&c->gpr[n] = (u8)v; break;
	case 16: *(u16 *)&c->gpr[n] = (u16)v; break;
	case 32: c->gpr[n] = (u32)v; break;
	default: c->gpr[n] = v; break;
	}
}

/* The ModRM.reg and ModRM.rm register operands. */
INLINE u64 int_reg(const struct x86_cpu *c, const struct x86_insn *i,
		   unsigned bits)
{
	return bits == 8 ? ((const u8 *)c->gpr)[i->reg_b] :
			   int_gpr(c, bits, i->reg);
}

INLINE u64 int_rm(const struct x86_cpu *c, const struct x86_insn *i,
		  unsigned bits)
{
	return bits == 8 ? ((const u8 *)c->gpr)[i->rm_b] :
			   int_gpr(c, bits, i->rm);
}

INLINE void int_set_reg(struct x86_cpu *c, const struct x86_insn *i,
			unsigned bits, u64 v)
{
	if (bits == 8)
		int_put_byte(c, i->reg_b, v);
	else
		int_put_gpr(c, bits, i->reg, v);
}

INLINE void int_set_rm(struct x86_cpu *c, const struct x86_insn *i,
		       unsigned bits, u64 v)
{
	if (bits == 8)
		int_put_byte(c, i->rm_b, v);
	else
		int_put_gpr(c, bits, i->rm, v);
}

/* Register n where the address size says how wide it is (RCX, RSI, RDI...). */
INLINE u64 int_addr_reg(const struct x86_cpu *c, const struct x86_insn *i,
			unsigned n)
{
	return c->gpr[n] & bits_mask(i->addrsize * 8u);
}

INLINE void int_set_addr_reg(struct x86_cpu *c, const struct x86_insn *i,
			     unsigned n, u64 v)
{
	switch (i->addrsize) {
	case 2: *(u16 *)&c->gpr[n] = (u16)v; break;
	case 4: c->gpr[n] = (u32)v; break;
	default: c->gpr[n] = v; break;
	}
}

/* --- memory operands ---------------------------------------------------- */

INLINE u64 int_peek(const void *p, unsigned bits)
{
	switch (bits) {
	case 8: return *(const volatile u8 *)p;
	case 16: return *(const volatile x86_u16u *)p;
	case 32: return *(const volatile x86_u32u *)p;
	default: return *(const volatile x86_u64u *)p;
	}
}

INLINE void int_poke(void *p, unsigned bits, u64 v)
{
	switch (bits) {
	case 8: *(volatile u8 *)p = (u8)v; break;
	case 16: *(volatile x86_u16u *)p = (u16)v; break;
	case 32: *(volatile x86_u32u *)p = (u32)v; break;
	default: *(volatile x86_u64u *)p = v; break;
	}
}

#ifdef X86_SMALL
INLINE int int_load_at(struct x86_cpu *c, unsigned bits, unsigned seg, u64 offset, u64 *v)
{
	return x86_load(c, seg, offset, bits / 8, v);
}

INLINE int int_store_at(struct x86_cpu *c, unsigned bits, unsigned seg, u64 offset, u64 v)
{
	return x86_store(c, seg, offset, bits / 8, v);
}
#else
#define INT_LOAD_CASE(n)                                       \
	case n: {                                              \
		u##n t = 0;                                    \
		int r = x86_load##n(c, seg, offset, &t);       \
		*v = t;                                        \
		return r;                                      \
	}

INLINE int int_load_at(struct x86_cpu *c, unsigned bits, unsigned seg,
		       u64 offset, u64 *v)
{
	switch (bits) {
	INT_LOAD_CASE(8)
	INT_LOAD_CASE(16)
	INT_LOAD_CASE(32)
	default:
	INT_LOAD_CASE(64)
	}
}

INLINE int int_store_at(struct x86_cpu *c, unsigned bits, unsigned seg,
			u64 offset, u64 v)
{
	switch (bits) {
	case 8: return x86_store8(c, seg, offset, (u8)v);
	case 16: return x86_store16(c, seg, offset, (u16)v);
	case 32: return x86_store32(c, seg, offset, (u32)v);
	default: return x86_store64(c, seg, offset, v);
	}
}
#endif

/* p: the operand's host address when the translation cache had it, or NULL. */
INLINE int int_load(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		    const void *p, u64 *v)
{
	if (p) {
		*v = int_peek(p, bits);
		return X86_OK;
	}
	return int_load_at(c, bits, i->seg, x86_ea(c, i), v);
}

INLINE int int_store(struct x86_cpu *c, const struct x86_insn *i, unsigned bits,
		     void *p, u64 v)
{
	if (p) {
		int_poke(p, bits, v);
		return X86_OK;
	}
	return int_store_at(c, bits, i->seg, x86_ea(c, i), v);
}

/* Base and displacement only. */
INLINE u64 int_lin_bd(const struct x86_cpu *c, const struct x86_insn *i)
{
	return c->gpr[i->base] + (u64)(s64)i->disp;
}

/* Any form of a 64-bit address. */
INLINE u64 int_lin_sib(const struct x86_cpu *c, const struct x86_insn *i)
{
	u64 lin = int_lin_bd(c, i) + (c->gpr[i->index] << i->scale);

	return i->rip_rel ? lin + c->rip : lin;
}

/*
 * Defines name_any, name_bd and name_sib. body is an expression over c, i and
 * p (as in int_load) that does the whole instruction.
 */
#define INT_MEM(name, bits, access, body)                                      \
	OUTLINE int name##_any(struct x86_cpu *c, const struct x86_insn *i)    \
	{                                                                      \
		void *const p = NULL;                                          \
									       \
		return body;                                                   \
	}                                                                      \
	INT_MEM_FAST(name, bd, bits, access, body)                             \
	INT_MEM_FAST(name, sib, bits, access, body)

#ifdef X86_SMALL
#define INT_MEM_FAST(name, form, bits, access, body)
struct int_mem {
	x86_exec_fn any;
};
#define INT_MEM_FNS(name) { name##_any }

static inline x86_exec_fn int_pick(const struct int_mem *f, const struct x86_insn *i,
				   unsigned mode)
{
	(void)i, (void)mode;
	return f->any;
}
#else
#define INT_MEM_FAST(name, form, bits, access, body)                           \
	static int name##_##form(struct x86_cpu *c, const struct x86_insn *i)  \
	{                                                                      \
		void *p = x86_tlb_hit(c, int_lin_##form(c, i), (bits) / 8,     \
				      access);                                 \
									       \
		if (likely(p))                                                 \
			return x86_chain(c, i, body);                          \
		return name##_any(c, i);                                       \
	}

struct int_mem {
	x86_exec_fn any, bd, sib;
};
#define INT_MEM_FNS(name) { name##_any, name##_bd, name##_sib }

/* Whether the operand's segment base is 0 and nothing is cut from its address. */
static inline bool int_flat64(const struct x86_insn *i, unsigned mode)
{
	return mode == X86_MODE_64 && i->addrsize == 8 && i->seg != SEG_FS &&
	       i->seg != SEG_GS;
}

static inline x86_exec_fn int_pick(const struct int_mem *f,
				   const struct x86_insn *i, unsigned mode)
{
	if (!int_flat64(i, mode))
		return f->any;
	return i->index == REG_ZERO && !i->rip_rel ? f->bd : f->sib;
}
#endif

/* --- binding ------------------------------------------------------------ */

/* 0..2 for 16, 32, 64 bits: the index into INT_ROW_V. */
static inline unsigned int_size(const struct x86_insn *i)
{
	if (INT_COUNT_V == 1)
		return 0;
	return i->opsize == 2 ? 0 : i->opsize == 4 ? 1 : 2;
}

/* The same into INT_ROW_W. */
static inline unsigned int_size_above_byte(const struct x86_insn *i)
{
	return INT_COUNT_W == 1 ? 0 : int_size(i) + 1;
}

/* 0..3 for 8, 16, 32, 64 bits, where bit 0 of the opcode tells bytes apart: into
 * INT_ROW_W. */
static inline unsigned int_size_w(const struct x86_insn *i)
{
	return i->key & 1 ? int_size_above_byte(i) : 0;
}

/* Into INT_ROW_B. */
static inline unsigned int_size_b(bool wide)
{
	return INT_COUNT_B == 1 ? 0 : wide;
}

/* A handler of one expression over c and i. */
#define INT_HANDLER(name, expr)                                                \
	static int name(struct x86_cpu *c, const struct x86_insn *i)          \
	{                                                                      \
		return x86_chain(c, i, expr);                                  \
	}

static inline bool int_is_mem(const struct x86_insn *i)
{
	return (i->flags & X86_I_MEM) != 0;
}

static inline bool int_is_lock(const struct x86_insn *i)
{
	return (i->flags & X86_I_LOCK) != 0;
}

/* The group opcode's operation. */
static inline unsigned int_group(const struct x86_insn *i)
{
	return (i->modrm >> 3) & 7;
}

/*
 * One per file; each gets only the opcodes that int.c's tables send it and
 * returns NULL for the forms that are another room's or #UD.
 */
typedef x86_exec_fn int_bind_fn(const struct x86_insn *i, unsigned mode);
int_bind_fn int_bind_alu, int_bind_alu_imm, int_bind_test, int_bind_incdec;
int_bind_fn int_bind_group3, int_bind_group5;
int_bind_fn int_bind_mul, int_bind_imul;
int_bind_fn int_bind_mov, int_bind_mov_imm, int_bind_mov_ext, int_bind_lea;
int_bind_fn int_bind_convert, int_bind_swap;
int_bind_fn int_bind_xchg, int_bind_cmpxchg, int_bind_xadd, int_bind_group9;
int_bind_fn int_bind_shift, int_bind_shiftd;
int_bind_fn int_bind_bt, int_bind_scan, int_bind_0f38_f;
int_bind_fn int_bind_rorx;
int_bind_fn int_bind_jcc, int_bind_setcc, int_bind_cmov;
int_bind_fn int_bind_jump, int_bind_loop, int_bind_call, int_bind_ret;
int_bind_fn int_bind_push, int_bind_pop, int_bind_frame;
int_bind_fn int_bind_decimal, int_bind_flag, int_bind_hint, int_bind_group15;
int_bind_fn int_bind_bound, int_bind_string;

#endif
