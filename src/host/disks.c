/* SPDX-License-Identifier: Apache-2.0 */
/* All disks of a machine. */
#include "disks.h"

int disks_open(struct disks *all, const struct vm_config *cfg,
	       struct machine_config *m, struct error *err)
{
	all->count = 0;
	for (unsigned i = 0; i < cfg->disk_count; i++) {
		const struct vm_disk *d = &cfg->disks[i];
		int r = disk_open(d, i, &all->disk[i], err);

		if (r) {
			disks_close(all);
			return r;
		}
		all->count++;
		m->disks[i] = (struct machine_disk){
			d->path, disk_blockdev(all->disk[i])
		};
	}
	m->disk_count = all->count;
	return 0;
}

/* Through disks_open, so that an image given twice is found. */
int disks_check(const struct vm_config *cfg, struct error *err)
{
	struct machine_config m;
	struct disks all;
	int r = disks_open(&all, cfg, &m, err);

	if (!r)
		disks_close(&all);
	return r;
}

int disks_attach(struct disks *all, struct vm *vm, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < all->count && !r; i++)
		r = disk_attach(all->disk[i], vm, err);
	return r;
}

void disks_drain(struct disks *all)
{
	for (unsigned i = 0; i < all->count; i++)
		disk_drain(all->disk[i]);
}

void disks_close(struct disks *all)
{
	while (all->count)
		disk_close(all->disk[--all->count]);
}
