/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU models: what CPUID says. Allow-lists: an unknown leaf reads zero, an
 * unknown MSR faults.
 */
#ifndef ARCH_X86_CPUID_H
#define ARCH_X86_CPUID_H

#include <trivet/types.h>

struct x86_cpu;

struct x86_cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

struct x86_cpu_model {
	const char *name;
	u64 tsc_hz;	/* leaf 15h, 16h */
	unsigned cpus;	/* leaf 1, 4, 0Bh */
	u64 tsc_base;	/* host counter at power-up: where the guest's TSC is 0 */
	/* The guest runs on a CPU that speculates (engine_ops.native): it must not
	 * be told otherwise, or it would leave its own defences off. */
	bool speculates;
};

/*
 * The crystal of leaf 15h. Linux takes it for the local APIC timer's input
 * frequency as well: it must equal LAPIC_TIMER_HZ.
 */
#define X86_CRYSTAL_HZ 1000000000u

/*
 * Fills m for the model called name ("baseline"). tsc_hz is what the guest's
 * TSC runs at. -EINVAL for an unknown name or cpus outside 1..32.
 */
int x86_cpu_model_init(struct x86_cpu_model *m, const char *name, u64 tsc_hz,
		       unsigned cpus);

/*
 * The answer for leaf/subleaf. c (may be NULL) gives what depends on the CPU:
 * APIC id, OSXSAVE (CR4), XCR0. SDM vol. 2A CPUID.
 */
struct x86_cpuid_regs x86_cpuid(const struct x86_cpu_model *m,
				const struct x86_cpu *c, unsigned apic_id,
				u32 leaf, u32 subleaf);

/* Family, model and stepping: leaf 1 EAX, and EDX after power-up. */
u32 x86_cpu_signature(const struct x86_cpu_model *m);

/* RDMSR and WRMSR: 0, or -EINVAL for #GP. msr.c */
int x86_msr_read(struct x86_cpu *c, u32 index, u64 *value);
int x86_msr_write(struct x86_cpu *c, u32 index, u64 value);

#endif
