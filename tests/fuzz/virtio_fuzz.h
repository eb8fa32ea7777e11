/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device of several queues against a driver gone mad: records of eight
 * bytes add buffers, write rings, data and registers, notify, let time pass, or
 * do what only this device knows. The sanitizers judge; besides, after a reset
 * nothing may be left: no timer, no interrupt, no connection.
 */
#ifndef TESTS_VIRTIO_FUZZ_H
#define TESTS_VIRTIO_FUZZ_H

#include "virtio_driver.h"

struct record {
	u8 op, queue;
	u16 at;
	u32 value;
};

struct virtio_fuzz {
	unsigned queues;
	u64 features;
	void (*own)(const struct record *r); /* op 8 and above */
};

static inline void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

static inline void fuzz_step(const struct virtio_fuzz *f, const struct record *r)
{
	unsigned q = r->queue % f->queues;

	switch (r->op & 15) {
	case 0:
	case 1:
		vd_add(q, VD_DATA + (r->at & 0x3fff), r->value & 0x3fff, r->value >> 31);
		break;
	case 2:
		vd_notify(q);
		break;
	case 3:
		put_le32(vd.ram + VD_DATA + (r->at & 0x3fff), r->value);
		break;
	case 4:
		if (r->queue & 0x40)
			vd_wr(r->at & 0x7fff, 1u << (r->queue & 3), r->value);
		else
			(void)vd_rd(r->at & 0x7fff, 1u << (r->queue & 3));
		break;
	case 5: /* a ring or a descriptor */
		put_le16(vd.ram + VD_DESC(q) + (r->at & 0xfff & ~1u), (u16)r->value);
		break;
	case 6:
		vd_start(r->value & f->features, r->at % (f->queues + 1));
		break;
	case 7:
		fake.clock_ns += r->value;
		timers_run(&vd.vm);
		break;
	default:
		f->own(r);
		break;
	}
}

static inline void fuzz_run(const struct virtio_fuzz *f, const u8 *data, size_t size)
{
	struct record r;

	vd_start(size & 1 ? f->features : f->features & ~VIRTIO_F_EVENT_IDX, f->queues);
	for (; size >= sizeof r; data += sizeof r, size -= sizeof r) {
		memcpy(&r, data, sizeof r);
		fuzz_step(f, &r);
	}
}

/* After the device's own reset. */
static inline void fuzz_end(void)
{
	pci_host_reset(vd.pci);
	check(!vd.lines.level && !vd.vm.timers && !vd_status());
	memset(vd.ram + VD_DATA, 0, 0x8000);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
