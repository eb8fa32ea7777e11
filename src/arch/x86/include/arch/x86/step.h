/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching, decoding and running one instruction by itself. */
#ifndef ARCH_X86_STEP_H
#define ARCH_X86_STEP_H

#include <arch/x86/cpu.h>
#include <arch/x86/system.h>

/* Linear address of the CPU's current instruction. */
static inline u64 x86_code_lin(const struct x86_cpu *c)
{
	u64 lin = c->rip + c->seg_base[SEG_CS];

	return likely(c->mode == X86_MODE_64) ? lin : (u32)lin;
}

/* Decodes and binds; -EAGAIN when avail bytes do not hold the instruction. What
 * is no instruction becomes one that raises #UD or #GP. */
int x86_decode_bytes(const struct x86_cpu *c, struct x86_insn *insn, const u8 *code,
		     size_t avail);
/* How many bytes at c->rip the code segment still allows (at most max). */
unsigned x86_code_room(const struct x86_cpu *c, unsigned max);
/* Decodes the one instruction at c->rip into insn. X86_OK or X86_FAULT. */
int x86_decode_one(struct x86_cpu *c, struct x86_insn *insn);

/*
 * Runs the instruction at c->rip with breakpoints, single-step and interrupt
 * shadow around it; its traps are delivered. Gives enum x86_status: after
 * X86_FAULT, c->rip is insn->len behind the instruction's start (0 when it could
 * not be fetched).
 */
int x86_step(struct x86_cpu *c, struct x86_insn *insn);

#endif
