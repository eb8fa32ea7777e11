/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk, entropy device and console against a driver gone mad: records of eight bytes write
 * rings and buffers, registers and configuration space, notify, end requests. The
 * sanitizers judge; besides, nothing may be in flight without a request.
 */
#include "virtio_fixture.h"

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

/* Small values make plausible rings: descriptors, indices, chains. */
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
		vx_desc_at(x, 0x9000, i, VX_DATA + (r->value & 0xfff), r->value >> 16 & 0x3ff,
			   r->at >> 3 & 7, r->at >> 6 & 7);
		break;
	case 3:
		vx_desc(x, i, 0x9000, (r->value & 0xff) * 16, 4 | (r->value >> 30),
			r->at >> 3 & 7);
		break;
	case 4:
		vx_request(x, r->value & 15, r->at & 127, r->value >> 8 & 0xffff,
			   r->value & 1 ? false : true);
		break;
	case 5:
		put_le32(x->ram + (r->at & 0xfffc), r->value);
		break;
	default:
		vx_desc(x, i, r->size & 8 ? r->value : 0x8000u + (r->value & 0xffff),
			r->value >> 20, r->at >> 3 & 7, r->at >> 6 & 7);
		break;
	}
}

/* The backend's side: input, a full one, time. */
static void console(struct vx *x, const struct record *r)
{
	struct chardev *cd = &x->chardev;

	x->room = r->value & 0xfff;
	(void)cd->receive(cd->receive_ctx, x->disk, r->at & 0xff);
	fake.clock_ns += r->value;
	timers_run(&x->vm);
}

static void step(struct vx *x, const struct record *r)
{
	unsigned device = 1 + (r->op >> 3) % 3, size = 1u << (r->size & 3);
	u64 value = r->size & 0x80 ? r->value * 0x100000001ull : r->value;

	switch (r->op & 7) {
	case 0:
	case 1:
		write_ring(x, r);
		break;
	case 2:
		vx_wr(x, device, 0x3000 + 4 * (r->at & 1u), 2, r->at & 1u);
		break;
	case 3:
		if (r->size & 0x40)
			vx_start_queue(x, device, r->value, r->at >> 3 & 1,
				       (u16)(1u << (r->at & 7)));
		else
			vx_wr(x, device, r->at & 0x7fff, size, value);
		break;
	case 4:
		(void)vx_rd(x, device, r->at & 0x7fff, size);
		break;
	case 5:
		bus_write(&x->vm.mmio, NULL, vx_config(device, r->at & 0xff), size, value);
		(void)bus_read(&x->vm.mmio, NULL, vx_config(device, r->at & 0xfff), size);
		break;
	case 6:
		if (r->size & 0x40)
			console(x, r);
		else
			(void)vx_end_one(x, r->value & 1 ? -EIO : 0);
		break;
	default:
		vx_wr(x, device, r->at & 0x3f, size, value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* What a machine's reset does, with nothing in flight. */
static void power_cycle(struct vx *x)
{
	while (vx_end_one(x, 0))
		check(x->submitted <= 1u << 20);
	virtio_blk_reset(x->blk);
	virtio_rng_reset(x->rng);
	virtio_console_reset(x->console);
	pci_host_reset(x->pci);
	check(!x->lines.level && !vx_status(x, 1) && !vx_status(x, 2) &&
	      !vx_status(x, 3) && !x->vm.timers);
	x->submitted = 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct vx machines[2];
	static bool made;
	struct record r;
	struct vx *x;

	if (!made)
		for (unsigned i = 0; i < 2; i++)
			vx_init(&machines[i], i == 1);
	made = true;
	if (!size)
		return 0;
	x = &machines[data[0] & 1];
	vx_start(x, 1, VIRTIO_F_INDIRECT_DESC | (data[0] & 2 ? VIRTIO_F_EVENT_IDX : 0) |
			   (data[0] & 4 ? BIT(9) | BIT(13) | BIT(14) : 0), 8);
	if (data[0] & 8)
		vx_start(x, 2, VIRTIO_F_INDIRECT_DESC, 8);
	if (data[0] & 16)
		vx_start_queue(x, 3, VIRTIO_F_INDIRECT_DESC, data[0] >> 5 & 1, 8);
	for (data++, size--; size >= sizeof r; data += sizeof r, size -= sizeof r) {
		memcpy(&r, data, sizeof r);
		step(x, &r);
	}
	power_cycle(x);
	return 0;
}
