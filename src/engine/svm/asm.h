/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that have no name in C: those of SVM, and XSETBV. */
#ifndef SVM_ASM_H
#define SVM_ASM_H

#include <arch/x86/native.h>

static inline void xsetbv(u32 index, u64 value)
{
	__asm__ volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline void clgi(void)
{
	__asm__ volatile("clgi" : : : "memory");
}

static inline void stgi(void)
{
	__asm__ volatile("stgi" : : : "memory");
}

static inline void vmsave(u64 pa)
{
	__asm__ volatile("vmsave %0" : : "a"(pa) : "memory");
}

#endif
