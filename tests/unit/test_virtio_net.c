/* SPDX-License-Identifier: Apache-2.0 */
/* The network card from the driver's side: virtio 1.2, 5.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net_fixture.h"

#define Q 8u
#define RX 0
#define TX 1
#define CTRL 2
#define CSUM BIT(0)
#define GUEST_CSUM BIT(1)
#define GUEST_OFFLOADS BIT(2)
#define GUEST_TSO4 BIT(7)
#define HOST_TSO4 BIT(11)
#define HOST_TSO6 BIT(12)
#define HOST_ECN BIT(13)
#define MERGE BIT(15)
#define CTRL_VQ (BIT(17) | BIT(23))
#define BUF 0x20000u

static struct nx nx;
static const struct net_offload plain;

static int setup(void **state)
{
	nx_init(&nx, NX_ALL);
	*state = &nx;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nx_fini(&nx);
	return 0;
}

static void start(struct nx *x, u64 features, u16 queue)
{
	vx_start_queue(&x->vx, NX_DEVICE, features, queue, Q);
	assert_int_equal(vx_status(&x->vx, NX_DEVICE), 15);
}

static bool failed(struct nx *x)
{
	return vx_status(&x->vx, NX_DEVICE) & VIRTIO_STATUS_NEEDS_RESET;
}

static void header(struct nx *x, u8 flags, u8 gso, u16 hdr_len, u16 gso_size,
		   u16 csum_start, u16 csum_offset)
{
	u8 *h = x->vx.ram + VX_DATA;

	h[0] = flags;
	h[1] = gso;
	put_le16(h + 2, hdr_len);
	put_le16(h + 4, gso_size);
	put_le16(h + 6, csum_start);
	put_le16(h + 8, csum_offset);
	put_le16(h + 10, 0xbeef); /* the driver's num_buffers means nothing */
}

/* Sends the header and n bytes behind it as one descriptor. */
static void send(struct nx *x, u32 n)
{
	vx_desc(&x->vx, 0, VX_DATA, 12 + n, 0, 0);
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, TX);
}

static void fill(u8 *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		p[i] = (u8)(i * 13 + i / 251);
}

static void test_identity(void **state)
{
	struct nx *x = *state;
	u64 low, high;

	assert_int_equal(bus_read(&x->vx.vm.mmio, NULL, vx_config(NX_DEVICE, 0), 4),
			 0x10411af4);
	assert_int_equal(bus_read(&x->vx.vm.mmio, NULL, vx_config(NX_DEVICE, 8), 4) >> 8,
			 0x020000);
	assert_int_equal(vx_rd(&x->vx, NX_DEVICE, 0x2000, 4), 0x03020102);
	assert_int_equal(vx_rd(&x->vx, NX_DEVICE, 0x2004, 4), 0x00010504); /* link up */
	assert_int_equal(vx_rd(&x->vx, NX_DEVICE, 0x200a, 2), 9000);
	vx_wr(&x->vx, NX_DEVICE, 0, 4, 0);
	low = vx_rd(&x->vx, NX_DEVICE, 4, 4);
	vx_wr(&x->vx, NX_DEVICE, 0, 4, 1);
	high = vx_rd(&x->vx, NX_DEVICE, 4, 4);
	assert_int_equal(low, 0x30000000 | 0x83bbaf);
	assert_int_equal(high, 1);
}

static void test_no_offloads(void **state)
{
	struct nx *x = *state;

	nx_fini(x);
	nx_init(x, NETDEV_TSO4 | NETDEV_ECN); /* nothing without checksums */
	vx_wr(&x->vx, NX_DEVICE, 0, 4, 0);
	assert_int_equal(vx_rd(&x->vx, NX_DEVICE, 4, 4), 0x30000000 | 0x838028);
}

