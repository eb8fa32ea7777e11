/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the x87, MMX and SSE files share.
 *
 * An operation runs as one native instruction, legacy (not VEX) encoding, on
 * operands in memory: a "raw" function loads the destination into a scratch
 * host register, applies the instruction to it with the source as its memory
 * operand, and stores it back. Nothing lives in a host XMM or MM register
 * between two statements of C. The x87 stack alone lives in the host's
 * registers (c->x87_live); compiled code never touches those.
 */
#ifndef ARCH_X86_FPU_INTERNAL_H
#define ARCH_X86_FPU_INTERNAL_H

#include <arch/x86/access.h>
#include <arch/x86/flags.h>
#include <arch/x86/fpu.h>
#include <trivet/string.h>

#define FPU_INLINE static inline __attribute__((always_inline))
#define FPU_COLD __attribute__((noinline, cold))

typedef u64 sse_v __attribute__((vector_size(16), may_alias));
typedef u64 sse_vu __attribute__((vector_size(16), may_alias, aligned(1)));

/*
 * With X86_SMALL (int.h) the handlers have no fast path of their own: what several
 * do is a call (sse_exec_reg and its like in fpu.c).
 */
#ifdef X86_SMALL
#define FPU_SHARED
#define FPU_OWN static /* of one file */
#else
#define FPU_SHARED FPU_INLINE
#define FPU_OWN FPU_INLINE
#endif

/* One native instruction: *dst = op(*dst, *src). dst is 16-byte aligned. */
typedef void (*sse_raw)(void *dst, const void *src);

/* Mandatory prefix of an opcode; F2 and F3 win over 66. */
enum sse_prefix { PFX_NP, PFX_66, PFX_F3, PFX_F2, PFX_COUNT };

/*
 * The handlers of an opcode: register and memory form, NULL where #UD; and where
 * it pays a memory form for operands that need nothing but an addition, see
 * sse_plain. With X86_SMALL SSE_OP's share sse_op_reg and sse_op_mem, which find
 * out by op what to run.
 */
#ifdef X86_SMALL
struct sse_entry {
	x86_exec_fn reg;
	union {
		x86_exec_fn mem;
		const struct sse_op *op; /* reg is sse_op_reg */
	};
};
#else
struct sse_entry {
	x86_exec_fn reg, mem, plain;
};
#endif

enum sse_form { SSE_REG, SSE_MEM, SSE_PLAIN };

/* 64-bit mode, a segment whose base is 0 there, a 64-bit address not relative to
 * RIP. While alignment is checked the translation cache is empty (cpu.h). */
FPU_INLINE bool sse_plain(const struct x86_insn *i, unsigned mode)
{
	return mode == X86_MODE_64 && i->addrsize == 8 && !i->rip_rel &&
	       i->seg != SEG_FS && i->seg != SEG_GS;
}

#ifdef X86_SMALL
/* xmm, xmm or memory of size bytes. */
struct sse_op {
	sse_raw raw;
	u8 size;
	bool align; /* a memory operand must be at a multiple of 16 */
	u8 fp;	    /* enum sse_fp */
};

int sse_op_reg(struct x86_cpu *c, const struct x86_insn *i);
int sse_op_mem(struct x86_cpu *c, const struct x86_insn *i);
/* Those of an opcode; NULL when SSE_OP did not make it. */
const struct sse_op *sse_op_int(unsigned map, unsigned pfx, u8 op);
const struct sse_op *sse_op_fp(unsigned map, unsigned pfx, u8 op);

FPU_INLINE const struct sse_op *sse_op(const struct sse_entry *e)
{
	return e->reg == sse_op_reg ? e->op : NULL;
}

FPU_INLINE x86_exec_fn sse_pick(const struct sse_entry *e, enum sse_form form)
{
	if (form == SSE_REG)
		return e->reg;
	return sse_op(e) ? sse_op_mem : e->mem;
}
#else
FPU_INLINE x86_exec_fn sse_pick(const struct sse_entry *e, enum sse_form form)
{
	if (form == SSE_REG)
		return e->reg;
	return form == SSE_PLAIN && e->plain ? e->plain : e->mem;
}
#endif

