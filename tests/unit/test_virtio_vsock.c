/* SPDX-License-Identifier: Apache-2.0 */
/* The socket device between a driver and a backend that are both this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/virtio/vsock.h>

#include "virtio_driver.h"

#define CID 42u
#define HEADER 44u
enum { RX, TX, EVENT, QUEUES };
enum { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW, CREDIT, CREDIT_REQUEST };

struct end {
	unsigned connects, accepts, shut, wants, closes;
	bool reset;
	u32 port;
	u8 got[2 * VSOCK_BUFFER];
	size_t n;
	const u8 *give; /* what read gives, and how much of it is left */
	size_t left;
	bool at_end;
};

static struct end ends[VSOCK_CONNS];
static unsigned last; /* the number of the last connection asked for */
static struct vsockdev backend;
static struct virtio_vsock *vsock;

static void op_connect(struct vsockdev *d, unsigned id, u32 port)
{
	assert_ptr_equal(d, &backend);
	ends[id].connects++;
	ends[id].port = port;
	last = id;
}

static void op_accepted(struct vsockdev *d, unsigned id)
{
	(void)d;
	ends[id].accepts++;
}

static void op_write(struct vsockdev *d, unsigned id, const struct mem_segment *segments,
		     unsigned count)
{
	struct end *e = &ends[id];

	(void)d;
	for (unsigned i = 0; i < count; i++) {
		assert_true(e->n + segments[i].len <= sizeof e->got);
		memcpy(e->got + e->n, segments[i].host, segments[i].len);
		e->n += segments[i].len;
	}
}

static void op_shutdown(struct vsockdev *d, unsigned id, unsigned how)
{
	(void)d;
	ends[id].shut |= how;
}

static void op_wanted(struct vsockdev *d, unsigned id)
{
	(void)d;
	ends[id].wants++;
}

static int op_read(struct vsockdev *d, unsigned id, const struct mem_segment *segments,
		   unsigned count)
{
	struct end *e = &ends[id];
	int n = 0;

	(void)d;
	if (!e->left)
		return e->at_end ? 0 : -EAGAIN;
	for (unsigned i = 0; i < count && e->left; i++) {
		size_t m = segments[i].len < e->left ? segments[i].len : e->left;

		memcpy(segments[i].host, e->give, m);
		e->give += m;
		e->left -= m;
		n += (int)m;
	}
	return n;
}

static void op_close(struct vsockdev *d, unsigned id, bool reset)
{
	(void)d;
	ends[id].closes++;
	ends[id].reset = reset;
}

static const struct vsockdev_ops ops = {
	op_connect, op_accepted, op_write, op_shutdown, op_wanted, op_read, op_close,
};

static int setup(void **state)
{
	(void)state;
	vd_init();
	memset(ends, 0, sizeof ends);
	backend = (struct vsockdev){ .ops = &ops, .cid = CID };
	return virtio_vsock_create(&vd.vm, vd.pci, &backend, &vsock);
}

static int teardown(void **state)
{
	(void)state;
	virtio_vsock_destroy(vsock);
	if (backend.guest)
		return -1;
	vd_fini();
	return 0;
}

struct packet {
	u64 src_cid, dst_cid;
	u32 src_port, dst_port, len;
	u16 type, op;
	u32 flags, alloc, fwd;
};

static void put_packet(u8 *h, const struct packet *p)
{
	put_le64(h, p->src_cid);
	put_le64(h + 8, p->dst_cid);
	put_le32(h + 16, p->src_port);
	put_le32(h + 20, p->dst_port);
	put_le32(h + 24, p->len);
	put_le16(h + 28, p->type);
	put_le16(h + 30, p->op);
	put_le32(h + 32, p->flags);
	put_le32(h + 36, p->alloc);
	put_le32(h + 40, p->fwd);
}

static u32 guest_alloc = 65536, guest_fwd;

