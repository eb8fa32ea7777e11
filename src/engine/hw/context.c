/* SPDX-License-Identifier: Apache-2.0 */
/* Registers that neither VMRUN nor VM entry switches. */
#include <arch/x86/native.h>
#include <trivet/hw.h>

#define MSR_TSC_AUX 0xc0000103u

void hw_cpu_init(struct hw_cpu *cpu)
{
	cpu->xcr0 = XCR0_X87;
	cpu->tsc_aux = 0;
	xsetbv(0, cpu->xcr0);
	if (cpu->caps.rdtscp)
		wrmsr(MSR_TSC_AUX, 0);
}

void hw_fpu_save(struct hw_vcpu *h)
{
	if (!h->fpu_loaded)
		return;
	h->fpu_loaded = false;
	__asm__ volatile("fxsave64 %0" : "=m"(h->cpu.fx) : : "memory");
}

/*
 * FXRSTOR on AMD leaves the last-instruction pointers alone unless an exception is
 * pending (APM vol. 5, FXRSTOR): a load with none pending puts neutral values in
 * place of what another guest left.
 */
void hw_fpu_load(struct hw_vcpu *h)
{
	static const u32 zero;

	if (h->fpu_loaded)
		return;
	h->fpu_loaded = true;
	__asm__ volatile("fnclex\n\temms\n\tfildl %1\n\tfxrstor64 %0"
			 : : "m"(h->cpu.fx), "m"(zero) : "memory");
}

static void load_debug(const struct x86_cpu *c)
{
	__asm__ volatile("mov %0, %%db0\n\tmov %1, %%db1\n\tmov %2, %%db2\n\tmov %3, %%db3"
			 : : "r"(c->dr[0]), "r"(c->dr[1]), "r"(c->dr[2]), "r"(c->dr[3]));
}

void hw_load(struct hw_vcpu *h, struct hw_cpu *cpu, u64 dr7)
{
	hw_fpu_load(h);
	if (dr7 & 0xff)
		load_debug(&h->cpu);
	if (cpu->xcr0 != h->cpu.xcr0) {
		cpu->xcr0 = h->cpu.xcr0;
		xsetbv(0, cpu->xcr0);
	}
	if (cpu->caps.rdtscp && cpu->tsc_aux != (u32)h->cpu.msr.tsc_aux) {
		cpu->tsc_aux = (u32)h->cpu.msr.tsc_aux;
		wrmsr(MSR_TSC_AUX, cpu->tsc_aux);
	}
}
