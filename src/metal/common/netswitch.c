/* SPDX-License-Identifier: Apache-2.0 */
/* From a sender's card to other ports' queues, and from a queue to its card. */
#include "netswitch.h"

#include <trivet/error.h>
#include <trivet/fmt.h>
#include <trivet/string.h>

#define QUEUE_BYTES (SWITCH_QUEUE * sizeof(struct switch_frame))

static struct switch_port *port_of(struct netdev *n)
{
	return CONTAINER_OF(n, struct switch_port, netdev);
}

/* --- to a queue ------------------------------------------------------------------------ */

/*
 * With to->lock held. A sender may have as many frames there as are free (dynamic
 * thresholds, Choudhury and Hahne 1998): one alone gets half, and there is always room
 * for another's first.
 */
static struct switch_frame *queue_slot(struct switch_port *to, unsigned from)
{
	if (!to->queue || to->held[from] >= SWITCH_QUEUE - to->count)
		return NULL;
	to->held[from]++;
	return &to->queue[(to->first + to->count++) % SWITCH_QUEUE];
}

static void give(struct switch_port *from, struct switch_port *to, u32 length)
{
	struct switch_frame *f;

	platform_mutex_lock(&to->lock);
	f = queue_slot(to, from->index);
	if (f) {
		f->length = (u16)length;
		f->from = (u16)from->index;
		memcpy(f->data, from->out, length);
	} else if (to->queue) {
		to->stats.overrun++;
	}
	platform_mutex_unlock(&to->lock);
	from->burst++;
	if (f)
		to->wake(to->wake_ctx);
}

static void flood(struct switch_port *from, u32 length)
{
	struct netswitch *s = from->sw;

	from->stats.flooded++;
	for (unsigned i = 0; i < s->count; i++)
		if (s->ports[i] != from)
			give(from, s->ports[i], length);
}

/* --- from a card ------------------------------------------------------------------------ */

/* IEEE 802.1D-2004, table 7-10: between neighbours, never passed on. */
static bool is_reserved(const u8 *mac)
{
	static const u8 group[5] = { 0x01, 0x80, 0xc2, 0, 0 };

	return !memcmp(mac, group, sizeof group) && mac[5] < 16;
}

/* The frame in p->out. */
static void forward(struct switch_port *p, u32 length)
{
	const u8 *to = p->out, *from = p->out + NET_MAC_SIZE;
	struct netswitch *s = p->sw;
	u64 now = platform_clock_ns();
	int port = -1;
	bool mine;

	if (from[0] & 1 || is_reserved(to)) {
		p->stats.refused++;
		return;
	}
	platform_mutex_lock(&s->lock);
	mine = mactable_learn(&s->macs, from, p->index, now);
	if (!(to[0] & 1))
		port = mactable_find(&s->macs, to, now);
	platform_mutex_unlock(&s->lock);
	if (!mine) {
		p->stats.spoofed++;
	} else if (port < 0) {
		flood(p, length);
	} else if ((unsigned)port != p->index) {
		p->stats.forwarded++;
		give(p, s->ports[port], length);
	}
}

static bool port_send(struct netdev *n, const struct mem_segment *segments, unsigned count,
		      u32 length, const struct net_offload *o)
{
	struct switch_port *p = port_of(n);
	u8 *at = p->out;

	(void)o; /* none was offered */
	if (p->burst >= SWITCH_BURST) {
		p->held_back = true;
		p->wake(p->wake_ctx);
		return false;
	}
	if (length > SWITCH_FRAME_MAX) {
		p->stats.refused++;
		return true;
	}
	for (unsigned i = 0; i < count; i++) {
		memcpy(at, segments[i].host, segments[i].len);
		at += segments[i].len;
	}
	forward(p, length);
	return true;
}

static void port_receive_ready(struct netdev *n)
{
	struct switch_port *p = port_of(n);

	if (!p->no_buffers)
		return;
	p->no_buffers = false;
	p->wake(p->wake_ctx);
}

