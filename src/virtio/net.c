/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio network device, frames both ways: virtio 1.2, 5.1. */
#include "net.h"

#include <trivet/string.h>

enum { /* configuration, 5.1.4 */
	CONFIG_MAC = 0,
	CONFIG_STATUS = 6,
	CONFIG_MTU = 10,
	CONFIG_SIZE = 12,
};

#define STATUS_LINK_UP 1
/* Frames sent at one go: another vCPU may fill the ring as fast as we empty it. */
#define SEND_BUDGET 256
#define SEND_PAUSE_NS 20000

static struct virtio_net *net_of(struct virtio_device *d)
{
	return CONTAINER_OF(d, struct virtio_net, dev);
}

/* A chain from the driver: header and frame apart. False: not to be sent. */
static bool take_frame(struct virtio_net *n)
{
	u8 header[NET_HDR_SIZE];
	u64 length = n->tx.out_len - NET_HDR_SIZE;

	(void)vq_chain_read(&n->tx, 0, header, sizeof header);
	if (length < NET_HEADER_SIZE || length > NET_FRAME_MAX ||
	    !net_header_parse(header, (u32)length, n->send_offloads, &n->offload))
		return false;
	n->tx_count = vq_chain_slice(&n->tx, false, NET_HDR_SIZE, length,
				     n->tx_segments);
	return n->tx_count;
}

/* The frame in hand to the backend; false when that has no room. */
static bool send_frame(struct virtio_net *n)
{
	u32 length = (u32)(n->tx.out_len - NET_HDR_SIZE);

	if (!n->backend->ops->send(n->backend, n->tx_segments, n->tx_count, length,
				   &n->offload))
		return false;
	n->backend->stats.sent_frames++;
	n->backend->stats.sent_bytes += length;
	return true;
}

static void net_send(struct virtio_net *n)
{
	unsigned budget = SEND_BUDGET;

	if (!virtio_running(&n->dev))
		return;
	while (n->sending || (budget && virtio_pop(&n->dev, NET_TX, &n->tx))) {
		if (!n->sending) {
			budget--;
			if (n->tx.out_len < NET_HDR_SIZE) {
				virtio_fail(&n->dev, "a frame without a header");
				return;
			}
			n->sending = take_frame(n);
			n->backend->stats.dropped += !n->sending;
		}
		if (n->sending && !send_frame(n))
			break; /* send_ready will come */
		n->sending = false;
		vq_push(&n->dev.queues[NET_TX], &n->tx, 0);
	}
	if (!budget)
		timer_set(&n->again, platform_clock_ns() + SEND_PAUSE_NS);
	virtio_signal(&n->dev, NET_TX);
}

static void net_send_again(struct timer *t)
{
	net_send(CONTAINER_OF(t, struct virtio_net, again));
}

static void net_send_ready(void *ctx)
{
	net_send(ctx);
}

static bool receive_drop(struct virtio_net *n)
{
	n->backend->stats.dropped++;
	return true;
}

/* May the driver be given such a frame? */
static bool receive_allowed(const struct virtio_net *n, u32 length,
			    const struct net_offload *o)
{
	static const unsigned needs[] = { 0, NETDEV_TSO4, NETDEV_TSO6 };
	unsigned need = needs[o->gso] | (o->needs_csum ? NETDEV_CSUM : 0) |
			(o->ecn ? NETDEV_ECN : 0);

	return !(need & ~n->receive_offloads) && length >= NET_HEADER_SIZE &&
	       length <= NET_FRAME_MAX;
}

/* One buffer's part of the frame, from *done on; how much of it is used. */
static u32 fill_buffer(struct virtio_net *n, struct vq_chain *c, const u8 *frame,
		       u32 length, u32 *done)
{
	u32 skip = *done ? 0 : NET_HDR_SIZE;
	u64 room = c->in_len - skip;
	u32 part = length - *done < room ? length - *done : (u32)room;

	(void)vq_chain_write(n->dev.vm, c, skip, frame + *done, part);
	*done += part;
	return part + skip;
}

/*
 * Takes buffers for the frame and fills them; how many, none of them given back
 * yet. 0: the frame cannot be received as it is, *wait: but with more buffers.
 */
static unsigned fill_buffers(struct virtio_net *n, const u8 *frame, u32 length,
			     bool *wait)
{
	struct virtqueue *q = &n->dev.queues[NET_RX];
	unsigned most = virtio_has(&n->dev, F_MRG_RXBUF) ? q->size : 1;
	unsigned count = 0;
	u32 done = 0;

	while (done < length && count < most) {
		struct vq_chain *c = &n->rx[count != 0];

		if (!virtio_pop(&n->dev, NET_RX, c)) {
			*wait = virtio_running(&n->dev);
			break;
		}
		n->used[count++].head = c->head;
		if (c->in_len <= (done ? 0 : NET_HDR_SIZE)) {
			virtio_fail(&n->dev, "a receive buffer without room");
			return 0;
		}
		n->used[count - 1].written = fill_buffer(n, c, frame, length, &done);
	}
	if (done == length)
		return count;
	vq_unpop(q, (u16)count);
	return 0;
}

