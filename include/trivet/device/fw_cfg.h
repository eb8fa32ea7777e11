/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's fw_cfg at 510h/511h: the few items test kernels and firmware read.
 * QEMU docs/specs/fw_cfg. */
#ifndef TRIVET_DEVICE_FW_CFG_H
#define TRIVET_DEVICE_FW_CFG_H

#include <trivet/vm.h>

struct fw_cfg;

/* Item 0 "QEMU", 1 interface id, 3 RAM size, 5 CPUs, 0xf max CPUs, 0x11 kernel
 * size (0), 0x19 directory (empty); any other reads zeros. */
int fw_cfg_create(struct vm *vm, u64 ram_bytes, unsigned cpus,
		  struct fw_cfg **out);
void fw_cfg_destroy(struct fw_cfg *f);

#endif
