/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the socket device share: connections, and their packets. */
#ifndef VIRTIO_VSOCK_PRIVATE_H
#define VIRTIO_VSOCK_PRIVATE_H

#include <trivet/virtio/vsock.h>

enum vsock_state {
	CONN_FREE,
	CONN_ASKED,  /* the guest asked; the backend has not answered */
	CONN_DIALED, /* the host asked; the guest has not answered */
	CONN_OPEN,
	CONN_CLOSED, /* over; the backend has not released it, or RST is due */
};

/* Packets to the guest, in the order in which they go. */
enum vsock_due {
	DUE_REQUEST = 1,
	DUE_RESPONSE = 2,
	DUE_CREDIT = 4,
	DUE_SHUTDOWN = 8,
	DUE_RST = 16,
};

#define CONN_NONE 0xffffu

struct vsock_conn {
	enum vsock_state state;
	u32 guest_port, host_port;
	/* Flow control, 5.10.6.3: running counts of bytes, which wrap. */
	u32 peer_alloc, peer_forwarded; /* as the guest says */
	u32 sent;			/* to the guest */
	u32 received, forwarded, told;	/* from it; on to the host; it knows of */
	u8 guest_ends, host_ends;	/* enum vsock_end */
	u8 due;				/* enum vsock_due */
	bool queued;			/* in the list of those with something due */
	bool waits;			/* its backend waits for `wanted` */
	bool released;
	u16 next_due, next_hash;
};

/* A reset for a packet that belongs to no connection. */
struct vsock_stray {
	u64 cid; /* that the guest spoke to */
	u32 guest_port, host_port;
};

#define VSOCK_STRAYS 64
#define VSOCK_BUCKETS 256

struct virtio_vsock {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct vsockdev *backend;
	struct vsock_conn conns[VSOCK_CONNS];
	u16 buckets[VSOCK_BUCKETS]; /* of connections that packets belong to */
	u16 first_due, last_due;
	u16 free; /* where to look for a free one first */
	u32 next_port;
	unsigned waiting; /* connections with waits */
	struct vsock_stray strays[VSOCK_STRAYS];
	unsigned stray_count;
	bool has_rx; /* rx is taken and not used yet */
	struct vq_chain rx, tx;
	struct mem_segment segments[VQ_SIZE_MAX];
};

/* vsock_conn.c: the table. */
void vsock_table_init(struct virtio_vsock *v);
/* NULL: none. */
struct vsock_conn *vsock_find(struct virtio_vsock *v, u32 guest_port, u32 host_port);
struct vsock_conn *vsock_add(struct virtio_vsock *v, enum vsock_state state,
			     u32 guest_port, u32 host_port);
unsigned vsock_id(const struct virtio_vsock *v, const struct vsock_conn *c);
/* Over, for the guest: off the table, the backend told. rst: the guest is. */
void vsock_end(struct virtio_vsock *v, struct vsock_conn *c, bool rst, bool reset);
/* The number is free again if nobody needs it any more. */
void vsock_try_free(struct vsock_conn *c);
void vsock_due(struct virtio_vsock *v, struct vsock_conn *c, enum vsock_due what);
/* The first connection with something due, taken off the list; NULL: none. */
struct vsock_conn *vsock_take_due(struct virtio_vsock *v);
/* Bytes that the guest's end has room for. */
u32 vsock_credit(const struct vsock_conn *c);
void vsock_wait(struct virtio_vsock *v, struct vsock_conn *c);
/* Wakes the backend if the guest has room. */
void vsock_wake(struct virtio_vsock *v, struct vsock_conn *c);
/* The driver is gone. */
void vsock_forget(struct virtio_vsock *v);

/* vsock_guest.c: what the backend calls. */
extern const struct vsock_guest_ops vsock_guest_ops;
/* All that the guest sent has gone on, and it is done: so are we. */
void vsock_check_done(struct virtio_vsock *v, struct vsock_conn *c);

/* vsock.c: the queues. */
enum vsock_op {
	OP_REQUEST = 1,
	OP_RESPONSE,
	OP_RST,
	OP_SHUTDOWN,
	OP_RW,
	OP_CREDIT_UPDATE,
	OP_CREDIT_REQUEST,
};
#define VSOCK_HEADER 44
/* Has a buffer in v->rx that holds a header; false: none now. */
bool vsock_take_rx(struct virtio_vsock *v);
/* Gives v->rx to the driver as a packet of c with n bytes already in it. */
void vsock_put_rx(struct virtio_vsock *v, struct vsock_conn *c, enum vsock_op op,
		  u32 flags, u32 n);
/* Sends what is due, as far as there are buffers, and tells the driver. */
void vsock_flush(struct virtio_vsock *v);

#endif
