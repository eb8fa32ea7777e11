/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio socket device, queues and packets: virtio 1.2, 5.10. */
#include <trivet/bits.h>

#include "vsock_private.h"

#define F_STREAM BIT(0)
#define TYPE_STREAM 1

enum { RX, TX, EVENT, QUEUES };

struct packet {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port, len;
	u16 type, op;
	u32 flags, buf_alloc, fwd_cnt;
};

static struct virtio_vsock *vsock_of(struct virtio_device *d)
{
	return CONTAINER_OF(d, struct virtio_vsock, dev);
}

bool vsock_take_rx(struct virtio_vsock *v)
{
	if (v->has_rx)
		return true;
	if (!virtio_pop(&v->dev, RX, &v->rx))
		return false;
	if (v->rx.in_len < VSOCK_HEADER) {
		virtio_fail(&v->dev, "a buffer is too small for a header");
		return false;
	}
	v->has_rx = true;
	return true;
}

static void put_header(struct virtio_vsock *v, const struct packet *p)
{
	u8 h[VSOCK_HEADER];

	put_le64(h, p->src_cid);
	put_le64(h + 8, p->dst_cid);
	put_le32(h + 16, p->src_port);
	put_le32(h + 20, p->dst_port);
	put_le32(h + 24, p->len);
	put_le16(h + 28, p->type);
	put_le16(h + 30, p->op);
	put_le32(h + 32, p->flags);
	put_le32(h + 36, p->buf_alloc);
	put_le32(h + 40, p->fwd_cnt);
	(void)vq_chain_write(v->dev.vm, &v->rx, 0, h, sizeof h);
	vq_push(&v->dev.queues[RX], &v->rx, VSOCK_HEADER + p->len);
	v->has_rx = false;
}

void vsock_put_rx(struct virtio_vsock *v, struct vsock_conn *c, enum vsock_op op,
		  u32 flags, u32 n)
{
	const struct packet p = {
		.src_cid = VSOCK_CID_HOST, .dst_cid = v->backend->cid,
		.src_port = c->host_port, .dst_port = c->guest_port,
		.len = n, .type = TYPE_STREAM, .op = (u16)op, .flags = flags,
		.buf_alloc = VSOCK_BUFFER, .fwd_cnt = c->forwarded,
	};

	c->told = c->forwarded;
	c->due &= (u8)~DUE_CREDIT; /* every packet tells */
	if (n) /* the bytes were written without the engine's knowledge */
		vq_chain_written(v->dev.vm, &v->rx, VSOCK_HEADER + n);
	put_header(v, &p);
}

static void put_stray(struct virtio_vsock *v)
{
	const struct vsock_stray *s = &v->strays[--v->stray_count];
	const struct packet p = {
		.src_cid = s->cid, .dst_cid = v->backend->cid,
		.src_port = s->host_port, .dst_port = s->guest_port,
		.type = TYPE_STREAM, .op = OP_RST,
	};

	put_header(v, &p);
}

static void put_due(struct virtio_vsock *v, struct vsock_conn *c)
{
	unsigned first = c->due & (unsigned)-c->due;

	c->due &= (u8)~first;
	switch ((enum vsock_due)first) {
	case DUE_REQUEST:
		vsock_put_rx(v, c, OP_REQUEST, 0, 0);
		break;
	case DUE_RESPONSE:
		vsock_put_rx(v, c, OP_RESPONSE, 0, 0);
		break;
	case DUE_CREDIT:
		vsock_put_rx(v, c, OP_CREDIT_UPDATE, 0, 0);
		break;
	case DUE_SHUTDOWN:
		vsock_put_rx(v, c, OP_SHUTDOWN, c->host_ends, 0);
		break;
	case DUE_RST:
		vsock_put_rx(v, c, OP_RST, 0, 0);
		break;
	}
}

void vsock_flush(struct virtio_vsock *v)
{
	struct vsock_conn *c;

	while (v->stray_count && vsock_take_rx(v))
		put_stray(v);
	while (v->first_due != CONN_NONE && vsock_take_rx(v)) {
		c = vsock_take_due(v);
		if (c->due)
			put_due(v, c);
		if (c->due)
			vsock_due(v, c, c->due);
		else
			vsock_try_free(c);
	}
	virtio_signal(&v->dev, RX);
}

static void refuse(struct virtio_vsock *v, const struct packet *p)
{
	if (p->op == OP_RST)
		return; /* or two ends would answer each other for ever */
	v->strays[v->stray_count++] =
		(struct vsock_stray){ p->dst_cid, p->src_port, p->dst_port };
}

/* 5.10.6.5: the guest asks for a port of the host. */
static void take_request(struct virtio_vsock *v, const struct packet *p)
{
	struct vsock_conn *c = vsock_add(v, CONN_ASKED, p->src_port, p->dst_port);

	if (!c) {
		refuse(v, p);
		return;
	}
	c->peer_alloc = p->buf_alloc;
	c->peer_forwarded = p->fwd_cnt;
	v->backend->ops->connect(v->backend, vsock_id(v, c), p->dst_port);
}

/* False: more than there is room for, or than the guest said it would send. */
static bool take_data(struct virtio_vsock *v, struct vsock_conn *c,
		      const struct packet *p)
{
	u32 room = VSOCK_BUFFER - (c->received - c->forwarded);
	unsigned count;

	if (c->state != CONN_OPEN || (c->guest_ends & VSOCK_NO_SEND) || p->len > room)
		return false;
	if (!p->len)
		return true;
	count = vq_chain_slice(&v->tx, false, VSOCK_HEADER, p->len, v->segments);
	c->received += p->len;
	v->backend->ops->write(v->backend, vsock_id(v, c), v->segments, count);
	return true;
}