/*
 * Can the instruction raise SIMD floating-point exceptions, and which elements
 * of its result can underflow? See sse_run_unmasked.
 */
enum sse_fp { FP_NONE, FP_ONLY, FP_SS, FP_SD, FP_PS, FP_PD, FP_PS2 };

#define MXCSR_FLAGS 0x3fu
#define MXCSR_DAZ 0x40u
#define MXCSR_MASKS 0x1f80u
#define MXCSR_UM 0x800u
#define MXCSR_FTZ 0x8000u
#define MXCSR_VALID 0xffffu
#define MXCSR_RESET 0x1f80u
#define X87_FLAGS 0x3fu
#define X87_FSW_TOP 0x3800u
#define X87_FSW_ES 0x0080u
#define X87_FSW_B 0x8000u
#define X87_FCW_INIT 0x037fu

/* --- host registers ------------------------------------------------------ */

FPU_INLINE u32 fpu_get_mxcsr(void)
{
	u32 v;

	__asm__ volatile("stmxcsr %0" : "=m"(v) : : "memory");
	return v;
}
FPU_INLINE void fpu_set_mxcsr(u32 v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v) : "memory");
}
FPU_INLINE u16 fpu_get_fsw(void)
{
	u16 v;

	__asm__ volatile("fnstsw %0" : "=a"(v) : : "memory");
	return v;
}

/* --- fpu.c: state ---------------------------------------------------------- */

/* ES and B follow from the flags and masks; reserved FCW bits as hardware has
 * them. For an image that came from the guest. */
void fpu_normalize(struct x86_fxsave *fx);
/* FNINIT values of everything but MXCSR and XMM. */
void fpu_init_x87(struct x86_fxsave *fx);
/* c->fx.mxcsr with the flags raised so far. */
u32 fpu_mxcsr(struct x86_cpu *c);
/* The guest's MXCSR becomes v (reserved bits clear). */
void fpu_mxcsr_set(struct x86_cpu *c, u32 v);
/* Puts c->fx into the host's x87 registers. */
void x87_make_live(struct x86_cpu *c);
/* An unmasked x87 exception waits for the next waiting instruction. */
bool x87_pending(struct x86_cpu *c);
int x87_raise(struct x86_cpu *c);

/* --- x87 ------------------------------------------------------------------- */

/* #NM, #MF, or X86_OK with the state live. fpu_x87.c */
int x87_check_slow(struct x86_cpu *c);
/* Before a waiting instruction. */
FPU_INLINE int x87_check(struct x86_cpu *c)
{
	if (likely(c->fpu_ready & c->x87_live &&
		   (c->fx.fcw & X87_FLAGS) == X87_FLAGS))
		return X86_OK;
	return x87_check_slow(c);
}
/* Before one that does not wait. */
int x87_check_nowait(struct x86_cpu *c);

/*
 * FCS and FDS have no field of their own in the 64-bit FXSAVE layout: they are
 * kept in its last bytes, which never reach guest memory.
 */
FPU_INLINE u16 x87_fcs(const struct x86_fxsave *fx)
{
	return get_le16(fx->pad1);
}
FPU_INLINE u16 x87_fds(const struct x86_fxsave *fx)
{
	return get_le16(fx->pad1 + 2);
}
FPU_INLINE void x87_set_fcs(struct x86_fxsave *fx, u16 sel)
{
	put_le16(fx->pad1, sel);
}
FPU_INLINE void x87_set_fds(struct x86_fxsave *fx, u16 sel)
{
	put_le16(fx->pad1 + 2, sel);
}
/* FOP, FIP, FDP and their selectors are zero, as after FNINIT. */
void x87_clear_pointers(struct x86_fxsave *fx);

/* --- binding, one function per file ---------------------------------------- */

