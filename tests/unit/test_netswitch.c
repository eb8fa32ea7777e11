/* SPDX-License-Identifier: Apache-2.0 */
/* The bare-metal program's switch: who gets which frame, and what no guest can do. */
// LIBS: build/obj/asan/src/metal/common/netswitch.c.o build/obj/asan/src/metal/common/mactable.c.o build/obj/asan/libtrivet.a
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <trivet/error.h>

#include "fake_platform.h"

#include "../../src/metal/common/netswitch.h"

#define PORTS 4
#define FRAME 100
#define UNKNOWN 0x99 /* last byte of an address that nobody has */

struct station {
	struct switch_port port;
	unsigned woken, received, flushed, sent_ready;
	unsigned room; /* frames that it takes */
	u32 length;    /* of the last one */
	u8 frame[SWITCH_FRAME_MAX];
};

static struct netswitch sw;
static struct station st[PORTS];

static bool receive(void *ctx, const u8 *frame, u32 length, const struct net_offload *o)
{
	struct station *s = ctx;

	assert_true(length >= NET_HEADER_SIZE && length <= SWITCH_FRAME_MAX);
	assert_false(o->needs_csum || o->gso);
	if (!s->room)
		return false;
	s->room--;
	s->received++;
	s->length = length;
	memcpy(s->frame, frame, length);
	return true;
}

static void flush(void *ctx)
{
	((struct station *)ctx)->flushed++;
}

static void send_ready(void *ctx)
{
	((struct station *)ctx)->sent_ready++;
}

static void wake(void *ctx)
{
	((struct station *)ctx)->woken++;
}

static void mac_of(u8 *mac, u8 last)
{
	memcpy(mac, (const u8[]){ 2, 0, 0, 0, 0, last }, 6);
}

static int set_up(void **state)
{
	(void)state;
	memset(st, 0, sizeof st);
	fake.clock_ns = 1000;
	netswitch_init(&sw, "lan");
	for (unsigned i = 0; i < PORTS; i++) {
		struct switch_port *p = &st[i].port;

		mac_of(p->netdev.mac, (u8)i);
		p->wake = wake;
		p->wake_ctx = &st[i];
		assert_int_equal(netswitch_plug(&sw, p), 0);
		p->netdev.ctx = &st[i];
		p->netdev.receive = receive;
		p->netdev.receive_flush = flush;
		p->netdev.send_ready = send_ready;
		st[i].room = 100000;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PORTS; i++)
		if (st[i].port.queue)
			netswitch_unplug(&st[i].port);
	return 0;
}

/* In two segments whose border is anywhere. */
static bool send_raw(unsigned port, u8 *frame, u32 length)
{
	const struct net_offload o = { 0 };
	u32 cut = 1 + length / 3;
	struct mem_segment s[2] = { { .host = frame, .len = cut },
				    { .host = frame + cut, .len = length - cut } };
	struct netdev *n = &st[port].port.netdev;

	return n->ops->send(n, s, 2, length, &o);
}

static bool send_as(unsigned port, u8 from, u8 to, u32 length)
{
	u8 *frame = malloc(length);
	bool sent;

	memset(frame, 0x5a, length);
	mac_of(frame, to);
	mac_of(frame + 6, from);
	sent = send_raw(port, frame, length);
	free(frame);
	return sent;
}

static void serve_all(void)
{
	for (unsigned i = 0; i < PORTS; i++)
		while (netswitch_serve(&st[i].port))
			;
}

/* How many stations have got a frame since the last call, as bits. */
static unsigned who_got(void)
{
	unsigned bits = 0;

	serve_all();
	for (unsigned i = 0; i < PORTS; i++) {
		bits |= st[i].received ? 1u << i : 0;
		st[i].received = 0;
	}
	return bits;
}

static void test_configured_addresses(void **state)
{
	(void)state;
	assert_true(send_as(0, 0, 2, FRAME)); /* the first frame ever: nothing was learnt */
	assert_int_equal(st[2].woken, 1);
	assert_int_equal(who_got(), 1 << 2);
	assert_int_equal(st[2].length, FRAME);
	assert_int_equal(st[2].frame[5], 2);
	assert_int_equal(st[2].frame[11], 0);
	assert_int_equal(st[2].frame[FRAME - 1], 0x5a);
	assert_true(st[2].flushed);
	assert_int_equal(st[1].woken + st[3].woken, 0);
	assert_int_equal(st[0].port.stats.forwarded, 1);
}

