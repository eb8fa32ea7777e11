/* SPDX-License-Identifier: Apache-2.0 */
/* A disk image: a raw file or a host's block device behind a guest's disk. */
#ifndef HOST_DISK_H
#define HOST_DISK_H

#include <trivet/blockdev.h>
#include <trivet/vm.h>

struct disk;

/*
 * Opens and locks path, which stays valid until disk_close. A whole number of sectors, not empty, not locked by another machine;
 * err names the path and what was expected. index makes the serial number.
 */
int disk_open(const char *path, bool read_only, unsigned index, struct disk **out,
	      struct error *err);
struct blockdev *disk_blockdev(struct disk *d);
/*
 * Starts its thread. vm: whose lock is held around completions; before it runs.
 * -EAGAIN with err.
 */
int disk_attach(struct disk *d, struct vm *vm, struct error *err);
/* Waits until nothing is in flight. Without vm->lock, with no vCPU running. */
void disk_drain(struct disk *d);
/* Drains, ends the thread, says how many requests failed, if any. */
void disk_close(struct disk *d);

#endif
