/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Breakpoints and single-step. SDM vol. 3B chapter 17.
 *
 * The run loop does this around an instruction when c->rflags has TF or RF or
 * c->debug_exec is set:
 *
 *	r = x86_debug_before(c);	c->rip at the instruction
 *	if (!r) run it;
 *
 * and after any instruction (or iteration of a repeated one) that happened and
 * left c->pending_dr6 non-zero:
 *
 *	r = x86_debug_after(c);		c->rip past the instruction
 *
 * An instruction that faulted leaves nothing pending: x86_deliver_fault clears.
 */
#ifndef ARCH_X86_DEBUG_H
#define ARCH_X86_DEBUG_H

#include <arch/x86/cpu.h>

#define DR6_BD BIT(13) /* debug register access with DR7.GD */
#define DR6_BS BIT(14) /* single-step */
#define DR6_BT BIT(15) /* task switch into a TSS with T set */
#define DR6_ONES 0xffff0ff0u
#define DR7_ONES 0x400u
#define DR7_GD BIT(13)

/*
 * X86_FAULT with #DB in c->fault when an instruction breakpoint matches and
 * RF is clear; else X86_OK. Clears RF (so that IRET may set it for the
 * instruction after it) and, with TF set, arms the single-step trap.
 */
int x86_debug_before(struct x86_cpu *c);
/* X86_FAULT with #DB, as a trap, in c->fault when something is pending. */
int x86_debug_after(struct x86_cpu *c);
/* A data access of size bytes at lin: remembers the breakpoints it hits. */
void x86_debug_data(struct x86_cpu *c, u64 lin, unsigned size, bool write);
/* The same for a port access, CR4.DE. */
void x86_debug_io(struct x86_cpu *c, u16 port, unsigned size);

#endif
