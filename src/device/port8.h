/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices with 8-bit registers: a wider port access is as many byte cycles, the
 * lowest address first, as the ISA bus does it. Nearly all are of one byte, which is
 * inlined: what an exit costs is measured.
 */
#ifndef DEVICE_PORT8_H
#define DEVICE_PORT8_H

#include <trivet/types.h>

typedef u8 port8_read_fn(void *ctx, unsigned offset);
typedef void port8_write_fn(void *ctx, unsigned offset, u8 v);

#define PORT8_WIDE static __attribute__((noinline, unused))
#define PORT8_INLINE static inline __attribute__((always_inline))

PORT8_WIDE u64 port8_read_wide(port8_read_fn *read, void *ctx, u64 offset, unsigned size)
{
	u64 value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (u64)read(ctx, (unsigned)offset + i) << (8 * i);
	return value;
}

PORT8_WIDE void port8_write_wide(port8_write_fn *write, void *ctx, u64 offset, unsigned size,
				 u64 value)
{
	for (unsigned i = 0; i < size; i++)
		write(ctx, (unsigned)offset + i, (u8)(value >> (8 * i)));
}

PORT8_INLINE u64 port8_read(port8_read_fn *read, void *ctx, u64 offset, unsigned size)
{
	return likely(size == 1) ? read(ctx, (unsigned)offset) :
				   port8_read_wide(read, ctx, offset, size);
}

PORT8_INLINE void port8_write(port8_write_fn *write, void *ctx, u64 offset, unsigned size, u64 value)
{
	if (likely(size == 1))
		write(ctx, (unsigned)offset, (u8)value);
	else
		port8_write_wide(write, ctx, offset, size, value);
}

#endif
