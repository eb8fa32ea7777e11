/* SPDX-License-Identifier: Apache-2.0 */
/* All disks of a machine, from its settings. */
#ifndef HOST_DISKS_H
#define HOST_DISKS_H

#include <trivet/machine.h>

#include "config.h"
#include "disk.h"

struct disks {
	struct disk *disk[MACHINE_MAX_DISKS];
	unsigned count;
};

/* Opens what cfg names and puts it into m. On error nothing stays open. */
int disks_open(struct disks *all, const struct vm_config *cfg,
	       struct machine_config *m, struct error *err);
/* Would disks_open succeed? */
int disks_check(const struct vm_config *cfg, struct error *err);
/* As disk_attach; what was started before an error ends with disks_close. */
int disks_attach(struct disks *all, struct vm *vm, struct error *err);
/* As disk_drain; as disk_close, of a machine that is gone. */
void disks_drain(struct disks *all);
void disks_close(struct disks *all);

#endif
