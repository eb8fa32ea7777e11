/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a result that overflowed or underflowed, with that exception unmasked,
 * is inexact: by SDM vol. 1 4.9.1.5 and 11.5.2.4 that is asked of the result as
 * rounded with an unbounded exponent. The x87 has 15 bits of it, and rounds to
 * single or double precision when its control word says so.
 */
#include "fpu_internal.h"

#define MXCSR_OE_UE 0x18u
#define MXCSR_UE 0x10u
#define MXCSR_PE 0x20u
#define X87_PE 0x20u

/* One element's operation on bit patterns of its size. */
struct lane {
	enum sse_step step;
	bool single;
	u64 x, y;
};

static bool denormal(u64 v, bool single)
{
	return single ? !(v & 0x7f800000) : !(v >> 52 & 0x7ff);
}

static u64 sign_of(u64 v, bool single)
{
	return v & (single ? BIT(31) : BIT(63));
}

/* One element as SSE does it, all masked: its flags, and whether it is tiny. */
#define LANE_RUN(suffix)                                                       \
	switch (l->step) {                                                     \
	case STEP_ADD: LANE_ASM("adds" #suffix); break;                        \
	case STEP_SUB: LANE_ASM("subs" #suffix); break;                        \
	case STEP_MUL: LANE_ASM("muls" #suffix); break;                        \
	default: LANE_ASM("divs" #suffix); break;                              \
	}
#define LANE_ASM(insn)                                                         \
	__asm__ volatile("movaps %1, %%xmm0\n\t" insn " %2, %%xmm0\n\t"        \
			 "movaps %%xmm0, %0"                                   \
			 : "=m"(out) : "m"(x), "m"(y) : "xmm0")

static u32 lane_flags(const struct lane *l, u32 mxcsr)
{
	sse_v x = { l->x, 0 }, y = { l->y, 0 }, out;
	bool single = l->single || l->step == STEP_NARROW;
	u32 saved = fpu_get_mxcsr(), flags;
	u64 v;

	fpu_set_mxcsr(mxcsr);
	if (l->step == STEP_NARROW) {
		out = y;
		LANE_ASM("cvtsd2ss %1, %%xmm0 #");
	} else if (l->single) {
		LANE_RUN(s)
	} else {
		LANE_RUN(d)
	}
	flags = fpu_get_mxcsr() & MXCSR_FLAGS;
	fpu_set_mxcsr(saved);
	v = single ? (u32)out[0] : out[0];
	if (denormal(v, single) && v != sign_of(v, single))
		flags |= MXCSR_UE;
	return flags;
}

#define X87_STEP(op)                                                           \
	do {                                                                   \
		if (l->single)                                                 \
			__asm__ volatile(op "s %0" : : "m"(y32));              \
		else                                                           \
			__asm__ volatile(op "l %0" : : "m"(y));                \
	} while (0)

/* The host's x87 is free: the guest's state is not live. */
static bool lane_inexact_unbounded(const struct lane *l, u32 mxcsr)
{
	u16 cw = (u16)(X87_FLAGS | (mxcsr >> 13 & 3) << 10 |
		       (l->single || l->step == STEP_NARROW ? 0 : 0x200));
	u64 x = l->x, y = l->y;
	u32 x32, y32;
	bool inexact;

	if (mxcsr & MXCSR_DAZ) {
		x = denormal(x, l->single) ? sign_of(x, l->single) : x;
		y = denormal(y, l->single) ? sign_of(y, l->single) : y;
	}
	x32 = (u32)x;
	y32 = (u32)y;
	__asm__ volatile("fninit\n\tfldcw %0" : : "m"(cw));
	if (l->single)
		__asm__ volatile("flds %0" : : "m"(x32));
	else
		__asm__ volatile("fldl %0" : : "m"(x));
	switch (l->step) {
	case STEP_ADD: X87_STEP("fadd"); break;
	case STEP_SUB: X87_STEP("fsub"); break;
	case STEP_MUL: X87_STEP("fmul"); break;
	case STEP_DIV: X87_STEP("fdiv"); break;
	default: /* by one: rounds to the precision in force */
		__asm__ volatile("fld1\n\tfmulp");
		break;
	}
	inexact = fpu_get_fsw() & X87_PE;
	__asm__ volatile("fninit");
	return inexact;
}

/* Element n of the operation: which operands. Horizontal ones take neighbours. */
static struct lane lane_of(const struct sse_shape *s, const u8 *a, const u8 *b, unsigned n)
{
	struct lane l = { .step = n & 1 ? s->odd : s->even, .single = s->single };
	unsigned size = s->single ? 4 : 8, half = 16 / size / 2;
	const u8 *x = a + n * size, *y = b + n * size;

	if (s->horizontal) {
		x = (n < half ? a : b) + 2 * (n % half) * size;
		y = x + size;
	} else if (l.step == STEP_NARROW) {
		x = b + n * size;
	}
	l.x = s->single ? get_le32(x) : get_le64(x);
	l.y = s->single ? get_le32(y) : get_le64(y);
	return l;
}

bool sse_inexact(struct x86_cpu *c, const struct sse_shape *s, const void *a, const void *b,
		 u32 mxcsr, u32 unmasked)
{
	bool inexact = false;

	x86_fpu_sync(c);
	for (unsigned n = 0; n < s->lanes; n++) {
		struct lane l = lane_of(s, a, b, n);
		u32 flags = lane_flags(&l, mxcsr);

		/* UE of a tiny, exact result counts only where it is unmasked */
		if (flags & unmasked & MXCSR_OE_UE)
			inexact |= lane_inexact_unbounded(&l, mxcsr);
		else
			inexact |= (flags & MXCSR_PE) != 0;
	}
	return inexact;
}
