/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of the processor we run on ourselves, for what runs in its ring 0:
 * the engines and the program on bare metal. */
#ifndef ARCH_X86_NATIVE_H
#define ARCH_X86_NATIVE_H

#include <trivet/types.h>

static inline u64 rdmsr(u32 index)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 index, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32))
			 : "memory");
}

static inline void xsetbv(u32 index, u64 value)
{
	__asm__ volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

struct cpuid_out {
	u32 a, b, c, d;
};

static inline struct cpuid_out cpuid(u32 leaf, u32 sub)
{
	struct cpuid_out v;

	__asm__ volatile("cpuid" : "=a"(v.a), "=b"(v.b), "=c"(v.c), "=d"(v.d)
			 : "a"(leaf), "c"(sub));
	return v;
}

#endif