static void test_send(void **state)
{
	struct nx *x = *state;
	u8 *frame = x->vx.ram + VX_DATA + 12;

	start(x, CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN, TX);
	fill(frame, 65553);
	header(x, 0, 0, 0, 0, 0, 0);
	send(x, 60);
	assert_int_equal(x->sent, 1);
	assert_int_equal(x->length, 60);
	assert_memory_equal(x->frame, frame, 60);
	assert_false(x->offload.needs_csum);
	assert_int_equal(x->offload.gso, NET_GSO_NONE);
	assert_int_equal(vx_used(&x->vx), 1);
	assert_int_equal(get_le32(x->vx.ram + VX_USED + 8), 0); /* written: nothing */
	header(x, 1, 0, 0, 0, 34, 16);
	send(x, 52); /* the last place for a checksum */
	assert_true(x->offload.needs_csum);
	assert_int_equal(x->offload.csum_start, 34);
	assert_int_equal(x->offload.csum_offset, 16);
	header(x, 1, 0x81, 54, 1448, 34, 16);
	send(x, 65553);
	assert_int_equal(x->length, 65553);
	assert_memory_equal(x->frame, frame, 65553);
	assert_int_equal(x->offload.gso, NET_GSO_TCP4);
	assert_true(x->offload.ecn);
	assert_int_equal(x->offload.gso_size, 1448);
	header(x, 1, 4, 74, 1428, 54, 16);
	send(x, 3000);
	assert_int_equal(x->offload.gso, NET_GSO_TCP6);
	assert_int_equal(x->sent, 4);
	assert_int_equal(x->backend.stats.sent_frames, 4);
	assert_int_equal(x->backend.stats.sent_bytes, 60 + 52 + 65553 + 3000);
	assert_int_equal(x->backend.stats.dropped, 0);
}

/* The header and the frame may be cut anywhere: 2.7.4. */
static void test_send_pieces(void **state)
{
	struct nx *x = *state;
	u8 *frame = x->vx.ram + VX_DATA + 12;

	start(x, CSUM, TX);
	fill(frame, 100);
	header(x, 1, 0, 0, 0, 20, 6);
	vx_desc(&x->vx, 0, VX_DATA, 5, 1, 1);
	vx_desc(&x->vx, 1, VX_DATA + 5, 0, 1, 2);
	vx_desc(&x->vx, 2, VX_DATA + 5, 8, 1, 3);
	vx_desc(&x->vx, 3, VX_DATA + 13, 1, 1, 4);
	vx_desc(&x->vx, 4, VX_DATA + 14, 98, 0, 0);
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, TX);
	assert_int_equal(x->sent, 1);
	assert_int_equal(x->length, 100);
	assert_memory_equal(x->frame, frame, 100);
	assert_int_equal(x->offload.csum_start, 20);
}

static void dropped(struct nx *x, u32 n)
{
	u16 used = vx_used(&x->vx);
	unsigned sent = x->sent;
	u64 before = x->backend.stats.dropped;

	send(x, n);
	assert_int_equal(x->sent, sent);
	assert_int_equal(vx_used(&x->vx), (u16)(used + 1));
	assert_int_equal(x->backend.stats.dropped, before + 1);
	assert_false(failed(x));
}

static void test_send_bad(void **state)
{
	struct nx *x = *state;

	start(x, CSUM | HOST_TSO4, TX);
	header(x, 0, 0, 0, 0, 0, 0);
	dropped(x, 0);
	dropped(x, 13);
	dropped(x, 65554);
	header(x, 1, 0, 0, 0, 34, 17);
	dropped(x, 52); /* the checksum's place ends one byte too far */
	header(x, 1, 0, 0, 0, 0xffff, 0xffff);
	dropped(x, 60);
	header(x, 0, 1, 54, 1448, 34, 16);
	dropped(x, 3000); /* segments without checksum */
	header(x, 1, 1, 54, 0, 34, 16);
	dropped(x, 3000);
	header(x, 1, 1, 3001, 1448, 34, 16);
	dropped(x, 3000);
	header(x, 1, 4, 54, 1448, 34, 16);
	dropped(x, 3000); /* IPv6 was not negotiated, nor ECN, nor UDP */
	header(x, 1, 0x81, 54, 1448, 34, 16);
	dropped(x, 3000);
	header(x, 1, 3, 54, 1448, 34, 16);
	dropped(x, 3000);
	header(x, 1, 0x80, 54, 1448, 34, 16);
	dropped(x, 3000);
	start(x, HOST_TSO4, TX);
	header(x, 1, 0, 0, 0, 34, 16);
	dropped(x, 60);
	header(x, 0, 0, 0, 0, 0, 0);
	send(x, 60);
	assert_int_equal(x->sent, 1);
	vx_desc(&x->vx, 0, VX_DATA, 11, 0, 0);
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, TX);
	assert_true(failed(x));
	assert_int_equal(fake.log_count[LOG_WARN], 1);
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, TX);
	assert_int_equal(x->sent, 1);
}

