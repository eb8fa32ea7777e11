/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: xAPIC and x2APIC, timer, IPIs. SDM vol. 3A chapter 11. */
#ifndef TRIVET_DEVICE_LAPIC_H
#define TRIVET_DEVICE_LAPIC_H

#include <trivet/vm.h>

struct pic;
struct lapic_set;

#define LAPIC_BASE 0xfee00000u

/*
 * One local APIC for each vCPU of vm (all have been added; APIC id = index),
 * MMIO at LAPIC_BASE, and the sink for messages (MSI address fee00000h..).
 * Sets each vcpu's irq/irq_ctx. pic: the 8259 behind LINT0 of vCPU 0 (virtual
 * wire; also when the APIC is disabled). tsc_hz: rate of the guest's TSC.
 * guest_tsc: reads vCPU v's TSC (for the deadline timer). The timer counts at
 * LAPIC_TIMER_HZ before its divider.
 */
#define LAPIC_TIMER_HZ 1000000000u
int lapic_create(struct vm *vm, struct pic *pic, u64 tsc_hz,
		 u64 (*guest_tsc)(struct vcpu *v), struct lapic_set **out);
/* The 8259's INTR pin changed: tell the vCPUs that listen. */
void lapic_extint(struct lapic_set *s, bool level);
/* EOI broadcast to the I/O APIC: set by the machine. */
void lapic_set_eoi_sink(struct lapic_set *s, void (*eoi)(void *ctx, u8 vector),
			void *ctx);
void lapic_reset_all(struct lapic_set *s);
void lapic_destroy(struct lapic_set *s);

#endif
