/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices with 8-bit registers: a wider port access is as many byte cycles, the
 * lowest address first, as the ISA bus does it.
 */
#ifndef DEVICE_PORT8_H
#define DEVICE_PORT8_H

#include <trivet/types.h>

static inline u64 port8_read(u8 (*read)(void *ctx, unsigned offset), void *ctx,
			     u64 offset, unsigned size)
{
	u64 value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (u64)read(ctx, (unsigned)offset + i) << (8 * i);
	return value;
}

static inline void port8_write(void (*write)(void *ctx, unsigned offset, u8 v),
			       void *ctx, u64 offset, unsigned size, u64 value)
{
	for (unsigned i = 0; i < size; i++)
		write(ctx, (unsigned)offset + i, (u8)(value >> (8 * i)));
}

#endif
