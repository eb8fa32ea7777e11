/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's pc-testdev, for test kernels: only with --testdev. */
#ifndef TRIVET_DEVICE_TESTDEV_H
#define TRIVET_DEVICE_TESTDEV_H

#include <trivet/vm.h>

struct testdev;

/*
 * Ports e0h..e3h a four-byte latch; e4h a 32-bit write drops cached translations
 * of that guest-physical page through flush; e8h..ebh a latch that takes byte
 * accesses only; 2000h+n a byte write sets line n (0..23); 64 KiB of MMIO at
 * ff000000h that read back what was written.
 */
int testdev_create(struct vm *vm, void (*flush)(void *ctx, gpa_t page),
		   void *ctx, struct testdev **out);
void testdev_destroy(struct testdev *t);

#endif
