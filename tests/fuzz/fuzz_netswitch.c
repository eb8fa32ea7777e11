/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three guests of which two do as they like, on one switch: frames of any kind and
 * length, buffers that are there or not, resets. Records of eight bytes. The third, which
 * behaves, must not lose its address, nor a frame while its own queue is served.
 */
// LIBS: build/obj/fuzz/src/metal/common/netswitch.c.o build/obj/fuzz/src/metal/common/mactable.c.o build/obj/fuzz/libtrivet.a
#include <stdlib.h>
#include <string.h>

#include "../unit/fake_platform.h"

#include "../../src/metal/common/netswitch.h"

#define PORTS 4
#define GOOD 2 /* sends to GOOD + 1 */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct netswitch sw;
static struct switch_port ports[PORTS];
static bool closed[PORTS];
static unsigned good_frames;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool receive(void *ctx, const u8 *frame, u32 length, const struct net_offload *o)
{
	static const u8 good_mac[] = { 2, 0, 0, 0, 0, GOOD };
	const struct switch_port *p = ctx;

	must(length >= NET_HEADER_SIZE && length <= SWITCH_FRAME_MAX && !o->gso);
	good_frames += p->index == GOOD + 1 && !memcmp(frame + 6, good_mac, sizeof good_mac);
	return !closed[p->index];
}

static void wake(void *ctx)
{
	must(ctx != NULL);
}

static void set_up(void)
{
	memset(ports, 0, sizeof ports);
	memset(closed, 0, sizeof closed);
	netswitch_init(&sw, "fuzz");
	for (unsigned i = 0; i < PORTS; i++) {
		struct switch_port *p = &ports[i];

		memcpy(p->netdev.mac, (const u8[]){ 2, 0, 0, 0, 0, (u8)i }, 6);
		p->wake = wake;
		p->wake_ctx = p;
		must(netswitch_plug(&sw, p) == 0);
		p->netdev.ctx = p;
		p->netdev.receive = receive;
	}
}

static void send(unsigned port, u8 *frame, u32 length)
{
	const struct net_offload o = { 0 };
	struct mem_segment s = { .host = frame, .len = length };
	struct netdev *n = &ports[port].netdev;

	if (!n->ops->send(n, &s, 1, length, &o)) {
		netswitch_serve(&ports[port]);
		must(n->ops->send(n, &s, 1, length, &o));
	}
}

/* The low bytes choose among stations that are there, and many that are not. */
static void bad_frame(const u8 *r)
{
	static u8 frame[2 * SWITCH_FRAME_MAX];
	u32 length = NET_HEADER_SIZE + (u32)(r[2] | r[3] << 8) % (SWITCH_FRAME_MAX + 10);

	memset(frame, 0, NET_HEADER_SIZE);
	frame[0] = r[4] & 0x80 ? 0xff : 2;
	frame[5] = r[4] & 0x7f;
	frame[6] = r[5] & 0x80 ? 3 : 2;
	frame[10] = r[6];
	frame[11] = r[5] & 0x7f;
	send(r[1] & 1, frame, length);
}

static void good_frame(void)
{
	u8 frame[64] = { 2, 0, 0, 0, 0, GOOD + 1, 2, 0, 0, 0, 0, GOOD };
	unsigned before = good_frames;

	send(GOOD, frame, sizeof frame);
	while (netswitch_serve(&ports[GOOD + 1]))
		;
	must(good_frames == before + 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	set_up();
	for (; size >= 8; data += 8, size -= 8) {
		switch (data[0] & 7) {
		case 0:
			closed[data[1] & 1] = data[2] & 1;
			ports[data[1] & 1].netdev.ops->receive_ready(&ports[data[1] & 1].netdev);
			break;
		case 1:
			netswitch_serve(&ports[data[1] & 1]);
			break;
		case 2:
			netswitch_clear(&ports[data[1] & 1]);
			break;
		case 3:
			fake.clock_ns += (u64)data[2] << 31;
			break;
		case 4:
			good_frame();
			break;
		default:
			bad_frame(data);
		}
		for (unsigned i = 0; i < PORTS; i++)
			must(ports[i].count <= SWITCH_QUEUE);
	}
	good_frame();
	for (unsigned i = 0; i < PORTS; i++)
		netswitch_unplug(&ports[i]);
	return 0;
}
