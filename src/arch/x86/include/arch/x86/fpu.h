/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87, MMX and SSE run natively on saved guest state: XMM registers live in
 * c->fx, x87 registers move lazily into the host's and back, and the host's
 * MXCSR holds the guest's rounding with all exceptions masked.
 */
#ifndef ARCH_X86_FPU_H
#define ARCH_X86_FPU_H

#include <arch/x86/cpu.h>

/* Around an engine's run(): enter takes the guest's MXCSR, leave puts the
 * guest's x87 and MXCSR back into c->fx and the host's in force. */
void x86_fpu_enter(struct x86_cpu *c);
void x86_fpu_leave(struct x86_cpu *c);
/* c->fx complete now (FXSAVE, XSAVE, get_state), x87 no longer live. */
void x86_fpu_sync(struct x86_cpu *c);
/* c->fx was replaced: MXCSR takes effect. */
void x86_fpu_loaded(struct x86_cpu *c);
/* Power-up or INIT values. SDM vol. 3A table 9-1. */
void x86_fpu_reset(struct x86_cpu *c, bool init);

#endif