static struct packet from_guest(u32 src, u32 dst, u16 op)
{
	return (struct packet){ .src_cid = CID, .dst_cid = 2, .src_port = src,
				.dst_port = dst, .type = 1, .op = op,
				.alloc = guest_alloc, .fwd = guest_fwd };
}

static void send_packet(const struct packet *p, const void *data, u32 n)
{
	u8 *at = vd.ram + VD_DATA;

	put_packet(at, p);
	if (n)
		memcpy(at + HEADER, data, n);
	vd_add(TX, VD_DATA, HEADER + n, false);
	vd_notify(TX);
}

static void say(u32 src, u32 dst, u16 op)
{
	struct packet p = from_guest(src, dst, op);

	send_packet(&p, NULL, 0);
}

static void say_data(u32 src, u32 dst, const void *data, u32 n)
{
	struct packet p = from_guest(src, dst, RW);

	p.len = n;
	send_packet(&p, data, n);
}

static void say_shutdown(u32 src, u32 dst, u32 flags)
{
	struct packet p = from_guest(src, dst, SHUTDOWN);

	p.flags = flags;
	send_packet(&p, NULL, 0);
}

/* Buffers for the device, 4 KiB and a header each, as Linux gives them. */
static void give_buffers(unsigned n)
{
	static unsigned at;

	while (n--)
		vd_add(RX, 0x40000 + 0x1100 * (at++ % 100), HEADER + 4096, true);
	vd_notify(RX);
}

/* The next packet is op for these ports. Its data. */
static const u8 *hear(u32 src, u32 dst, u16 op, struct packet *p)
{
	u32 n;
	const u8 *h = vd_take(RX, &n);

	assert_non_null(h);
	*p = (struct packet){ get_le64(h), get_le64(h + 8), get_le32(h + 16),
			      get_le32(h + 20), get_le32(h + 24), get_le16(h + 28),
			      get_le16(h + 30), get_le32(h + 32), get_le32(h + 36),
			      get_le32(h + 40) };
	assert_int_equal(p->op, op);
	assert_int_equal(p->src_port, src);
	assert_int_equal(p->dst_port, dst);
	assert_int_equal(p->dst_cid, CID);
	assert_int_equal(p->type, 1);
	assert_int_equal(n, HEADER + p->len);
	return h + HEADER;
}

static void hear_nothing(void)
{
	u32 n;

	assert_null(vd_take(RX, &n));
}

static void start(void)
{
	guest_alloc = 65536;
	guest_fwd = 0;
	vd_start(0, QUEUES);
	give_buffers(32);
}

/* A connection that the guest asked for, open. */
static unsigned open_from_guest(u32 src, u32 dst)
{
	struct packet p;

	say(src, dst, REQUEST);
	assert_int_equal(ends[last].port, dst);
	hear_nothing();
	backend.guest->answer(backend.guest_ctx, last, true);
	hear(dst, src, RESPONSE, &p);
	assert_int_equal(p.alloc, VSOCK_BUFFER);
	assert_int_equal(p.src_cid, 2);
	return last;
}

static void test_guest_connects(void **state)
{
	struct packet p;
	unsigned id;

	(void)state;
	start();
	assert_int_equal(vd_rd(0x2000, 8), CID);
	id = open_from_guest(1000, 5000);
	say_data(1000, 5000, "from the guest", 14);
	assert_int_equal(ends[id].n, 14);
	assert_memory_equal(ends[id].got, "from the guest", 14);
	ends[id].give = (const u8 *)"from the host";
	ends[id].left = 13;
	assert_true(backend.guest->pull(backend.guest_ctx, id));
	assert_memory_equal(hear(5000, 1000, RW, &p), "from the host", 13);
	assert_int_equal(p.len, 13);
	assert_int_equal(p.fwd, 0);
	backend.guest->sent(backend.guest_ctx, id, 14);
	hear_nothing(); /* not worth a packet */
	say(1000, 5000, CREDIT_REQUEST);
	hear(5000, 1000, CREDIT, &p);
	assert_int_equal(p.fwd, 14);
	/* the guest is done, both ways: so are we */
	say_shutdown(1000, 5000, 3);
	assert_int_equal(ends[id].shut, 3);
	hear(5000, 1000, RST, &p);
	assert_true(ends[id].closes == 1 && !ends[id].reset);
	say_data(1000, 5000, "late", 4);
	hear(5000, 1000, RST, &p);
	assert_int_equal(ends[id].n, 14);
	backend.guest->released(backend.guest_ctx, id);
}

