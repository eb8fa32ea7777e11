/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the bare-metal program (src/metal) and the engines that drive the
 * processor's own virtualization (svm, vmx; el2 to come).
 */
#ifndef TRIVET_METAL_H
#define TRIVET_METAL_H

#include <trivet/engine.h>

struct metal_engine {
	const struct engine_ops *ops;
	/*
	 * Switches virtualization on, on the processor that calls; once each,
	 * before any vCPU runs there. *cpu_data is what metal_cpu_data() gives
	 * from then on. 0, or a negative errno with one line in err.
	 */
	int (*cpu_enable)(void **cpu_data, struct error *err);
	/*
	 * The vCPU that last ran on the processor that calls has stopped, or is to run
	 * elsewhere: its state may then be had from any. May be NULL.
	 */
	void (*put)(struct vcpu *v);
};

extern const struct metal_engine metal_engine_svm, metal_engine_vmx;

/* Physical address of memory from platform_alloc or platform_ram_alloc, which is
 * contiguous on metal. */
hpa_t metal_hpa(const void *p);

/* This processor's: interrupts are off outside an engine's entry and the idle
 * loop, so the answers hold until the caller gives up the processor. */
unsigned metal_cpu_index(void);
void *metal_cpu_data(void);
/* An interrupt came that the program has not looked into yet: run() returns. One may
 * be taken wherever an engine lets them in, with no exit of the guest that says so. */
bool metal_cpu_wanted(void);

#endif
