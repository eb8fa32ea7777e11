/* SPDX-License-Identifier: Apache-2.0 */
/* A block backend in memory: a disk image that the bundle brought. */
#ifndef METAL_RAMDISK_H
#define METAL_RAMDISK_H

#include <trivet/blockdev.h>

struct ramdisk {
	struct blockdev blockdev;
	u8 *data;
	struct block_request *first, *last; /* submitted, not done */
	void (*wake)(void *ctx);	    /* there is something to serve */
	void *wake_ctx;
};

/* data: size bytes, whole sectors, the caller's. */
void ramdisk_init(struct ramdisk *d, u8 *data, u64 size, bool read_only,
		  void (*wake)(void *ctx), void *wake_ctx);
/* Does what was submitted. With vm->lock held, not from a device. */
void ramdisk_serve(struct ramdisk *d);

#endif