static void test_refused(void **state)
{
	struct packet p;

	(void)state;
	start();
	say(1000, 5001, REQUEST);
	backend.guest->answer(backend.guest_ctx, last, false);
	hear(5001, 1000, RST, &p);
	assert_int_equal(ends[last].closes, 1);
	backend.guest->released(backend.guest_ctx, last);
	/* given up before the answer */
	say(1000, 5001, REQUEST);
	say(1000, 5001, RST);
	assert_int_equal(ends[last].closes, 1);
	backend.guest->answer(backend.guest_ctx, last, true);
	hear_nothing();
	backend.guest->released(backend.guest_ctx, last);
}

static void test_host_connects(void **state)
{
	struct packet p;
	unsigned id, other;
	u32 port;

	(void)state;
	assert_int_equal(backend.guest->dial(backend.guest_ctx, 80, &id, &port), -ENODEV);
	start();
	assert_int_equal(backend.guest->dial(backend.guest_ctx, 80, &id, &port), 0);
	hear(port, 80, REQUEST, &p);
	assert_int_equal(ends[id].accepts, 0);
	say(80, port, RESPONSE);
	assert_int_equal(ends[id].accepts, 1);
	say_data(80, port, "hi", 2);
	assert_int_equal(ends[id].n, 2);
	/* the host's program ends: first its sending, then all */
	ends[id].at_end = true;
	assert_true(backend.guest->pull(backend.guest_ctx, id));
	backend.guest->shutdown(backend.guest_ctx, id, VSOCK_NO_SEND);
	hear(port, 80, SHUTDOWN, &p);
	assert_int_equal(p.flags, 2);
	backend.guest->shutdown(backend.guest_ctx, id, VSOCK_NO_SEND);
	hear_nothing();
	backend.guest->shutdown(backend.guest_ctx, id, VSOCK_NO_RECEIVE | VSOCK_NO_SEND);
	hear(port, 80, SHUTDOWN, &p);
	assert_int_equal(p.flags, 3);
	say(80, port, RST);
	assert_int_equal(ends[id].closes, 1);
	/* a second RESPONSE is one to nobody */
	say(80, port, RESPONSE);
	hear(port, 80, RST, &p);
	/* a caller that hangs up before the answer */
	assert_int_equal(backend.guest->dial(backend.guest_ctx, 80, &other, &port), 0);
	assert_int_not_equal(other, id); /* not released yet */
	hear(port, 80, REQUEST, &p);
	backend.guest->shutdown(backend.guest_ctx, other, VSOCK_NO_SEND);
	hear(port, 80, RST, &p);
	assert_int_equal(ends[other].closes, 1);
}

/* More than the guest was told there is room for ends the connection. */
static void test_guest_overruns(void **state)
{
	static u8 data[VSOCK_BUFFER / 4];
	struct packet p;
	unsigned id;

	(void)state;
	start();
	id = open_from_guest(7, 8);
	for (unsigned i = 0; i < 4; i++)
		say_data(7, 8, data, sizeof data);
	hear_nothing();
	assert_int_equal(ends[id].n, VSOCK_BUFFER);
	backend.guest->sent(backend.guest_ctx, id, VSOCK_BUFFER / 4);
	hear(8, 7, CREDIT, &p);
	assert_int_equal(p.fwd, VSOCK_BUFFER / 4);
	say_data(7, 8, data, sizeof data);
	hear_nothing();
	assert_int_equal(ends[id].closes, 0);
	say_data(7, 8, data, 1);
	hear(8, 7, RST, &p);
	assert_true(ends[id].closes == 1 && ends[id].reset);
}