static bool take_shutdown(struct virtio_vsock *v, struct vsock_conn *c, u32 flags)
{
	unsigned ends = flags & (VSOCK_NO_RECEIVE | VSOCK_NO_SEND);

	if (c->state != CONN_OPEN)
		return false;
	c->guest_ends |= (u8)ends;
	v->backend->ops->shutdown(v->backend, vsock_id(v, c), ends);
	vsock_check_done(v, c);
	return true;
}

static bool take_response(struct virtio_vsock *v, struct vsock_conn *c)
{
	if (c->state != CONN_DIALED)
		return false;
	c->state = CONN_OPEN;
	v->backend->ops->accepted(v->backend, vsock_id(v, c));
	return true;
}

/* A packet of a connection; false when it has no place there. */
static bool take_known(struct virtio_vsock *v, struct vsock_conn *c,
		       const struct packet *p)
{
	c->peer_alloc = p->buf_alloc;
	c->peer_forwarded = p->fwd_cnt;
	switch (p->op) {
	case OP_RESPONSE:
		return take_response(v, c);
	case OP_RST: /* what came before an orderly end still goes on */
		vsock_end(v, c, false, !(c->guest_ends & VSOCK_NO_SEND));
		return true;
	case OP_SHUTDOWN:
		return take_shutdown(v, c, p->flags);
	case OP_RW:
		return take_data(v, c, p);
	case OP_CREDIT_UPDATE:
		return true;
	case OP_CREDIT_REQUEST:
		vsock_due(v, c, DUE_CREDIT);
		return true;
	default:
		return false;
	}
}

static void take_packet(struct virtio_vsock *v, const struct packet *p, bool whole)
{
	struct vsock_conn *c;

	if (p->src_cid != v->backend->cid)
		return; /* 5.10.6.4.1: not the guest's to send */
	if (p->dst_cid != VSOCK_CID_HOST || p->type != TYPE_STREAM) {
		refuse(v, p);
		return;
	}
	c = vsock_find(v, p->src_port, p->dst_port);
	if (!c && whole && p->op == OP_REQUEST)
		take_request(v, p);
	else if (!c)
		refuse(v, p);
	else if (!whole || !take_known(v, c, p))
		vsock_end(v, c, true, true);
	else if (c->state == CONN_OPEN)
		vsock_wake(v, c);
}

static void get_packet(const u8 *h, struct packet *p)
{
	*p = (struct packet){
		.src_cid = get_le64(h), .dst_cid = get_le64(h + 8),
		.src_port = get_le32(h + 16), .dst_port = get_le32(h + 20),
		.len = get_le32(h + 24), .type = get_le16(h + 28),
		.op = get_le16(h + 30), .flags = get_le32(h + 32),
		.buf_alloc = get_le32(h + 36), .fwd_cnt = get_le32(h + 40),
	};
}

/* Stops while too many answers wait for buffers: 5.10.6.1. */
static void take_packets(struct virtio_vsock *v)
{
	u8 header[VSOCK_HEADER];
	struct packet p;

	while (v->stray_count < VSOCK_STRAYS && virtio_pop(&v->dev, TX, &v->tx)) {
		if (!vq_chain_read(&v->tx, 0, header, sizeof header)) {
			virtio_fail(&v->dev, "a packet without a header");
			return;
		}
		get_packet(header, &p);
		take_packet(v, &p, p.len <= v->tx.out_len - VSOCK_HEADER);
		vq_push(&v->dev.queues[TX], &v->tx, 0);
	}
	virtio_signal(&v->dev, TX);
}

static void vsock_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_vsock *v = vsock_of(d);

	if (queue == EVENT)
		return; /* for events that never come */
	vsock_flush(v);
	take_packets(v);
	vsock_flush(v);
	for (unsigned i = 0; queue == RX && v->waiting && i < VSOCK_CONNS; i++)
		vsock_wake(v, &v->conns[i]);
}

static void vsock_reset_device(struct virtio_device *d)
{
	vsock_forget(vsock_of(d));
}

static const struct virtio_device_ops vsock_ops = {
	.notify = vsock_notify,
	.reset = vsock_reset_device,
};

int virtio_vsock_create(struct vm *vm, struct pci_host *host, struct vsockdev *backend,
			struct virtio_vsock **out)
{
	struct virtio_vsock *v = platform_alloc(sizeof *v);
	int r;

	if (!v)
		return -ENOMEM;
	v->backend = backend;
	v->dev = (struct virtio_device){
		.vm = vm, .ops = &vsock_ops, .name = "virtio vsock",
		.id = VIRTIO_ID_VSOCK, .queue_count = QUEUES,
		.features = F_STREAM, .config_size = 8,
	};
	put_le64(v->dev.config, backend->cid);
	vsock_table_init(v);
	virtio_init(&v->dev);
	r = virtio_pci_create(host, &v->dev, 0x078000, &v->pci);
	if (r) {
		platform_free(v, sizeof *v);
		return r;
	}
	backend->guest_ctx = v;
	backend->guest = &vsock_guest_ops;
	*out = v;
	return 0;
}

void virtio_vsock_reset(struct virtio_vsock *v)
{
	virtio_pci_reset(v->pci);
}

void virtio_vsock_destroy(struct virtio_vsock *v)
{
	if (!v)
		return;
	v->backend->guest = NULL;
	virtio_pci_destroy(v->pci);
	platform_free(v, sizeof *v);
}
