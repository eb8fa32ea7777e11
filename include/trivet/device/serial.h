/* SPDX-License-Identifier: Apache-2.0 */
/* 16550A UART (NS PC16550D data sheet): FIFOs, modem lines, interrupts. */
#ifndef TRIVET_DEVICE_SERIAL_H
#define TRIVET_DEVICE_SERIAL_H

#include <trivet/vm.h>
#include <trivet/chardev.h>

struct serial;

/*
 * Registers ports base..base+7 and drives interrupt line irq. backend may be
 * NULL (output vanishes) and must outlive the device. -ENOMEM, or as bus_add.
 */
int serial_create(struct vm *vm, u16 base, unsigned irq,
		  struct chardev *backend, struct serial **out);
void serial_reset(struct serial *s);
void serial_destroy(struct serial *s);

#endif