static bool net_receive(void *ctx, const u8 *frame, u32 length,
			const struct net_offload *o)
{
	struct virtio_net *n = ctx;
	u8 header[NET_HDR_SIZE];
	bool wait = false;
	unsigned count;

	if (!virtio_running(&n->dev) || !receive_allowed(n, length, o))
		return receive_drop(n);
	count = fill_buffers(n, frame, length, &wait);
	if (!count)
		return wait ? false : receive_drop(n);
	net_header_make(header, o);
	if (!(n->receive_offloads & NETDEV_CSUM))
		header[0] = 0; /* nor a "valid" (5.1.6.4.1) */
	put_le16(header + 10, (u16)count);
	(void)vq_chain_write(n->dev.vm, &n->rx[0], 0, header, sizeof header);
	vq_push_all(&n->dev.queues[NET_RX], n->used, count);
	n->backend->stats.received_frames++;
	n->backend->stats.received_bytes += length;
	return true;
}

static void net_receive_flush(void *ctx)
{
	struct virtio_net *n = ctx;

	virtio_signal(&n->dev, NET_RX);
}

static void net_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_net *n = net_of(d);

	if (queue == NET_TX)
		net_send(n);
	else if (queue == NET_CTRL)
		net_control(n);
	else
		n->backend->ops->receive_ready(n->backend);
}

static void net_start(struct virtio_device *d)
{
	struct virtio_net *n = net_of(d);

	n->send_offloads = 0;
	if (virtio_has(d, F_CSUM)) /* the others' condition, 5.1.3.1 */
		n->send_offloads = NETDEV_CSUM |
				   (virtio_has(d, F_HOST_TSO4) ? NETDEV_TSO4 : 0) |
				   (virtio_has(d, F_HOST_TSO6) ? NETDEV_TSO6 : 0) |
				   (virtio_has(d, F_HOST_ECN) ? NETDEV_ECN : 0);
	net_set_receive_offloads(n, d->driver_features);
}

static void net_forget(struct virtio_device *d)
{
	struct virtio_net *n = net_of(d);

	n->sending = false;
	timer_cancel(&n->again);
	net_set_receive_offloads(n, 0);
	memcpy(d->config + CONFIG_MAC, n->backend->mac, NET_MAC_SIZE);
	/* frames that wait for buffers wait no longer */
	n->backend->ops->receive_ready(n->backend);
}

static const struct virtio_device_ops net_ops = {
	.notify = net_notify,
	.start = net_start,
	.reset = net_forget,
};

static u64 offered(const struct netdev *b)
{
	u64 f = F_MAC | F_STATUS | F_MRG_RXBUF | F_CTRL_VQ | F_CTRL_MAC_ADDR;

	if (b->mtu)
		f |= F_MTU;
	if (b->send_offloads & NETDEV_CSUM)
		f |= F_CSUM | (b->send_offloads & NETDEV_TSO4 ? F_HOST_TSO4 : 0) |
		     (b->send_offloads & NETDEV_TSO6 ? F_HOST_TSO6 : 0) |
		     (b->send_offloads & NETDEV_ECN ? F_HOST_ECN : 0);
	if (b->receive_offloads & NETDEV_CSUM)
		f |= F_GUEST_CSUM | F_CTRL_GUEST_OFFLOADS |
		     (b->receive_offloads & NETDEV_TSO4 ? F_GUEST_TSO4 : 0) |
		     (b->receive_offloads & NETDEV_TSO6 ? F_GUEST_TSO6 : 0) |
		     (b->receive_offloads & NETDEV_ECN ? F_GUEST_ECN : 0);
	return f;
}

int virtio_net_create(struct vm *vm, struct pci_host *host, const char *name,
		      struct netdev *backend, struct virtio_net **out)
{
	struct virtio_net *n = platform_alloc(sizeof *n);
	int r;

	if (!n)
		return -ENOMEM;
	n->backend = backend;
	n->dev = (struct virtio_device){
		.vm = vm, .ops = &net_ops, .name = name, .id = VIRTIO_ID_NET,
		.queue_count = NET_QUEUES, .features = offered(backend),
		.config_size = CONFIG_SIZE,
	};
	memcpy(n->dev.config + CONFIG_MAC, backend->mac, NET_MAC_SIZE);
	put_le16(n->dev.config + CONFIG_STATUS, STATUS_LINK_UP);
	put_le16(n->dev.config + CONFIG_MTU, backend->mtu);
	timer_init(&n->again, vm, net_send_again);
	virtio_init(&n->dev);
	r = virtio_pci_create(host, &n->dev, 0x020000, &n->pci);
	if (r) {
		platform_free(n, sizeof *n);
		return r;
	}
	backend->ctx = n;
	backend->receive_flush = net_receive_flush;
	backend->send_ready = net_send_ready;
	backend->receive = net_receive;
	*out = n;
	return 0;
}

void virtio_net_reset(struct virtio_net *n)
{
	virtio_pci_reset(n->pci);
}

void virtio_net_destroy(struct virtio_net *n)
{
	if (!n)
		return;
	n->backend->receive = NULL;
	n->backend->receive_flush = NULL;
	n->backend->send_ready = NULL;
	timer_cancel(&n->again);
	virtio_pci_destroy(n->pci);
	platform_free(n, sizeof *n);
}
