/* SPDX-License-Identifier: Apache-2.0 */
/* 8254 interval timer, and port 61h. Intel 8254 data sheet. */
#ifndef TRIVET_DEVICE_PIT_H
#define TRIVET_DEVICE_PIT_H

#include <trivet/vm.h>

struct pit;

/* Ports 40h..43h and 61h; counter 0 drives line 0. */
int pit_create(struct vm *vm, struct pit **out);
void pit_reset(struct pit *p);
void pit_destroy(struct pit *p);

#endif