static const struct netdev_ops port_ops = {
	.send = port_send,
	.receive_ready = port_receive_ready,
};

/* --- to a card --------------------------------------------------------------------------- */

/* The oldest frame, which stays where it is until queue_drop: one takes, at the end
 * where nobody puts. NULL: none. */
static struct switch_frame *queue_first(struct switch_port *p)
{
	struct switch_frame *f;

	platform_mutex_lock(&p->lock);
	f = p->count ? &p->queue[p->first] : NULL;
	platform_mutex_unlock(&p->lock);
	return f;
}

static void queue_drop(struct switch_port *p)
{
	platform_mutex_lock(&p->lock);
	p->held[p->queue[p->first].from]--;
	p->first = (p->first + 1) % SWITCH_QUEUE;
	p->count--;
	platform_mutex_unlock(&p->lock);
}

/* True: the budget ended before the frames did. */
static bool deliver(struct switch_port *p)
{
	static const struct net_offload plain = { .gso = NET_GSO_NONE };
	struct netdev *n = &p->netdev;

	for (unsigned i = 0; i < SWITCH_SERVE; i++) {
		const struct switch_frame *f = queue_first(p);

		if (!f)
			return false;
		/* before: the card may say within receive that it has buffers again */
		p->no_buffers = true;
		if (n->receive && !n->receive(n->ctx, f->data, f->length, &plain))
			return false;
		p->no_buffers = false;
		queue_drop(p);
	}
	return queue_first(p);
}

bool netswitch_serve(struct switch_port *p)
{
	struct netdev *n = &p->netdev;
	bool more = !p->no_buffers && deliver(p);

	if (n->receive_flush)
		n->receive_flush(n->ctx);
	p->burst = 0;
	if (p->held_back && n->send_ready) {
		p->held_back = false;
		n->send_ready(n->ctx);
	}
	return more;
}

/* --- ports come and go ---------------------------------------------------------------------- */

void netswitch_init(struct netswitch *s, const char *name)
{
	u64 secret[2];

	memset(s, 0, sizeof *s);
	fmt_snprintf(s->name, sizeof s->name, "%s", name);
	platform_mutex_init(&s->lock);
	platform_random(secret, sizeof secret);
	mactable_init(&s->macs, secret);
}

int netswitch_plug(struct netswitch *s, struct switch_port *p)
{
	int r;

	if (s->count == MACTABLE_PORTS)
		return -ENOSPC;
	p->queue = platform_alloc(QUEUE_BYTES);
	if (!p->queue)
		return -ENOMEM;
	r = mactable_fix(&s->macs, p->netdev.mac, s->count);
	if (r) {
		platform_free(p->queue, QUEUE_BYTES);
		p->queue = NULL;
		return r;
	}
	p->sw = s;
	p->index = s->count;
	p->netdev.ops = &port_ops;
	p->netdev.mtu = SWITCH_MTU;
	platform_mutex_init(&p->lock);
	s->ports[s->count++] = p;
	return 0;
}

static void forget(struct switch_port *p)
{
	platform_mutex_lock(&p->sw->lock);
	mactable_forget(&p->sw->macs, p->index);
	platform_mutex_unlock(&p->sw->lock);
}

void netswitch_clear(struct switch_port *p)
{
	forget(p);
	platform_mutex_lock(&p->lock);
	p->first = p->count = 0;
	memset(p->held, 0, sizeof p->held);
	platform_mutex_unlock(&p->lock);
	p->no_buffers = p->held_back = false;
	p->burst = 0;
}

void netswitch_unplug(struct switch_port *p)
{
	struct switch_frame *queue = p->queue;

	netswitch_clear(p);
	platform_mutex_lock(&p->lock);
	p->queue = NULL;
	p->count = 0;
	platform_mutex_unlock(&p->lock);
	platform_free(queue, QUEUE_BYTES);
}
