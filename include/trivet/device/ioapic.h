/* SPDX-License-Identifier: Apache-2.0 */
/* I/O APIC, 24 inputs. Intel 82093AA data sheet. */
#ifndef TRIVET_DEVICE_IOAPIC_H
#define TRIVET_DEVICE_IOAPIC_H

#include <trivet/vm.h>

struct ioapic;

#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_INPUTS 24

/*
 * MMIO at IOAPIC_BASE, id `id`. An irq sink: line 0 (PIT) arrives at input 2,
 * every other line at its own input. Sends by irq_send_msi. Version 20h, with an
 * EOI register.
 */
int ioapic_create(struct vm *vm, u8 id, struct ioapic **out);
/* A local APIC broadcast EOI for a level-triggered vector. */
void ioapic_eoi(void *ioapic, u8 vector);
void ioapic_reset(struct ioapic *a);
void ioapic_destroy(struct ioapic *a);

#endif
