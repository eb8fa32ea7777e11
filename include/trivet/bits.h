/* SPDX-License-Identifier: Apache-2.0 */
/* Bit fields, alignment and overflow-checked arithmetic. */
#ifndef TRIVET_BITS_H
#define TRIVET_BITS_H

#include <trivet/types.h>

#define BIT(n) ((u64)1 << (n))

/* Bits lo..hi (inclusive) of v, moved down to bit 0. */
static inline u64 bits_get(u64 v, unsigned lo, unsigned hi)
{
	return (v >> lo) & (~(u64)0 >> (63 - (hi - lo)));
}

/* The low n bits set, for n in 0..64. */
static inline u64 bits_mask(unsigned n)
{
	return n >= 64 ? ~(u64)0 : BIT(n) - 1;
}

/* v with bits above the low n replaced by copies of bit n-1; n in 1..64. */
static inline u64 bits_sign_extend(u64 v, unsigned n)
{
	return (u64)((s64)(v << (64 - n)) >> (64 - n));
}

/* align must be a power of two. */
static inline u64 align_down(u64 v, u64 align)
{
	return v & ~(align - 1);
}

static inline u64 align_up(u64 v, u64 align)
{
	return (v + align - 1) & ~(align - 1);
}

/* True when the operation overflowed; *out then holds the wrapped value. */
static inline bool add_overflows(u64 a, u64 b, u64 *out)
{
	return __builtin_add_overflow(a, b, out);
}

static inline bool mul_overflows(u64 a, u64 b, u64 *out)
{
	return __builtin_mul_overflow(a, b, out);
}

/* True when [addr, addr+len) lies within [base, base+size), without wrap. */
static inline bool range_within(u64 addr, u64 len, u64 base, u64 size)
{
	return addr >= base && len <= size && addr - base <= size - len;
}

/* Little-endian reads and writes at any alignment. */
static inline u16 get_le16(const void *p)
{
	u16 v;
	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

static inline u32 get_le32(const void *p)
{
	u32 v;
	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

static inline u64 get_le64(const void *p)
{
	u64 v;
	__builtin_memcpy(&v, p, sizeof v);
	return v;
}

static inline void put_le16(void *p, u16 v)
{
	__builtin_memcpy(p, &v, sizeof v);
}

static inline void put_le32(void *p, u32 v)
{
	__builtin_memcpy(p, &v, sizeof v);
}

static inline void put_le64(void *p, u64 v)
{
	__builtin_memcpy(p, &v, sizeof v);
}

#endif