static void test_send_full(void **state)
{
	struct nx *x = *state;

	start(x, CSUM, TX);
	header(x, 0, 0, 0, 0, 0, 0);
	x->full = true;
	send(x, 60);
	send(x, 60); /* the same descriptor again: two chains wait */
	assert_int_equal(vx_used(&x->vx), 0);
	x->backend.send_ready(x->backend.ctx); /* a false alarm */
	assert_int_equal(vx_used(&x->vx), 0);
	x->full = false;
	x->backend.send_ready(x->backend.ctx);
	assert_int_equal(x->sent, 2);
	assert_int_equal(vx_used(&x->vx), 2);
	x->full = true;
	send(x, 60);
	vx_wr(&x->vx, NX_DEVICE, 0x14, 1, 0);
	x->full = false;
	x->backend.send_ready(x->backend.ctx); /* its driver is gone */
	assert_int_equal(x->sent, 2);
	start(x, CSUM, TX);
	send(x, 60);
	assert_int_equal(x->sent, 3);
}

/* A driver that fills the ring as fast as it is emptied does not keep us. */
static void test_send_endless(void **state)
{
	struct nx *x = *state;

	start(x, CSUM, TX);
	header(x, 0, 0, 0, 0, 0, 0);
	x->again = true;
	send(x, 60);
	assert_int_equal(x->sent, 256);
	fake.clock_ns += 1000000;
	timers_run(&x->vx.vm);
	assert_int_equal(x->sent, 512);
	vx_wr(&x->vx, NX_DEVICE, 0x14, 1, 0);
	fake.clock_ns += 1000000;
	timers_run(&x->vx.vm);
	assert_int_equal(x->sent, 512);
}

/* Offers descriptor i as a receive buffer of n bytes at BUF + i * 64 KiB. */
static void offer_buffer(struct nx *x, unsigned i, u32 n)
{
	vx_desc(&x->vx, i, BUF + 0x10000 * i, n, 2, 0);
	vx_offer(&x->vx, Q, (u16)i);
}

static void used_is(struct nx *x, unsigned at, u32 head, u32 written)
{
	const u8 *e = x->vx.ram + VX_USED + 4 + 8 * (at % Q);

	assert_int_equal(get_le32(e), head);
	assert_int_equal(get_le32(e + 4), written);
}

static void test_receive(void **state)
{
	struct nx *x = *state;
	const struct net_offload valid = { .csum_valid = true };
	const struct net_offload sum = { .needs_csum = true, .csum_start = 34,
					 .csum_offset = 6 };
	const struct net_offload tso = { .needs_csum = true, .csum_start = 34,
					 .csum_offset = 16, .gso = NET_GSO_TCP4,
					 .gso_size = 1000, .header_len = 54 };
	u8 frame[1514];

	fill(frame, sizeof frame);
	assert_true(nx_receive(x, frame, 60, &plain)); /* no driver: dropped */
	start(x, MERGE | GUEST_CSUM | GUEST_TSO4, RX);
	assert_int_equal(x->offloads, NETDEV_CSUM | NETDEV_TSO4);
	for (unsigned i = 0; i < 4; i++)
		offer_buffer(x, i, 2000);
	assert_true(nx_receive(x, frame, 1514, &valid));
	assert_true(nx_receive(x, frame, 60, &sum));
	assert_true(nx_receive(x, frame, 1514, &tso));
	assert_int_equal(x->vx.lines.level, 0);
	x->backend.receive_flush(x->backend.ctx);
	assert_int_not_equal(x->vx.lines.level, 0);
	assert_int_equal(vx_used(&x->vx), 3);
	used_is(x, 0, 0, 1526);
	used_is(x, 1, 1, 72);
	assert_memory_equal(x->vx.ram + BUF, "\2\0\0\0\0\0\0\0\0\0\1\0", 12);
	assert_memory_equal(x->vx.ram + BUF + 12, frame, 1514);
	assert_memory_equal(x->vx.ram + BUF + 0x10000, "\1\0\0\0\0\0\42\0\6\0\1\0", 12);
	assert_memory_equal(x->vx.ram + BUF + 0x20000,
			    "\1\1\66\0\350\3\42\0\20\0\1\0", 12);
	/* what was not negotiated is not received */
	assert_true(nx_receive(x, frame, 1514, &(struct net_offload){
		.needs_csum = true, .gso = NET_GSO_TCP6, .gso_size = 1 }));
	assert_int_equal(vx_used(&x->vx), 3);
	assert_int_equal(x->backend.stats.dropped, 2);
	assert_int_equal(x->backend.stats.received_frames, 3);
	start(x, MERGE, RX);
	offer_buffer(x, 0, 2000);
	assert_true(nx_receive(x, frame, 60, &sum));
	assert_int_equal(vx_used(&x->vx), 0);
	assert_true(nx_receive(x, frame, 60, &valid));
	assert_int_equal(x->vx.ram[BUF], 0);
	assert_int_equal(vx_used(&x->vx), 1);
}

