/* SPDX-License-Identifier: Apache-2.0 */
/* Keyboard controller, as far as a PC without a keyboard needs: status, self
 * test, A20, and the reset pulse (command FEh). */
#ifndef TRIVET_DEVICE_I8042_H
#define TRIVET_DEVICE_I8042_H

#include <trivet/vm.h>

struct i8042;

/* Ports 60h and 64h, and A20/fast reset at 92h. FEh stops the VM with VM_RESET. */
int i8042_create(struct vm *vm, struct i8042 **out);
void i8042_reset(struct i8042 *k);
void i8042_destroy(struct i8042 *k);

#endif
