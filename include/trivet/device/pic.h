/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259A interrupt controllers. Intel 8259A data sheet. */
#ifndef TRIVET_DEVICE_PIC_H
#define TRIVET_DEVICE_PIC_H

#include <trivet/vm.h>

struct pic;

/*
 * Ports 20h, a0h and 4d0h/4d1h (ELCR). Becomes an irq sink for lines 0..15.
 * output is called on every change of the INTR pin.
 */
int pic_create(struct vm *vm, void (*output)(void *ctx, bool level), void *ctx,
	       struct pic **out);
bool pic_pending(const struct pic *p);
/* The INTA cycle: the vector (spurious IRQ7/15 when nothing is pending). */
int pic_ack(struct pic *p);
void pic_reset(struct pic *p);
void pic_destroy(struct pic *p);

#endif
