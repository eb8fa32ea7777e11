/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vsock backend: the host's ends of stream connections between programs in the
 * guest and programs on the host. A connection has a number below VSOCK_CONNS,
 * which both sides use until the backend has released it.
 */
#ifndef TRIVET_VSOCKDEV_H
#define TRIVET_VSOCKDEV_H

#include <trivet/segment.h>

#define VSOCK_CONNS 512
/* Bytes from the guest that a backend keeps of a connection at most. */
#define VSOCK_BUFFER 65536u
#define VSOCK_CID_HOST 2
#define VSOCK_CID_FIRST 3 /* that a guest may have */

/* What an end will do no more; the values are those of virtio 1.2, 5.10.6.5. */
enum vsock_end { VSOCK_NO_RECEIVE = 1, VSOCK_NO_SEND = 2 };

struct vsockdev;

/* Given by the program. With vm->lock held; must not block, nor call back. */
struct vsockdev_ops {
	/* The guest wants to reach a port of the host: guest->answer says how. */
	void (*connect)(struct vsockdev *d, unsigned id, u32 port);
	/* The guest took the connection that guest->dial asked for. */
	void (*accepted)(struct vsockdev *d, unsigned id);
	/* Bytes from the guest. All are taken: no more than VSOCK_BUFFER are ever
	 * here that guest->sent did not tell of. */
	void (*write)(struct vsockdev *d, unsigned id,
		      const struct mem_segment *segments, unsigned count);
	/* The guest's end closes in these ways, enum vsock_end. */
	void (*shutdown)(struct vsockdev *d, unsigned id, unsigned ends);
	/* After guest->pull said false: the guest takes bytes again. */
	void (*wanted)(struct vsockdev *d, unsigned id);
	/* Called by guest->pull only: up to all of the segments, which lie one after
	 * another. Bytes read; 0: the end; negative: nothing now. */
	int (*read)(struct vsockdev *d, unsigned id,
		    const struct mem_segment *segments, unsigned count);
	/* It is over for the guest. Unless reset, what was written still goes
	 * on to the host's program. Then guest->released. */
	void (*close)(struct vsockdev *d, unsigned id, bool reset);
};

/* Given by the device. With vm->lock held. */
struct vsock_guest_ops {
	/* A program on the host wants to reach a port of the guest. -ENODEV: no
	 * driver; -EAGAIN: too many connections. */
	int (*dial)(void *ctx, u32 port, unsigned *id, u32 *host_port);
	void (*answer)(void *ctx, unsigned id, bool accepted);
	/* n bytes more of what was written left for the host's program. */
	void (*sent)(void *ctx, unsigned id, u32 n);
	/* There is something to read, or the end. False: not now; wait for
	 * wanted. */
	bool (*pull)(void *ctx, unsigned id);
	/* The host's end closes, enum vsock_end. */
	void (*shutdown)(void *ctx, unsigned id, unsigned ends);
	/* After close: the number may be used again. */
	void (*released)(void *ctx, unsigned id);
};

/* Embedded by the program in its own struct. */
struct vsockdev {
	const struct vsockdev_ops *ops;
	u64 cid; /* the guest's address, from VSOCK_CID_FIRST, below 2^32 - 1 */
	/* Set by the device; NULL while there is none. */
	const struct vsock_guest_ops *guest;
	void *guest_ctx;
};

#endif
