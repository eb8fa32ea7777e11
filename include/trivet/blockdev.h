/* SPDX-License-Identifier: Apache-2.0 */
/* A block backend: where a disk's sectors are. Requests complete later. */
#ifndef TRIVET_BLOCKDEV_H
#define TRIVET_BLOCKDEV_H

#include <trivet/segment.h>

#define BLOCK_SECTOR 512
#define BLOCK_SERIAL_MAX 20

struct blockdev;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,	     /* what has completed is on stable storage */
	BLOCK_DISCARD,	     /* contents do not matter any more */
	BLOCK_WRITE_ZEROES,
};

/* The device's until submitted, then the backend's until done is called. */
struct block_request {
	enum block_op op;
	bool durable; /* BLOCK_WRITE...: a flush of it is included */
	bool unmap;   /* BLOCK_WRITE_ZEROES: may give the space back */
	/* Whole sectors, within the device. */
	u64 offset, length;
	/* BLOCK_READ and BLOCK_WRITE: length bytes of guest memory. */
	const struct mem_segment *segments;
	unsigned count;
	/* result: 0 or a negative errno. With vm->lock held, never from submit. */
	void (*done)(struct block_request *r, int result);
	struct block_request *next; /* the backend's */
};

/* Given by the program. With vm->lock held; must not block or fail. */
struct blockdev_ops {
	void (*submit)(struct blockdev *b, struct block_request *r);
};

/* Embedded by the program in its own struct. */
struct blockdev {
	const struct blockdev_ops *ops;
	u64 size; /* bytes, whole sectors, not 0 */
	bool read_only;
	bool discard; /* takes BLOCK_DISCARD (it may do nothing) */
	char serial[BLOCK_SERIAL_MAX + 1];
};

#endif
