/* SPDX-License-Identifier: Apache-2.0 */
/* A disk image: a raw file or a host's block device behind a guest's disk. */
#ifndef HOST_DISK_H
#define HOST_DISK_H

#include <trivet/blockdev.h>
#include <trivet/vm.h>

#include "config.h"

struct disk;

/*
 * Opens and locks what's path, which stays valid until disk_close. A whole number of sectors, not empty, not locked by another machine;
 * err names the path and what was expected. index makes the serial number when
 * what has none.
 */
int disk_open(const struct vm_disk *what, unsigned index, struct disk **out,
	      struct error *err);
struct blockdev *disk_blockdev(struct disk *d);
/*
 * Readies the backend and starts its threads. vm: whose lock is held around
 * completions; before it runs. err says what is not to be had.
 */
int disk_attach(struct disk *d, struct vm *vm, struct error *err);
/* Waits until nothing is in flight. Without vm->lock, with no vCPU running. */
void disk_drain(struct disk *d);
/* Drains, ends the threads, says how many requests failed, if several did. */
void disk_close(struct disk *d);

#endif