/* The device sends what the guest has room for, and goes on when told of more. */
static void test_credit_of_guest(void **state)
{
	static u8 data[30000];
	struct packet p;
	size_t got = 0;
	unsigned id;

	(void)state;
	start();
	guest_alloc = 10000;
	id = open_from_guest(7, 8);
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (u8)(i / 3);
	ends[id].give = data;
	ends[id].left = sizeof data;
	while (got < sizeof data) {
		size_t round = 0;

		assert_false(backend.guest->pull(backend.guest_ctx, id));
		while (round < 10000) {
			const u8 *d = hear(8, 7, RW, &p);

			assert_memory_equal(d, data + got, p.len);
			got += p.len;
			round += p.len;
		}
		assert_int_equal(round, 10000);
		hear_nothing();
		ends[id].wants = 0;
		say(7, 8, CREDIT); /* nothing new: nobody is woken */
		assert_int_equal(ends[id].wants, 0);
		guest_fwd += 10000;
		say(7, 8, CREDIT);
		assert_int_equal(ends[id].wants, 1);
		give_buffers(4);
	}
	/* claims that cannot be: no room, rather than all of it */
	guest_fwd += 5;
	say(7, 8, CREDIT);
	ends[id].left = 1;
	assert_false(backend.guest->pull(backend.guest_ctx, id));
	hear_nothing();
}

/* Without buffers the device waits, answers included, and loses nothing. */
static void test_no_buffers(void **state)
{
	static u8 data[8192];
	struct packet p;
	unsigned id;
	u32 n;

	(void)state;
	start();
	id = open_from_guest(7, 8);
	ends[id].give = data;
	ends[id].left = sizeof data;
	guest_alloc = 1u << 20;
	say(7, 8, CREDIT);
	for (unsigned i = 0; i < 31; i++) { /* use all buffers up */
		say(7, 8, CREDIT_REQUEST);
		hear(8, 7, CREDIT, &p);
	}
	assert_false(backend.guest->pull(backend.guest_ctx, id));
	hear_nothing();
	/* packets to nobody: answered later, and with too many the ring waits */
	for (unsigned i = 0; i < 60; i++)
		say(100 + i, 9, RW);
	for (unsigned i = 0; i < 60; i++)
		assert_non_null(vd_take(TX, &n));
	for (unsigned i = 0; i < 30; i++)
		say(200 + i, 9, RW);
	assert_int_equal(vd_used(TX), 2 + 31 + 60 + 4);
	hear_nothing();
	ends[id].wants = 0;
	give_buffers(40);
	for (unsigned i = 0; i < 40; i++) {
		const u8 *h = vd_take(RX, &n);

		assert_int_equal(get_le16(h + 30), RST);
	}
	assert_int_equal(ends[id].wants, 1); /* it may try again */
	give_buffers(60);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(get_le16(vd_take(RX, &n) + 30), RST);
	hear_nothing();
	assert_int_equal(vd_used(TX), 2 + 31 + 90);
	assert_true(backend.guest->pull(backend.guest_ctx, id));
	hear(8, 7, RW, &p);
	hear(8, 7, RW, &p);
	assert_int_equal(p.len, 4096);
	hear_nothing();
}

