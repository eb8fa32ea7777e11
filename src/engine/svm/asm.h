/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of SVM, which have no name in C. */
#ifndef SVM_ASM_H
#define SVM_ASM_H

#include <arch/x86/native.h>

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
