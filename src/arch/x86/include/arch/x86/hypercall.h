/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMCALL and VMMCALL, as KVM lays them out (Documentation/virt/kvm/x86/
 * hypercalls.rst): number in RAX, arguments in RBX, RCX, RDX, RSI, result in RAX;
 * outside 64-bit code the low halves of them. For the vCPU's thread.
 */
#ifndef ARCH_X86_HYPERCALL_H
#define ARCH_X86_HYPERCALL_H

#include <arch/x86/cpu.h>

/* The number; its arguments into args. c->mode is that of the code. */
static inline u64 x86_hypercall_args(const struct x86_cpu *c, u64 args[4])
{
	args[0] = c->gpr[REG_RBX];
	args[1] = c->gpr[REG_RCX];
	args[2] = c->gpr[REG_RDX];
	args[3] = c->gpr[REG_RSI];
	if (likely(x86_code64(c)))
		return c->gpr[REG_RAX];
	for (unsigned n = 0; n < 4; n++)
		args[n] = (u32)args[n];
	return (u32)c->gpr[REG_RAX];
}

static inline void x86_hypercall_result(struct x86_cpu *c, u64 result)
{
	c->gpr[REG_RAX] = likely(x86_code64(c)) ? result : (u32)result;
}

#endif