x86_exec_fn x87_bind(const struct x86_insn *i);
x86_exec_fn x87_bind_env(unsigned op, unsigned reg);
x86_exec_fn fpu_bind_state(const struct x86_insn *i);
x86_exec_fn sse_bind_int(unsigned map, unsigned pfx, u8 op,
			 enum sse_form form);
x86_exec_fn sse_bind_fp(unsigned map, unsigned pfx, u8 op,
			 enum sse_form form);
x86_exec_fn sse_bind_move(unsigned map, unsigned pfx, u8 op,
			 enum sse_form form);
x86_exec_fn sse_bind_imm(unsigned map, unsigned pfx, u8 op,
			 enum sse_form form);
/* Opcodes 0F 71, 72, 73 with 66. */
x86_exec_fn sse_bind_shift(const struct x86_insn *i);
x86_exec_fn sse_bind_cvt(const struct x86_insn *i, unsigned pfx);
x86_exec_fn mmx_bind(const struct x86_insn *i, unsigned pfx);
x86_exec_fn mmx_bind_mixed(const struct x86_insn *i, unsigned pfx);

/* --- SSE: availability and operands ---------------------------------------- */

/* #UD or #NM, whichever applies when c->sse_ready is 0. SDM vol. 3A 2.5. */
int sse_unavailable(struct x86_cpu *c);
#define SSE_CHECK(c)                                   \
	do {                                           \
		if (unlikely(!(c)->sse_ready))         \
			return sse_unavailable(c);     \
	} while (0)

FPU_INLINE bool sse_unmasked(const struct x86_cpu *c)
{
	return (c->fx.mxcsr & MXCSR_MASKS) != MXCSR_MASKS;
}

/*
 * The slow path of an instruction with FP exceptions while the guest has one
 * unmasked: commits to dst, or raises #XM (or #UD) and leaves it alone.
 */
int sse_run_unmasked(struct x86_cpu *c, sse_raw raw, void *dst, const void *src,
		     enum sse_fp fp);

/* What an instruction that can overflow or underflow does to its elements. */
enum sse_step { STEP_ADD, STEP_SUB, STEP_MUL, STEP_DIV, STEP_NARROW };
struct sse_shape {
	u8 even, odd; /* enum sse_step, by the element's number */
	bool single;  /* its operands; STEP_NARROW has double ones */
	bool horizontal;
	u8 lanes;
};
/*
 * PE of an instruction of which an element raises an unmasked overflow or underflow.
 * mxcsr: as it runs, all masked and no flags; unmasked: the guest's unmasked flags.
 * The x87 state leaves the host's registers. sse_inexact.c
 */
bool sse_inexact(struct x86_cpu *c, const struct sse_shape *shape, const void *a,
		 const void *b, u32 mxcsr, u32 unmasked);

/* The same for DPPS (single) and DPPD: only checks, dst stays. */
int sse_dp_unmasked(struct x86_cpu *c, u64 imm, const void *dst, const void *src,
		    bool single);

FPU_INLINE int sse_run(struct x86_cpu *c, sse_raw raw, void *dst,
		       const void *src, enum sse_fp fp)
{
	if (fp != FP_NONE && unlikely(sse_unmasked(c)))
		return sse_run_unmasked(c, raw, dst, src, fp);
	raw(dst, src);
	return X86_OK;
}

/*
 * The hot path of a memory operand: its host address, when the segment needs no
 * check, the page is cached RAM and the alignment is right. NULL: ask the slow
 * path, which finds out which it was.
 */
#ifdef X86_SMALL
FPU_INLINE void *fpu_fast(const struct x86_cpu *c, const struct x86_insn *i,
			  unsigned size, enum x86_access access, bool align)
{
	(void)c, (void)i, (void)size, (void)access, (void)align;
	return NULL;
}
#else
FPU_INLINE void *fpu_fast(const struct x86_cpu *c, const struct x86_insn *i,
			  unsigned size, enum x86_access access, bool align)
{
	u64 lin = x86_ea(c, i) + c->seg_base[i->seg];

	if (unlikely(!(c->flat & (1u << i->seg))) || (align && unlikely(lin & 15)))
		return NULL;
	return x86_tlb_hit(c, lin, size, access);
}

