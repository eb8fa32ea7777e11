/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket device: packets good, bad and out of turn, and a backend that answers,
 * reads, hangs up and releases at any time. No connection may have more bytes under
 * way than a backend keeps, nor a number be used that was not released.
 */
#include <trivet/virtio/vsock.h>

#include "virtio_fuzz.h"

#define CID 3u

struct end {
	bool used, closed;
	u32 held; /* bytes of the guest's, not told as sent */
	u32 to_read;
};

static struct end ends[VSOCK_CONNS];
static unsigned last;
static struct vsockdev backend;
static struct virtio_vsock *vsock;

static void begin(unsigned id)
{
	check(id < VSOCK_CONNS && !ends[id].used);
	ends[id] = (struct end){ .used = true };
	last = id;
}

static void op_connect(struct vsockdev *d, unsigned id, u32 port)
{
	(void)d, (void)port;
	begin(id);
}

static void op_accepted(struct vsockdev *d, unsigned id)
{
	(void)d;
	check(ends[id].used && !ends[id].closed);
}

static void op_write(struct vsockdev *d, unsigned id, const struct mem_segment *segments,
		     unsigned count)
{
	(void)d;
	check(ends[id].used && !ends[id].closed);
	for (unsigned i = 0; i < count; i++) {
		ends[id].held += segments[i].len;
		(void)*(volatile u8 *)(segments[i].host + segments[i].len - 1);
	}
	check(ends[id].held <= VSOCK_BUFFER);
}

static void op_shutdown(struct vsockdev *d, unsigned id, unsigned how)
{
	(void)d, (void)how;
	check(ends[id].used && !ends[id].closed);
}

static void op_wanted(struct vsockdev *d, unsigned id)
{
	(void)d;
	check(ends[id].used && !ends[id].closed);
}

static int op_read(struct vsockdev *d, unsigned id, const struct mem_segment *segments,
		   unsigned count)
{
	u32 *left = &ends[id].to_read;
	int n = 0;

	(void)d;
	check(ends[id].used && !ends[id].closed && count);
	if (!*left)
		return id & 1 ? 0 : -EAGAIN;
	for (unsigned i = 0; i < count && *left; i++) {
		u32 m = segments[i].len < *left ? segments[i].len : *left;

		memset(segments[i].host, 0x33, m);
		*left -= m;
		n += (int)m;
	}
	return n;
}

static void op_close(struct vsockdev *d, unsigned id, bool reset)
{
	(void)d, (void)reset;
	check(ends[id].used && !ends[id].closed);
	ends[id].closed = true;
}

static const struct vsockdev_ops ops = {
	op_connect, op_accepted, op_write, op_shutdown, op_wanted, op_read, op_close,
};

/* A packet: few ports, so that connections are met again. */
static void say(const struct record *r)
{
	u8 *h = vd.ram + VD_DATA;
	u32 len = r->value & 0x1fff;

	put_le64(h, CID);
	put_le64(h + 8, 2);
	put_le32(h + 16, r->queue & 7);
	put_le32(h + 20, r->queue & 0x80 ? 0x40000000u + (r->queue >> 3 & 15) : 1);
	put_le32(h + 24, (r->at & 7) == 5 ? len : 0);
	put_le16(h + 28, 1);
	put_le16(h + 30, r->at & 7);
	put_le32(h + 32, r->value >> 13 & 3);
	put_le32(h + 36, r->value >> 16);
	put_le32(h + 40, r->at >> 3);
	vd_add(1, VD_DATA, 44 + len, false);
	vd_notify(1);
}

static void give_buffers(unsigned n)
{
	while (n--)
		vd_add(0, 0x40000, 44 + 4096, true);
	vd_notify(0);
}

static void own(const struct record *r)
{
	const struct vsock_guest_ops *g = backend.guest;
	void *ctx = backend.guest_ctx;
	unsigned id = r->at & 0x100 ? last : (last + r->at % 4) % VSOCK_CONNS;
	struct end *e = &ends[id];
	u32 n = r->value % (VSOCK_BUFFER + 1), port;

	switch (r->op & 7) {
	case 0:
	case 1:
		say(r);
		return;
	case 2:
		give_buffers(r->at & 31);
		return;
	case 3:
		if (g->dial(ctx, r->queue & 7, &id, &port) == 0)
			begin(id);
		return;
	default:
		break;
	}
	if (!e->used)
		return;
	if (e->closed && (r->value & 1)) {
		e->used = false;
		g->released(ctx, id);
	} else if ((r->op & 7) == 4) {
		g->answer(ctx, id, r->value & 2);
	} else if ((r->op & 7) == 5) {
		n = n < e->held ? n : e->held;
		e->held -= n;
		g->sent(ctx, id, n);
	} else if ((r->op & 7) == 6) {
		e->to_read += n;
		(void)g->pull(ctx, id);
	} else {
		g->shutdown(ctx, id, r->value >> 1 & 3);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct virtio_fuzz fuzz = {
		.queues = 3, .own = own,
		.features = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
	};

	if (!vsock) {
		vd_init();
		backend = (struct vsockdev){ .ops = &ops, .cid = CID };
		check(!virtio_vsock_create(&vd.vm, vd.pci, &backend, &vsock));
	}
	fuzz_run(&fuzz, data, size);
	virtio_vsock_reset(vsock);
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		check(!ends[i].used || ends[i].closed);
		if (ends[i].used)
			backend.guest->released(backend.guest_ctx, i);
		ends[i].used = false;
	}
	fuzz_end();
	return 0;
}