static void test_flooding(void **state)
{
	u8 frame[FRAME];

	(void)state;
	send_as(1, 1, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 0xd); /* all but the sender */
	memset(frame, 0xff, sizeof frame);
	mac_of(frame + 6, 1);
	send_raw(1, frame, sizeof frame);
	assert_int_equal(who_got(), 0xd);
	assert_int_equal(st[1].port.stats.flooded, 2);
}

static void test_learning_and_ageing(void **state)
{
	(void)state;
	send_as(3, UNKNOWN, 0, FRAME); /* a bridge within guest 3 */
	assert_int_equal(who_got(), 1 << 0);
	send_as(1, 1, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 1 << 3);
	send_as(3, 3, UNKNOWN, FRAME); /* to a station on the sender's own side */
	assert_int_equal(who_got(), 0);
	send_as(2, UNKNOWN, 0, FRAME); /* it moves */
	who_got();
	send_as(1, 1, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 1 << 2);
	fake.clock_ns += MACTABLE_AGE_NS;
	send_as(1, 1, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 1 << 2);
	fake.clock_ns += 1;
	send_as(1, 1, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 0xd);
	send_as(1, 1, 2, FRAME); /* a card's own address does not age */
	assert_int_equal(who_got(), 1 << 2);
}

static void test_no_spoofing(void **state)
{
	(void)state;
	send_as(3, 1, 0, FRAME);
	send_as(3, 1, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 0);
	assert_int_equal(st[3].port.stats.spoofed, 2);
	send_as(0, 0, 1, FRAME);
	assert_int_equal(who_got(), 1 << 1);
}

static void test_bad_frames(void **state)
{
	static u8 frame[SWITCH_FRAME_MAX + 1];

	(void)state;
	mac_of(frame, 1);
	mac_of(frame + 6, 0);
	assert_true(send_raw(0, frame, sizeof frame)); /* too long: gone, not stuck */
	assert_int_equal(who_got(), 0);
	assert_true(send_raw(0, frame, SWITCH_FRAME_MAX));
	assert_int_equal(who_got(), 1 << 1);
	assert_true(send_raw(0, frame, NET_HEADER_SIZE));
	assert_int_equal(who_got(), 1 << 1);
	frame[6] = 1; /* from a group */
	assert_true(send_raw(0, frame, FRAME));
	assert_int_equal(who_got(), 0);
	mac_of(frame + 6, 0);
	memcpy(frame, (const u8[]){ 1, 0x80, 0xc2, 0, 0, 0xf }, 6); /* between neighbours */
	assert_true(send_raw(0, frame, FRAME));
	assert_int_equal(who_got(), 0);
	frame[5] = 0x10;
	assert_true(send_raw(0, frame, FRAME));
	assert_int_equal(who_got(), 0xe);
	assert_int_equal(st[0].port.stats.refused, 3);
}

/* A guest that takes nothing: its queue fills, the others do not notice. */
static void test_a_full_queue(void **state)
{
	unsigned sent = 0;

	(void)state;
	st[1].room = 0;
	for (; sent < 3 * SWITCH_QUEUE; sent++) {
		while (!send_as(0, 0, 1, FRAME))
			serve_all();
	}
	assert_int_equal(st[1].port.count, SWITCH_QUEUE / 2); /* half is the most for one */
	assert_int_equal(st[1].port.stats.overrun, sent - SWITCH_QUEUE / 2);
	/* another sender's share is still there */
	for (unsigned i = 0; i < 10; i++)
		send_as(2, 2, 1, FRAME);
	assert_int_equal(st[1].port.count, SWITCH_QUEUE / 2 + 10);
	send_as(0, 0, 3, FRAME);
	assert_int_equal(who_got(), 1 << 3);
	/* buffers again: all that waited comes, in order, and no more is lost */
	st[1].room = 100000;
	st[1].woken = 0;
	st[1].port.netdev.ops->receive_ready(&st[1].port.netdev);
	assert_int_equal(st[1].woken, 1);
	assert_int_equal(who_got(), 1 << 1);
	assert_int_equal(st[1].frame[11], 2);
	assert_int_equal(st[1].port.count, 0);
	send_as(0, 0, 1, FRAME);
	assert_int_equal(who_got(), 1 << 1);
}

