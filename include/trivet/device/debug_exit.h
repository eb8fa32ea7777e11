/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's isa-debug-exit at port f4h, and the "Shutdown" port 8900h of Bochs. */
#ifndef TRIVET_DEVICE_DEBUG_EXIT_H
#define TRIVET_DEVICE_DEBUG_EXIT_H

#include <trivet/vm.h>

struct debug_exit;

/*
 * A write of value at f4h (any size) stops the VM with VM_DEBUG_EXIT and exit
 * code ((value << 1) | 1) & 0xff; the bytes "Shutdown" at 8900h with
 * VM_POWEROFF.
 */
int debug_exit_create(struct vm *vm, struct debug_exit **out);
void debug_exit_destroy(struct debug_exit *d);

#endif
