/* SPDX-License-Identifier: Apache-2.0 */
/* A character backend: where a serial port's bytes go, and come from. */
#ifndef TRIVET_CHARDEV_H
#define TRIVET_CHARDEV_H

#include <trivet/types.h>

struct chardev;

/* Given by the program. Called by devices with vm->lock held; must not block. */
struct chardev_ops {
	/* Bytes from the guest. */
	void (*write)(struct chardev *cd, const u8 *data, size_t n);
	/* The device can take more input (after `receive` took less than all). */
	void (*input_ready)(struct chardev *cd);
	/* Bytes written now might be lost: a device that can should keep them
	 * until this is false again. NULL: never so. */
	bool (*full)(struct chardev *cd);
};

/* Embedded by the program in its own struct. */
struct chardev {
	const struct chardev_ops *ops;
	/* Set by the device: the program calls it with vm->lock held to pass
	 * input; returns how many bytes the device took. NULL: none taken. */
	size_t (*receive)(void *ctx, const u8 *data, size_t n);
	void *receive_ctx;
};

#endif
