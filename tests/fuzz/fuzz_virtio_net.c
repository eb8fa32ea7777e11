/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network card against a driver gone mad, and a backend that brings frames at
 * any time. The sanitizers judge, and the backend: each frame it is given is
 * whole, and each offload within it (tests/unit/net_fixture.h).
 */
#include "net_fixture.h"

struct record {
	u8 op, size;
	u16 at;
	u32 value;
};

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* All three queues lie at the same place: one driver's chaos is as good as another. */
static void enable_queues(struct vx *x, u16 size)
{
	for (unsigned q = 0; q < 3; q++) {
		vx_wr(x, NX_DEVICE, 0x16, 2, q);
		vx_wr(x, NX_DEVICE, 0x18, 2, size);
		vx_wr(x, NX_DEVICE, 0x20, 4, VX_DESC);
		vx_wr(x, NX_DEVICE, 0x28, 4, VX_AVAIL);
		vx_wr(x, NX_DEVICE, 0x30, 4, VX_USED);
		vx_wr(x, NX_DEVICE, 0x1c, 2, 1);
	}
}

static void start(struct vx *x, u64 features, u16 size)
{
	features |= VIRTIO_F_VERSION_1;
	x->avail = 0;
	vx_wr(x, NX_DEVICE, 0x14, 1, 0);
	vx_wr(x, NX_DEVICE, 0x14, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		vx_wr(x, NX_DEVICE, 0x08, 4, i);
		vx_wr(x, NX_DEVICE, 0x0c, 4, (u32)(features >> (32 * i)));
	}
	vx_wr(x, NX_DEVICE, 0x14, 1, 11);
	enable_queues(x, size);
	vx_wr(x, NX_DEVICE, 0x14, 1, 15);
}

static void write_ring(struct vx *x, const struct record *r)
{
	unsigned i = r->at & 7;

	switch (r->size & 7) {
	case 0:
		vx_offer(x, 8, (u16)(r->value & 7));
		break;
	case 1:
		put_le16(x->ram + VX_AVAIL + 2 * (r->at & 15), (u16)r->value);
		break;
	case 2:
		vx_desc(x, i, 0x9000, (r->value & 0xff) * 16, 4 | (r->value >> 30),
			r->at >> 3 & 7);
		break;
	case 3: /* a header of the right shape, or a command */
		put_le32(x->ram + VX_DATA, r->value);
		put_le16(x->ram + VX_DATA + 4, (u16)(r->value >> 7));
		put_le16(x->ram + VX_DATA + 6, r->at);
		break;
	case 4:
		put_le32(x->ram + (r->at & 0xfffc), r->value);
		break;
	case 5: /* a plausible buffer */
		vx_desc(x, i, VX_DATA, r->value & 0x1ffff, r->at >> 3 & 3, r->at >> 6 & 7);
		break;
	case 6:
		vx_desc_at(x, 0x9000, i, VX_DATA + (r->value & 0xfff),
			   r->value >> 16 & 0x3ff, r->at >> 3 & 7, r->at >> 6 & 7);
		break;
	default:
		vx_desc(x, i, r->value, r->value >> 20, r->at >> 3 & 7, r->at >> 6 & 7);
		break;
	}
}

/* What a backend does: frames, room again, time. */
static void backend(struct nx *x, const struct record *r)
{
	static const u8 frame[NET_FRAME_MAX];
	struct net_offload o = { .csum_valid = r->size & 8, .needs_csum = r->size & 16,
				 .gso = (u8)(r->size & 3) % 3, .gso_size = r->at };
	u32 length = r->value % (NET_FRAME_MAX + 2);

	x->full = r->value >> 31;
	(void)x->backend.receive(x->backend.ctx, frame,
				 length <= NET_FRAME_MAX ? length : NET_FRAME_MAX, &o);
	if (r->size & 32)
		x->backend.receive_flush(x->backend.ctx);
	if (!x->full)
		x->backend.send_ready(x->backend.ctx);
	fake.clock_ns += r->value;
	timers_run(&x->vx.vm);
}

static void step(struct nx *x, const struct record *r)
{
	struct vx *v = &x->vx;

	switch (r->op & 7) {
	case 0:
	case 1:
		write_ring(v, r);
		break;
	case 2:
		nx_notify(x, r->at & 3);
		break;
	case 3:
		if (r->size & 0x40)
			start(v, r->value & ~(u64)0x40000000, (u16)(1u << (r->at & 7)));
		else
			vx_wr(v, NX_DEVICE, r->at & 0x7fff, 1u << (r->size & 3), r->value);
		break;
	case 4:
		(void)vx_rd(v, NX_DEVICE, r->at & 0x7fff, 1u << (r->size & 3));
		break;
	case 5:
	case 6:
		backend(x, r);
		break;
	default:
		vx_wr(v, NX_DEVICE, r->at & 0x3f, 1u << (r->size & 3), r->value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct nx x;
	static bool made;
	struct record r;

	if (!made)
		nx_init(&x, NX_ALL);
	made = true;
	if (!size)
		return 0;
	memset(x.vx.ram, 0, VX_DATA);
	start(&x.vx, (data[0] & 1 ? VIRTIO_F_EVENT_IDX : 0) | VIRTIO_F_INDIRECT_DESC |
			     (data[0] & 2 ? BIT(15) : 0) | (data[0] & 4 ? 0x823b87 : 0), 8);
	for (data++, size--; size >= sizeof r; data += sizeof r, size -= sizeof r) {
		memcpy(&r, data, sizeof r);
		step(&x, &r);
	}
	virtio_net_reset(x.net);
	pci_host_reset(x.vx.pci);
	check(!x.vx.lines.level && !vx_status(&x.vx, NX_DEVICE) && !x.vx.vm.timers);
	return 0;
}
