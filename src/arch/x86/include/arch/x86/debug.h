/* SPDX-License-Identifier: Apache-2.0 */
/* Debug registers, breakpoints and single-step. SDM vol. 3B chapter 17. */
#ifndef ARCH_X86_DEBUG_H
#define ARCH_X86_DEBUG_H

#include <arch/x86/cpu.h>

/* Instruction breakpoints at c->rip, unless RF: X86_FAULT with #DB, or X86_OK. */
int x86_debug_before(struct x86_cpu *c);
/*
 * After an instruction that began with TF set (stepped) or that hit a data or
 * I/O breakpoint (c->pending_dr6): X86_FAULT with #DB (a trap: c->rip is the next
 * instruction's), or X86_OK.
 */
int x86_debug_after(struct x86_cpu *c, bool stepped);
/* A data access: adds the breakpoints it hits to c->pending_dr6. */
void x86_debug_data(struct x86_cpu *c, u64 lin, unsigned size, bool write);

#endif
