/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device's connections: a fixed table, found by their two ports. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "vsock_private.h"

/* Where ports of the host's callers begin: above those that services have. */
#define PORT_FIRST 0x40000000u

_Static_assert(VSOCK_CONNS < CONN_NONE, "numbers fit");

void vsock_table_init(struct virtio_vsock *v)
{
	memset(v->buckets, 0xff, sizeof v->buckets);
	v->first_due = v->last_due = CONN_NONE;
	v->next_port = PORT_FIRST;
}

unsigned vsock_id(const struct virtio_vsock *v, const struct vsock_conn *c)
{
	return (unsigned)(c - v->conns);
}

static u16 *bucket(struct virtio_vsock *v, u32 guest_port, u32 host_port)
{
	u32 h = (guest_port * 2654435761u) ^ (host_port * 2246822519u);

	return &v->buckets[h >> 24];
}

struct vsock_conn *vsock_find(struct virtio_vsock *v, u32 guest_port, u32 host_port)
{
	u16 at = *bucket(v, guest_port, host_port);

	while (at != CONN_NONE) {
		struct vsock_conn *c = &v->conns[at];

		if (c->guest_port == guest_port && c->host_port == host_port)
			return c;
		at = c->next_hash;
	}
	return NULL;
}

static void unhash(struct virtio_vsock *v, struct vsock_conn *c)
{
	u16 *at = bucket(v, c->guest_port, c->host_port);

	while (*at != CONN_NONE && *at != vsock_id(v, c))
		at = &v->conns[*at].next_hash;
	if (*at != CONN_NONE)
		*at = c->next_hash;
}

struct vsock_conn *vsock_add(struct virtio_vsock *v, enum vsock_state state,
			     u32 guest_port, u32 host_port)
{
	u16 *first = bucket(v, guest_port, host_port);

	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		unsigned id = (v->free + i) % VSOCK_CONNS;
		struct vsock_conn *c = &v->conns[id];

		if (c->state != CONN_FREE)
			continue;
		*c = (struct vsock_conn){ .state = state, .guest_port = guest_port,
					  .host_port = host_port, .next_hash = *first };
		*first = (u16)id;
		v->free = (u16)((id + 1) % VSOCK_CONNS);
		return c;
	}
	return NULL;
}

void vsock_try_free(struct vsock_conn *c)
{
	if (c->state == CONN_CLOSED && c->released && !c->queued)
		c->state = CONN_FREE;
}

static void stop_waiting(struct virtio_vsock *v, struct vsock_conn *c)
{
	v->waiting -= c->waits;
	c->waits = false;
}

void vsock_end(struct virtio_vsock *v, struct vsock_conn *c, bool rst, bool reset)
{
	if (c->state == CONN_CLOSED || c->state == CONN_FREE)
		return;
	unhash(v, c);
	stop_waiting(v, c);
	c->state = CONN_CLOSED;
	c->due = 0; /* RST says it all */
	if (rst)
		vsock_due(v, c, DUE_RST);
	v->backend->ops->close(v->backend, vsock_id(v, c), reset);
}

void vsock_due(struct virtio_vsock *v, struct vsock_conn *c, enum vsock_due what)
{
	u16 id = (u16)vsock_id(v, c);

	c->due |= (u8)what;
	if (c->queued)
		return;
	c->queued = true;
	c->next_due = CONN_NONE;
	if (v->first_due == CONN_NONE)
		v->first_due = id;
	else
		v->conns[v->last_due].next_due = id;
	v->last_due = id;
}

struct vsock_conn *vsock_take_due(struct virtio_vsock *v)
{
	struct vsock_conn *c;

	if (v->first_due == CONN_NONE)
		return NULL;
	c = &v->conns[v->first_due];
	v->first_due = c->next_due;
	c->queued = false;
	return c;
}

u32 vsock_credit(const struct vsock_conn *c)
{
	u32 flying = c->sent - c->peer_forwarded;

	return flying < c->peer_alloc ? c->peer_alloc - flying : 0;
}

void vsock_wait(struct virtio_vsock *v, struct vsock_conn *c)
{
	v->waiting += !c->waits;
	c->waits = true;
}

void vsock_wake(struct virtio_vsock *v, struct vsock_conn *c)
{
	if (!c->waits || !vsock_credit(c))
		return;
	stop_waiting(v, c);
	v->backend->ops->wanted(v->backend, vsock_id(v, c));
}

void vsock_forget(struct virtio_vsock *v)
{
	while (vsock_take_due(v))
		;
	v->last_due = CONN_NONE;
	v->stray_count = 0;
	v->has_rx = false;
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &v->conns[i];

		vsock_end(v, c, false, true);
		c->due = 0;
		vsock_try_free(c);
	}
}