/* 5.1.6.4: num_buffers; nothing is given before the whole frame has room. */
static void test_receive_merged(void **state)
{
	struct nx *x = *state;
	static u8 frame[4000];

	fill(frame, sizeof frame);
	start(x, MERGE, RX);
	memset(x->vx.ram + BUF, 0xee, 0x60000);
	offer_buffer(x, 0, 1012);
	offer_buffer(x, 1, 1000);
	assert_false(nx_receive(x, frame, 4000, &plain));
	assert_false(nx_receive(x, frame, 4000, &plain));
	assert_int_equal(vx_used(&x->vx), 0);
	assert_int_equal(x->backend.stats.dropped, 0);
	x->ready = 0;
	offer_buffer(x, 2, 1999);
	nx_notify(x, RX);
	assert_int_equal(x->ready, 1);
	assert_false(nx_receive(x, frame, 4000, &plain)); /* one byte short */
	offer_buffer(x, 3, 5000);
	assert_true(nx_receive(x, frame, 4000, &plain));
	assert_int_equal(vx_used(&x->vx), 4);
	assert_int_equal(get_le16(x->vx.ram + BUF + 10), 4);
	used_is(x, 0, 0, 1012);
	used_is(x, 1, 1, 1000);
	used_is(x, 2, 2, 1999);
	used_is(x, 3, 3, 1);
	assert_memory_equal(x->vx.ram + BUF + 12, frame, 1000);
	assert_memory_equal(x->vx.ram + BUF + 0x10000, frame + 1000, 1000);
	assert_memory_equal(x->vx.ram + BUF + 0x20000, frame + 2000, 1999);
	assert_int_equal(x->vx.ram[BUF + 0x30000], frame[3999]);
	assert_int_equal(x->vx.ram[BUF + 0x30001], 0xee); /* and not a byte more */
	/* a frame that the whole ring cannot hold is lost, and holds nothing up */
	for (unsigned i = 0; i < Q; i++)
		offer_buffer(x, i, 100);
	assert_true(nx_receive(x, frame, 4000, &plain));
	assert_int_equal(vx_used(&x->vx), 4);
	assert_true(nx_receive(x, frame, 80, &plain));
	assert_int_equal(vx_used(&x->vx), 5);
	assert_int_equal(x->backend.stats.dropped, 1);
}

static void test_receive_unmerged(void **state)
{
	struct nx *x = *state;
	static u8 frame[4000];

	start(x, 0, RX);
	offer_buffer(x, 0, 1526);
	offer_buffer(x, 1, 1526);
	assert_true(nx_receive(x, frame, 1515, &plain)); /* too big: lost */
	assert_int_equal(vx_used(&x->vx), 0);
	assert_true(nx_receive(x, frame, 1514, &plain));
	used_is(x, 0, 0, 1526);
	assert_int_equal(get_le16(x->vx.ram + BUF + 10), 1);
	assert_true(nx_receive(x, frame, 14, &plain));
	assert_false(nx_receive(x, frame, 14, &plain)); /* no buffer */
	assert_true(nx_receive(x, frame, 13, &plain));	/* no frame */
	assert_int_equal(vx_used(&x->vx), 2);
}

static void test_receive_bad(void **state)
{
	struct nx *x = *state;
	u8 frame[60] = { 0 };

	start(x, MERGE, RX);
	offer_buffer(x, 0, 12); /* a header only */
	assert_true(nx_receive(x, frame, 60, &plain));
	assert_true(failed(x));
	start(x, MERGE, RX);
	offer_buffer(x, 0, 40);
	vx_desc(&x->vx, 1, BUF, 100, 0, 0); /* not to be written */
	vx_offer(&x->vx, Q, 1);
	assert_true(nx_receive(x, frame, 60, &plain));
	assert_true(failed(x));
	start(x, MERGE, RX);
	offer_buffer(x, 0, 40);
	vx_desc(&x->vx, 1, VX_RAM - 10, 100, 2, 0); /* not in memory */
	vx_offer(&x->vx, Q, 1);
	assert_true(nx_receive(x, frame, 60, &plain));
	assert_true(failed(x));
	assert_int_equal(vx_used(&x->vx), 0);
	assert_true(nx_receive(x, frame, 60, &plain));
}

