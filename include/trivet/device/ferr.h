/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a PC reports x87 errors of a CPU whose CR0.NE is clear: FERR# sets line 13, a
 * write to port F0h or F1h clears it. IGNNE# is not there: a handler uses only x87
 * instructions that do not wait until it has cleared the error. SDM vol. 1 D.2.
 */
#ifndef TRIVET_DEVICE_FERR_H
#define TRIVET_DEVICE_FERR_H

#include <trivet/vm.h>

struct ferr;

/* Takes vm->fpu_error. */
int ferr_create(struct vm *vm, struct ferr **out);
void ferr_reset(struct ferr *f);
void ferr_destroy(struct ferr *f);

#endif
