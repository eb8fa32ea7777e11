/* SPDX-License-Identifier: Apache-2.0 */
/* A block backend: where a disk's sectors are. Requests complete later. */
#ifndef TRIVET_BLOCKDEV_H
#define TRIVET_BLOCKDEV_H

#include <trivet/segment.h>

#define BLOCK_SECTOR 512
#define BLOCK_SERIAL_MAX 20
/* A device has at most so many requests submitted, of so many segments each. */
#define BLOCK_REQUESTS_MAX 32
#define BLOCK_SEGMENTS_MAX 128

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
	/* No more will be submitted for now: those that were shall start. NULL:
	 * they started already. */
	void (*commit)(struct blockdev *b);
	/* Does r here and now if that takes no waiting: then true, and done is
	 * not called. False: nothing happened; r may be submitted. May be NULL. */
	bool (*at_once)(struct blockdev *b, const struct block_request *r);
};

/* Embedded by the program in its own struct. */
struct blockdev {
	const struct blockdev_ops *ops;
	u64 size; /* bytes, whole sectors, not 0 */
	bool read_only;
	bool discard; /* takes BLOCK_DISCARD (it may do nothing) */
	const char *how; /* the backend in a word, for statistics; may be NULL */
	char serial[BLOCK_SERIAL_MAX + 1];
};

#endif