static void test_every_sender_has_a_share(void **state)
{
	(void)state;
	st[3].room = 0;
	for (unsigned i = 0; i < SWITCH_BURST; i++)
		send_as(i & 1, i & 1, 3, FRAME);
	assert_true(st[3].port.count < SWITCH_QUEUE);
	send_as(2, 2, 3, FRAME);
	assert_int_equal(st[3].port.held[2], 1);
}

/* It sends for ever: after SWITCH_BURST copies it waits for its home. */
static void test_bursts_end(void **state)
{
	unsigned sent = 0;

	(void)state;
	while (send_as(0, 0, UNKNOWN, FRAME))
		sent++;
	assert_true(sent * (PORTS - 1) >= SWITCH_BURST &&
		    sent * (PORTS - 1) < SWITCH_BURST + PORTS);
	assert_int_equal(st[0].woken, 1);
	assert_int_equal(st[0].sent_ready, 0);
	netswitch_serve(&st[0].port);
	assert_int_equal(st[0].sent_ready, 1);
	assert_true(send_as(0, 0, UNKNOWN, FRAME));
	/* and a long queue is given in pieces */
	assert_true(netswitch_serve(&st[1].port));
	assert_int_equal(st[1].received, SWITCH_SERVE);
}

static void test_addresses_without_end(void **state)
{
	u8 frame[FRAME] = { 0 };

	(void)state;
	send_as(2, UNKNOWN, 1, FRAME);
	who_got();
	for (u32 i = 0; i < 100000; i++) {
		mac_of(frame, 1);
		memcpy(frame + 6, (const u8[]){ 6, 0, 0, (u8)(i >> 16), (u8)(i >> 8), (u8)i }, 6);
		while (!send_raw(0, frame, sizeof frame))
			serve_all();
	}
	who_got();
	send_as(3, 3, UNKNOWN, FRAME); /* what another port has learnt is still known */
	assert_int_equal(who_got(), 1 << 2);
	send_as(3, 3, 1, FRAME);
	assert_int_equal(who_got(), 1 << 1);
	memcpy(frame, frame + 6, 6); /* of its own the last ones are */
	mac_of(frame + 6, 3);
	send_raw(3, frame, sizeof frame);
	assert_int_equal(who_got(), 1 << 0);
	frame[5] = 0;
	frame[4] = 0;
	send_raw(3, frame, sizeof frame);
	assert_int_equal(who_got(), 0x7);
}

static void test_going_and_starting_anew(void **state)
{
	(void)state;
	send_as(0, 0, 1, FRAME);
	send_as(1, UNKNOWN, 0, FRAME);
	netswitch_clear(&st[1].port); /* its guest was reset */
	assert_int_equal(who_got(), 1 << 0);
	send_as(0, 0, UNKNOWN, FRAME);
	assert_int_equal(who_got(), 0xe);
	st[1].port.netdev.receive = NULL;
	st[1].port.netdev.receive_flush = NULL;
	st[1].port.netdev.send_ready = NULL;
	netswitch_unplug(&st[1].port);
	assert_true(send_as(0, 0, 1, FRAME));
	assert_true(send_as(0, 0, UNKNOWN, FRAME));
	assert_int_equal(who_got(), 0xc);
	assert_int_equal(st[1].port.stats.overrun, 0);
}

static void test_plugging(void **state)
{
	static struct switch_port more[MACTABLE_PORTS + 1];
	unsigned n = 0;

	(void)state;
	assert_int_equal(netswitch_plug(&sw, &more[0]) /* 00:00.. is nobody's yet */, 0);
	netswitch_unplug(&more[0]);
	assert_int_equal(netswitch_plug(&sw, &more[1]), -EEXIST);
	for (n = 1; sw.count < MACTABLE_PORTS; n++) {
		memcpy(more[n].netdev.mac, (const u8[]){ 2, 1, 0, 0, 0, (u8)n }, 6);
		assert_int_equal(netswitch_plug(&sw, &more[n]), 0);
	}
	more[n].netdev.mac[0] = 4;
	assert_int_equal(netswitch_plug(&sw, &more[n]), -ENOSPC);
	while (--n)
		netswitch_unplug(&more[n]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_configured_addresses),
		TEST(test_flooding),
		TEST(test_learning_and_ageing),
		TEST(test_no_spoofing),
		TEST(test_bad_frames),
		TEST(test_a_full_queue),
		TEST(test_every_sender_has_a_share),
		TEST(test_bursts_end),
		TEST(test_addresses_without_end),
		TEST(test_going_and_starting_anew),
		TEST(test_plugging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