/* The same for an operand that sse_plain holds for. */
FPU_INLINE void *fpu_fast_plain(const struct x86_cpu *c, const struct x86_insn *i,
				unsigned size, enum x86_access access, bool align)
{
	u64 lin = c->gpr[i->base] + (c->gpr[i->index] << i->scale) + (u64)(s64)i->disp;

	if (align && unlikely(lin & 15))
		return NULL;
	return x86_tlb_hit(c, lin, size, access);
}
#endif

/*
 * The memory operand as a host address: guest RAM itself, or buf filled by
 * the slow path. align: 16-byte alignment or #GP(0). Status as access.h has it.
 */
#ifdef X86_SMALL
int sse_operand(struct x86_cpu *c, const struct x86_insn *i, unsigned size, bool align,
		void *buf, const void **src);
int sse_exec_reg(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw, enum sse_fp fp);
int sse_exec_memory(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw,
		    unsigned size, bool align, enum sse_fp fp);
#endif
#if !defined(X86_SMALL) || defined(FPU_SHARED_HERE)
FPU_SHARED int sse_operand(struct x86_cpu *c, const struct x86_insn *i,
			   unsigned size, bool align, void *buf,
			   const void **src)
{
	u64 off = x86_ea(c, i), lin;
	const void *p;
	int r = x86_linear(c, i->seg, off, size, X86_READ, &lin);

	*src = buf;
	if (unlikely(r))
		return r;
	if (align && unlikely(lin & 15))
		return x86_gp0(c);
	p = x86_tlb_hit(c, lin, size, X86_READ);
	if (likely(p)) {
		*src = p;
		return X86_OK;
	}
	return x86_load_bytes(c, i->seg, off, buf, size);
}
#endif

/* The last operand, an XMM register or memory, with SSE_CHECK before it. */
int sse_source(struct x86_cpu *c, const struct x86_insn *i, unsigned size, bool align,
	       void *buf, const void **src);

/* Stores 16 bytes at the memory operand; the slow path is in fpu.c. */
int sse_store16_slow(struct x86_cpu *c, const struct x86_insn *i, bool align,
		     const void *src);
FPU_INLINE int sse_store16(struct x86_cpu *c, const struct x86_insn *i,
			   bool align, const void *src)
{
	void *p = fpu_fast(c, i, 16, X86_WRITE, align);

	if (unlikely(!p))
		return sse_store16_slow(c, i, align, src);
	*(sse_vu *)p = *(const sse_v *)src;
	return X86_OK;
}

FPU_INLINE void *sse_reg(struct x86_cpu *c, unsigned n)
{
	return c->fx.xmm[n];
}

/* The slow path, memory of size bytes: for what sse_exec_mem leaves alone. */
int sse_exec_mem_slow(struct x86_cpu *c, const struct x86_insn *i, sse_raw raw,
		      unsigned size, bool align, enum sse_fp fp);

/*
 * A whole handler: xmm, xmm and xmm, memory. The ways that are not the common one
 * end in a call that returns for the handler, so that it needs no stack frame.
 */
#if !defined(X86_SMALL) || defined(FPU_SHARED_HERE)
FPU_SHARED int sse_exec_reg(struct x86_cpu *c, const struct x86_insn *i,
			    sse_raw raw, enum sse_fp fp)
{
	void *dst = sse_reg(c, i->reg);
	const void *src = sse_reg(c, i->rm);

	SSE_CHECK(c);
	if (fp != FP_NONE && unlikely(sse_unmasked(c)))
		return sse_run_unmasked(c, raw, dst, src, fp);
	raw(dst, src);
	return x86_chain(c, i, X86_OK);
}
#endif

#ifdef X86_SMALL
#define sse_exec_mem(c, i, raw, size, align, fp, plain) \
	sse_exec_memory(c, i, raw, size, align, fp)