static void test_garbage(void **state)
{
	struct packet p = from_guest(1, 2, REQUEST), back;
	unsigned id;

	(void)state;
	start();
	p.src_cid = 3; /* another's: not worth an answer */
	send_packet(&p, NULL, 0);
	hear_nothing();
	p = from_guest(1, 2, REQUEST);
	p.dst_cid = 77;
	send_packet(&p, NULL, 0);
	hear(2, 1, RST, &back);
	assert_int_equal(back.src_cid, 77);
	p = from_guest(1, 2, REQUEST);
	p.type = 2;
	send_packet(&p, NULL, 0);
	hear(2, 1, RST, &back);
	say(1, 2, 0);
	hear(2, 1, RST, &back);
	say(1, 2, 0xffff);
	hear(2, 1, RST, &back);
	say(1, 2, RST); /* never one for one */
	hear_nothing();
	p = from_guest(1, 2, REQUEST);
	p.len = 1; /* that is not there */
	send_packet(&p, NULL, 0);
	hear(2, 1, RST, &back);
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		assert_true(!ends[i].connects && !ends[i].closes);
	/* the same in a connection: it is over */
	id = open_from_guest(1, 2);
	p = from_guest(1, 2, RW);
	p.len = 0xffffffff;
	send_packet(&p, "x", 1);
	hear(2, 1, RST, &back);
	assert_int_equal(ends[id].closes, 1);
	assert_int_equal(ends[id].n, 0);
	id = open_from_guest(1, 2);
	say(1, 2, REQUEST); /* twice */
	hear(2, 1, RST, &back);
	assert_int_equal(ends[id].closes, 1);
	id = open_from_guest(1, 2);
	say_shutdown(1, 2, 2);
	say_data(1, 2, "x", 1); /* after it said it was done */
	hear(2, 1, RST, &back);
	assert_int_equal(ends[id].closes, 1);
	assert_int_equal(vd_status(), 15);
	vd_add(TX, VD_DATA, 43, false); /* no header at all */
	vd_notify(TX);
	assert_true(vd_status() & VIRTIO_STATUS_NEEDS_RESET);
	vd_start(0, QUEUES);
	vd_add(RX, VD_DATA, 43, true);
	say(1, 2, RW);
	assert_true(vd_status() & VIRTIO_STATUS_NEEDS_RESET);
}

/* Orderly: what the guest sent before is passed on, however slow that is. */
static void test_end_waits_for_data(void **state)
{
	struct packet p;
	unsigned id;

	(void)state;
	start();
	id = open_from_guest(1, 2);
	say_data(1, 2, "last words", 10);
	say_shutdown(1, 2, 3);
	hear_nothing();
	assert_int_equal(ends[id].closes, 0);
	backend.guest->sent(backend.guest_ctx, id, 10);
	hear(2, 1, RST, &p);
	assert_true(ends[id].closes == 1 && !ends[id].reset);
	backend.guest->released(backend.guest_ctx, id);
	id = open_from_guest(1, 2);
	say_data(1, 2, "last words", 10);
	say_shutdown(1, 2, 3);
	say(1, 2, RST); /* the guest would not wait */
	assert_true(ends[id].closes == 1 && !ends[id].reset);
}

static void test_table_full(void **state)
{
	struct packet p;
	unsigned id;
	u32 port;

	(void)state;
	start();
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		u32 n;

		say(i, 5, REQUEST);
		backend.guest->answer(backend.guest_ctx, last, true);
		assert_non_null(vd_take(RX, &n));
		give_buffers(1);
	}
	say(9999, 5, REQUEST);
	hear(5, 9999, RST, &p);
	assert_int_equal(backend.guest->dial(backend.guest_ctx, 80, &id, &port), -EAGAIN);
	/* a reset closes them all; each number is free once it is released */
	vd_start(0, QUEUES);
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		assert_true(ends[i].closes == 1 && ends[i].reset);
	give_buffers(8);
	say(1, 5, REQUEST);
	hear(5, 1, RST, &p);
	backend.guest->released(backend.guest_ctx, 17);
	assert_int_equal(open_from_guest(1, 5), 17);
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		if (i != 17)
			backend.guest->released(backend.guest_ctx, i);
	say(2, 5, REQUEST);
	assert_int_not_equal(last, 17);
	say(1, 5, RST); /* found among the others still */
	assert_int_equal(ends[17].closes, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_guest_connects), T(test_refused), T(test_host_connects),
		T(test_guest_overruns), T(test_credit_of_guest), T(test_no_buffers),
		T(test_garbage), T(test_end_waits_for_data), T(test_table_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
