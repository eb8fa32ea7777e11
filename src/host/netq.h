/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of frames in one piece of memory, allocated once. One thread puts, one
 * takes, without a lock.
 */
#ifndef HOST_NETQ_H
#define HOST_NETQ_H

#include <trivet/netdev.h>

#define NETQ_SIZE (1u << 20) /* bytes; a power of two */

struct netq_frame {
	u32 size;   /* of the record in the queue */
	u32 length; /* bytes of frame; 0: nothing, up to the memory's end */
	struct net_offload offload;
	u8 data[];
};

struct netq {
	u8 *memory;
	u64 put, taken; /* atomic: bytes ever; own thread writes, the other reads */
	u64 drop_to;	/* atomic: what was put before is dropped by the taker */
};

/* -ENOMEM. */
int netq_init(struct netq *q);
void netq_fini(struct netq *q);

/* Bytes that are free. The putting thread. */
u64 netq_room(const struct netq *q);
/* A frame to be filled, of up to length bytes; NULL: no room. */
struct netq_frame *netq_reserve(struct netq *q, u32 length);
/* Makes the reserved frame, now of length bytes (not more), seen. */
void netq_commit(struct netq *q, struct netq_frame *f, u32 length);

/* The oldest frame; NULL: none. The taking thread. */
struct netq_frame *netq_first(struct netq *q);
void netq_next(struct netq *q);
bool netq_empty(const struct netq *q);
/* Drops what is there now. While nobody puts; any thread. */
void netq_clear(struct netq *q);

#endif
