/* SPDX-License-Identifier: Apache-2.0 */
/* A character backend: where a serial port's bytes go, and come from. */
#ifndef TRIVET_CHARDEV_H
#define TRIVET_CHARDEV_H

#include <trivet/types.h>

struct chardev;

/* While a backend is not full it takes this many bytes without loss. */
#define CHARDEV_ROOM 4096

/* Given by the program. Called by devices with vm->lock held; must not block. */
struct chardev_ops {
	/* Bytes from the guest. */
	void (*write)(struct chardev *cd, const u8 *data, size_t n);
	/* The device can take more input (after `receive` took less than all). */
	void (*input_ready)(struct chardev *cd);
	/* CHARDEV_ROOM bytes written now might not all be kept: a device that
	 * can should wait until this is false again. NULL: never so. */
	bool (*full)(struct chardev *cd);
	/* The program calls `room` when that changes; else devices look again. */
	bool calls_room;
	/* The guest's program opened its end, or closed it once all that it wrote
	 * was written here. Only of devices that know. May be NULL. */
	void (*guest_open)(struct chardev *cd, bool open);
};

/* Embedded by the program in its own struct. */
struct chardev {
	const struct chardev_ops *ops;
	/* Set by the device: the program calls it with vm->lock held to pass
	 * input; returns how many bytes the device took. NULL: none taken. */
	size_t (*receive)(void *ctx, const u8 *data, size_t n);
	/* Set by devices that care, else NULL; with vm->lock held. Full no more;
	 * somebody is at the host's end, or nobody is any more. */
	void (*room)(void *ctx);
	void (*host_open)(void *ctx, bool open);
	void *receive_ctx;
};

#endif