#else
FPU_INLINE int sse_exec_mem(struct x86_cpu *c, const struct x86_insn *i,
			    sse_raw raw, unsigned size, bool align,
			    enum sse_fp fp, bool plain)
{
	const void *src;

	SSE_CHECK(c);
	src = plain ? fpu_fast_plain(c, i, size, X86_READ, align) :
		      fpu_fast(c, i, size, X86_READ, align);
	if (unlikely(!src) || (fp != FP_NONE && unlikely(sse_unmasked(c))))
		return sse_exec_mem_slow(c, i, raw, size, align, fp);
	raw(sse_reg(c, i->reg), src);
	return x86_chain(c, i, X86_OK);
}
#endif

/* The raw function of an instruction `insn source, %xmm`. */
#define SSE_RAW(name, insn)                                                    \
	static void raw_##name(void *dst, const void *src)                     \
	{                                                                      \
		__asm__ volatile("movaps %0, %%xmm0\n\t" insn                  \
				 " %1, %%xmm0\n\tmovaps %%xmm0, %0"            \
				 : "+m"(*(sse_v *)dst)                         \
				 : "m"(*(const sse_vu *)src)                   \
				 : "xmm0");                                    \
	}

/* Raw function and handlers, if they are its own. */
#ifdef X86_SMALL
#define SSE_OP(name, insn, size, align, fp)                                    \
	SSE_RAW(name, insn)                                                    \
	static const struct sse_op op_##name = { raw_##name, size, align, fp };
#else
#define SSE_OP(name, insn, size, align, fp)                                    \
	SSE_RAW(name, insn)                                                    \
	static int name##_r(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_reg(c, i, raw_##name, fp);                     \
	}                                                                      \
	static int name##_m(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_mem(c, i, raw_##name, size, align, fp, false); \
	}                                                                      \
	static int name##_p(struct x86_cpu *c, const struct x86_insn *i)       \
	{                                                                      \
		return sse_exec_mem(c, i, raw_##name, size, align, fp, true);  \
	}
#endif

#define SSE_ENTRY(name) { .reg = name##_r, .mem = name##_m }
#define SSE_BOTH(name) { .reg = name, .mem = name }
/* For those made by SSE_OP. */
#ifdef X86_SMALL
#define SSE_OP_ENTRY(name) { .reg = sse_op_reg, .op = &op_##name }
#else
#define SSE_OP_ENTRY(name) { name##_r, name##_m, name##_p }
#endif

/* The raw function of that index, out of a table of complete routines that lie 16
 * bytes apart: sse_stub.S. */
FPU_INLINE sse_raw sse_stub(const u8 *table, u64 index)
{
	return (sse_raw)(uintptr_t)(table + 16 * index);
}

/* Immediates that mean the same as a lower one have no routine of their own. */
FPU_INLINE u64 sse_imm(const struct x86_insn *i)
{
	return i->imm & 0xff;
}

/* A byte count: most and beyond are one. */
FPU_INLINE u64 sse_imm_count(const struct x86_insn *i, u64 most)
{
	return sse_imm(i) < most ? sse_imm(i) : most;
}

/* Bytes of data whose mask byte has bit 7 set go to seg:DI; sse_move.c. */
int sse_masked_store(struct x86_cpu *c, const struct x86_insn *i, const u8 *data,
		     const u8 *mask, unsigned size);

/* --- MMX ------------------------------------------------------------------- */

/* #UD, #NM or #MF before an MMX instruction touches anything, else X86_OK. */
int mmx_check(struct x86_cpu *c);
/* The transition to MMX: c->fx holds the registers, TOP = 0, all tags valid. */
void mmx_begin(struct x86_cpu *c);
FPU_INLINE void *mmx_reg(struct x86_cpu *c, unsigned n)
{
	return c->fx.st[n & 7];
}
/* After a write to register n: its exponent bits are all ones. */
FPU_INLINE void mmx_written(struct x86_cpu *c, unsigned n)
{
	c->fx.st[n & 7][8] = 0xff;
	c->fx.st[n & 7][9] = 0xff;
}

#endif
