/* SPDX-License-Identifier: Apache-2.0 */
/* What the socket device does for its backend: trivet/vsockdev.h. */
#include <trivet/bits.h>

#include "vsock_private.h"

/* Chains filled before others have their turn. */
#define PULL_MAX 64

/* The connection of a number that the backend holds. */
static struct vsock_conn *held(struct virtio_vsock *v, unsigned id)
{
	return &v->conns[id % VSOCK_CONNS];
}

static int guest_dial(void *ctx, u32 port, unsigned *id, u32 *host_port)
{
	struct virtio_vsock *v = ctx;
	struct vsock_conn *c;

	if (!virtio_running(&v->dev))
		return -ENODEV;
	while (vsock_find(v, port, v->next_port))
		v->next_port = (v->next_port + 1) | BIT(30);
	c = vsock_add(v, CONN_DIALED, port, v->next_port);
	if (!c)
		return -EAGAIN;
	*id = vsock_id(v, c);
	*host_port = v->next_port;
	v->next_port = (v->next_port + 1) | BIT(30);
	vsock_due(v, c, DUE_REQUEST);
	vsock_flush(v);
	return 0;
}

static void guest_answer(void *ctx, unsigned id, bool accepted)
{
	struct virtio_vsock *v = ctx;
	struct vsock_conn *c = held(v, id);

	if (c->state != CONN_ASKED)
		return; /* the guest did not wait */
	if (accepted) {
		c->state = CONN_OPEN;
		vsock_due(v, c, DUE_RESPONSE);
	} else {
		vsock_end(v, c, true, true);
	}
	vsock_flush(v);
}

void vsock_check_done(struct virtio_vsock *v, struct vsock_conn *c)
{
	const unsigned both = VSOCK_NO_RECEIVE | VSOCK_NO_SEND;

	if (c->state == CONN_OPEN && c->guest_ends == both &&
	    c->received == c->forwarded)
		vsock_end(v, c, true, false);
}

/* The guest hears of the room before it has used up what it knows of. */
static void guest_sent(void *ctx, unsigned id, u32 n)
{
	struct virtio_vsock *v = ctx;
	struct vsock_conn *c = held(v, id);

	if (c->state != CONN_OPEN)
		return;
	c->forwarded += n;
	if (c->forwarded - c->told >= VSOCK_BUFFER / 4)
		vsock_due(v, c, DUE_CREDIT);
	vsock_check_done(v, c);
	vsock_flush(v);
}

/* One buffer's worth; false when there is no more, either side. */
static bool pull_once(struct virtio_vsock *v, struct vsock_conn *c, bool *room)
{
	u64 n = vsock_credit(c);
	unsigned count;
	int got;

	*room = n && vsock_take_rx(v);
	if (!*room)
		return false;
	if (n > v->rx.in_len - VSOCK_HEADER)
		n = v->rx.in_len - VSOCK_HEADER;
	count = vq_chain_slice(&v->rx, true, VSOCK_HEADER, n, v->segments);
	if (!count) {
		virtio_fail(&v->dev, "a buffer has room for a header only");
		return false;
	}
	got = v->backend->ops->read(v->backend, vsock_id(v, c), v->segments, count);
	if (got <= 0)
		return false; /* the buffer waits for the next packet */
	c->sent += (u32)got;
	vsock_put_rx(v, c, OP_RW, 0, (u32)got);
	return true;
}

static bool guest_pull(void *ctx, unsigned id)
{
	struct virtio_vsock *v = ctx;
	struct vsock_conn *c = held(v, id);
	bool room = true;

	if (c->state != CONN_OPEN || (c->guest_ends & VSOCK_NO_RECEIVE))
		return false;
	vsock_flush(v); /* RESPONSE comes before data */
	for (unsigned i = 0; i < PULL_MAX && !c->due && pull_once(v, c, &room); i++)
		;
	if (!room || c->due) {
		vsock_wait(v, c);
		room = false;
	}
	vsock_flush(v);
	return room;
}

static void guest_shutdown(void *ctx, unsigned id, unsigned ends)
{
	struct virtio_vsock *v = ctx;
	struct vsock_conn *c = held(v, id);

	if (c->state == CONN_DIALED) {
		vsock_end(v, c, true, true); /* the caller hung up */
	} else if (c->state == CONN_OPEN && (ends & ~(unsigned)c->host_ends)) {
		c->host_ends |= (u8)ends;
		vsock_due(v, c, DUE_SHUTDOWN);
	}
	vsock_flush(v);
}

static void guest_released(void *ctx, unsigned id)
{
	struct virtio_vsock *v = ctx;
	struct vsock_conn *c = held(v, id);

	c->released = c->state == CONN_CLOSED;
	vsock_try_free(c);
}

const struct vsock_guest_ops vsock_guest_ops = {
	.dial = guest_dial,
	.answer = guest_answer,
	.sent = guest_sent,
	.pull = guest_pull,
	.shutdown = guest_shutdown,
	.released = guest_released,
};
