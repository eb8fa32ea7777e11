/* SPDX-License-Identifier: Apache-2.0 */
/* A network card, device 4 beside those of the virtio fixture, and its backend. */
#ifndef TESTS_NET_FIXTURE_H
#define TESTS_NET_FIXTURE_H

#include <trivet/virtio/net.h>

#include "virtio_fixture.h"

#define NX_DEVICE 4
#define NX_ALL (NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_ECN)

struct nx {
	struct vx vx;
	struct netdev backend;
	struct virtio_net *net;
	bool full;	/* send refuses */
	bool again;	/* each frame sent is offered anew */
	unsigned sent, ready;
	unsigned offloads; /* as set */
	u32 length;	/* of the last frame */
	struct net_offload offload;
	u8 frame[NET_FRAME_MAX];
};

static inline bool nx_send(struct netdev *b, const struct mem_segment *segments,
			   unsigned count, u32 length, const struct net_offload *o)
{
	struct nx *x = CONTAINER_OF(b, struct nx, backend);
	u32 at = 0;

	if (x->full)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (segments[i].len > length - at)
			__builtin_trap();
		memcpy(x->frame + at, segments[i].host, segments[i].len);
		at += segments[i].len;
	}
	if (at != length || length < NET_HEADER_SIZE || length > NET_FRAME_MAX ||
	    o->gso > NET_GSO_TCP6 ||
	    (o->needs_csum && (u32)o->csum_start + o->csum_offset + 2 > length))
		__builtin_trap();
	x->sent++;
	x->length = length;
	x->offload = *o;
	if (x->again)
		vx_offer(&x->vx, 8, 0);
	return true;
}

static inline void nx_receive_ready(struct netdev *b)
{
	CONTAINER_OF(b, struct nx, backend)->ready++;
}

static inline void nx_set_offloads(struct netdev *b, unsigned offloads)
{
	CONTAINER_OF(b, struct nx, backend)->offloads = offloads;
}

static const struct netdev_ops nx_ops = { nx_send, nx_receive_ready, nx_set_offloads };

static inline void nx_init(struct nx *x, unsigned offloads)
{
	vx_init(&x->vx, false);
	x->full = x->again = false;
	x->sent = x->ready = 0;
	x->backend = (struct netdev){
		.ops = &nx_ops, .mac = { 2, 1, 2, 3, 4, 5 }, .mtu = 9000,
		.send_offloads = offloads, .receive_offloads = offloads,
	};
	if (virtio_net_create(&x->vx.vm, x->vx.pci, "test card", &x->backend, &x->net))
		__builtin_trap();
}

static inline void nx_fini(struct nx *x)
{
	virtio_net_destroy(x->net);
	if (x->backend.receive)
		__builtin_trap();
	vx_fini(&x->vx);
}

static inline void nx_notify(struct nx *x, unsigned queue)
{
	vx_wr(&x->vx, NX_DEVICE, 0x3000 + 4 * queue, 2, queue);
}

static inline bool nx_receive(struct nx *x, const u8 *frame, u32 length,
			      const struct net_offload *o)
{
	return x->backend.receive(x->backend.ctx, frame, length, o);
}

#endif
