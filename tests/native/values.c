/* SPDX-License-Identifier: Apache-2.0 */
/* Random and edge-case operand values. */
#include "values.h"

#include <string.h>

static u64 state;

void native_seed(u64 seed)
{
	state = seed * 2654435761u + 1;
}

u32 native_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 16);
}

static u64 random64(void)
{
	return (u64)native_random() << 32 | native_random();
}

static const u64 edge[] = {
	0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0x81, 0xff, 0x100,
	0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
	0xfffffffffffffffe, 0xffffffffffffff80, 0xffffffffffff8000,
	0xffffffff80000000, 0x0f0f0f0f0f0f0f0f, 0x9999999999999999, 0x5555555555555555,
};

u64 value_int(void)
{
	switch (native_random() & 7) {
	case 0: case 1: case 2: return edge[native_random() % ARRAY_SIZE(edge)];
	case 3: return native_random() & 0xff;
	case 4: return (u64)(s64)(s8)native_random();
	case 5: return native_random();
	default: return random64();
	}
}

static const u32 edge_f32[] = {
	0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x00800001, 0x3f800000,
	0xbf800000, 0x3fc00000, 0x40000000, 0x3effffff, 0x3f000000, 0x4b000000, 0x4effffff,
	0x4f000000, 0xcf000000, 0x5f000000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
	0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, 0x33800000, 0x40490fdb,
};

u32 value_f32(void)
{
	if (native_random() & 1)
		return edge_f32[native_random() % ARRAY_SIZE(edge_f32)];
	if (native_random() & 1) /* exponents near 1.0 */
		return (native_random() & 0x807fffff) | (0x70 + native_random() % 30) << 23;
	return native_random();
}

static const u64 edge_f64[] = {
	0, 0x8000000000000000, 1, 0x8000000000000001, 0x000fffffffffffff,
	0x0010000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x3ff8000000000000,
	0x4000000000000000, 0x3fe0000000000000, 0x3fdfffffffffffff, 0x41dfffffffc00000,
	0x41e0000000000000, 0xc1e0000000200000, 0x43e0000000000000, 0xc3e0000000000000,
	0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
	0x7ff0000000000001, 0xfff8123456789abc, 0x36a0000000000000, 0x380fffffffffffff,
	0x47efffffe0000000, 0x47f0000000000000, 0x400921fb54442d18, 0x4330000000000001,
};

u64 value_f64(void)
{
	if (native_random() & 1)
		return edge_f64[native_random() % ARRAY_SIZE(edge_f64)];
	if (native_random() & 1)
		return (random64() & 0x800fffffffffffff) | (u64)(0x3e0 + native_random() % 0x60) << 52;
	return random64();
}

static const struct {
	u16 se;
	u64 man;
} edge_f80[] = {
	{ 0, 0 }, { 0x8000, 0 }, { 0x3fff, BIT(63) }, { 0xbfff, BIT(63) }, { 0, 1 },
	{ 0, BIT(63) }, { 0, BIT(63) - 1 }, { 1, BIT(63) }, { 0x7ffe, ~(u64)0 },
	{ 0x7fff, BIT(63) }, { 0xffff, BIT(63) }, { 0x7fff, 3 * BIT(62) },
	{ 0x7fff, BIT(63) | 1 }, { 0xffff, 0xc000123456789abc }, { 0x4000, BIT(62) },
	{ 0x7fff, 0 }, { 0x4000, 0xc90fdaa22168c235 }, { 0x3ffe, BIT(63) },
	{ 0x403e, BIT(63) }, { 0xc03e, BIT(63) }, { 0x401e, ~(u64)0 }, { 0x403d, ~(u64)0 },
	{ 0x3fc0, 0x8123456789abcdef }, { 0x3f80, BIT(63) }, { 0x407f, BIT(63) },
	{ 0x43fe, 0xfffffffffffff800 }, { 0x3c01, BIT(63) },
};

void value_f80(u8 out[16])
{
	unsigned n = native_random() % ARRAY_SIZE(edge_f80);
	u64 man = edge_f80[n].man;
	u16 se = edge_f80[n].se;

	memset(out, 0, 16);
	if (native_random() & 1) {
		se = (u16)((native_random() & 0x8000) | (0x3fe0 + native_random() % 0x50));
		man = random64() | BIT(63);
		if (native_random() & 1)
			man &= ~(u64)0 << (native_random() & 63);
		man |= BIT(63);
	}
	put_le64(out, man);
	put_le16(out + 8, se);
}

/* n a multiple of 8: what an operand of some type could be. */
void value_bytes(u8 *out, unsigned n)
{
	unsigned kind = native_random() % 5;

	for (unsigned k = 0; k < n; k += 8) {
		switch (kind) {
		case 0: put_le64(out + k, value_f64()); break;
		case 1: put_le64(out + k, (u64)value_f32() << 32 | value_f32()); break;
		case 2: put_le64(out + k, random64()); break;
		case 3:
			put_le32(out + k, (u32)value_int());
			put_le32(out + k + 4, (u32)value_int());
			break;
		default: put_le64(out + k, value_int()); break;
		}
	}
}

static u16 fpu_status(u16 fcw)
{
	u16 fsw = (u16)(native_random() & 0x7f00);

	if ((native_random() & 3) == 0)
		fsw |= native_random() & 0x7f;
	if (fsw & ~fcw & 0x3f)
		fsw |= 0x8080; /* ES and B follow from the flags */
	return fsw;
}

void value_fpu(struct x86_fxsave *fx)
{
	memset(fx, 0, sizeof *fx);
	fx->fcw = (u16)(0x40 | 0x3f | (native_random() & 0xf00));
	if ((native_random() & 7) == 0)
		fx->fcw &= (u16)~(native_random() & 0x3f);
	fx->fsw = fpu_status(fx->fcw);
	switch (native_random() % 5) {
	case 0: fx->ftw = 0; break;
	case 1: fx->ftw = (u8)native_random(); break;
	default: fx->ftw = 0xff; break;
	}
	fx->mxcsr = 0x1f80 | (native_random() & 0x6000);
	if ((native_random() & 3) == 0)
		fx->mxcsr |= native_random() & 0x807f;
	if ((native_random() & 7) == 0)
		fx->mxcsr &= ~(native_random() & 0x1f80);
	for (unsigned n = 0; n < 8; n++) {
		value_f80(fx->st[n]);
		if ((native_random() & 3) == 0) { /* an MMX register */
			value_bytes(fx->st[n], 8);
			put_le16(fx->st[n] + 8, 0xffff);
		}
	}
	for (unsigned n = 0; n < 16; n++)
		value_bytes(fx->xmm[n], 16);
}