/* A command: its answer. */
static u8 command(struct nx *x, const void *bytes, u32 n)
{
	u16 used = vx_used(&x->vx);

	memcpy(x->vx.ram + VX_DATA, bytes, n);
	x->vx.ram[0x8000] = 0xff;
	vx_desc(&x->vx, 0, VX_DATA, n, 1, 1);
	vx_desc(&x->vx, 1, 0x8000, 1, 2, 0);
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, CTRL);
	assert_int_equal(vx_used(&x->vx), (u16)(used + 1));
	return x->vx.ram[0x8000];
}

static void test_control(void **state)
{
	struct nx *x = *state;

	start(x, CTRL_VQ | GUEST_OFFLOADS | GUEST_CSUM | GUEST_TSO4, CTRL);
	assert_int_equal(command(x, "\1\1\2\252\0\0\0\7", 8), 0);
	assert_int_equal(vx_rd(&x->vx, NX_DEVICE, 0x2000, 4), 0xaa02);
	assert_int_equal(command(x, "\1\1\3\252\0\0\0\7", 8), 1); /* multicast */
	assert_int_equal(command(x, "\1\1\2\252\0\0\0", 7), 1);
	assert_int_equal(command(x, "\1\0\0\0\0\0\0\0", 8), 1);
	assert_int_equal(command(x, "\0\0\1", 3), 1);
	assert_int_equal(command(x, "\377\377", 2), 1);
	/* guest offloads: no more than were negotiated */
	assert_int_equal(x->offloads, NETDEV_CSUM | NETDEV_TSO4);
	assert_int_equal(command(x, "\5\0\0\0\0\0\0\0\0\0", 10), 0);
	assert_int_equal(x->offloads, 0);
	assert_int_equal(command(x, "\5\0\2\0\0\0\0\0\0\0", 10), 0);
	assert_int_equal(x->offloads, NETDEV_CSUM);
	assert_int_equal(command(x, "\5\0\2\1\0\0\0\0\0\0", 10), 1);
	assert_int_equal(command(x, "\5\0\2\0\0\0\0\0\0\200", 10), 1);
	assert_int_equal(command(x, "\5\0\2\0", 4), 1);
	assert_int_equal(x->offloads, NETDEV_CSUM);
	/* the given address is back after a reset */
	vx_wr(&x->vx, NX_DEVICE, 0x14, 1, 0);
	assert_int_equal(vx_rd(&x->vx, NX_DEVICE, 0x2000, 4), 0x03020102);
	assert_int_equal(x->offloads, 0);
	start(x, 0, CTRL);
	assert_int_equal(command(x, "\1\1\2\252\0\0\0\7", 8), 1);
	vx_desc(&x->vx, 0, VX_DATA, 8, 0, 0); /* no room for the answer */
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, CTRL);
	assert_true(failed(x));
	start(x, CTRL_VQ, CTRL);
	vx_desc(&x->vx, 0, VX_DATA, 1, 1, 1);
	vx_offer(&x->vx, Q, 0);
	nx_notify(x, CTRL);
	assert_true(failed(x));
}

static void test_no_memory(void **state)
{
	struct nx *x = *state;
	struct netdev other = { .ops = &nx_ops };
	struct virtio_net *n;

	for (u64 i = 0; i < 2; i++) {
		fake.alloc_budget_on = true;
		fake.alloc_budget = i;
		assert_int_equal(virtio_net_create(&x->vx.vm, x->vx.pci, "other", &other, &n),
				 -ENOMEM);
		assert_null(other.receive);
	}
	fake.alloc_budget_on = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identity),	     TEST(test_no_offloads),
		TEST(test_send),	     TEST(test_send_pieces),
		TEST(test_send_bad),	     TEST(test_send_full),
		TEST(test_send_endless),     TEST(test_receive),
		TEST(test_receive_merged),   TEST(test_receive_unmerged),
		TEST(test_receive_bad),	     TEST(test_control),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
