/* SPDX-License-Identifier: Apache-2.0 */
/* The memory balloon: page numbers, reports, statistics. */
#include <trivet/virtio/balloon.h>

#include "virtio_fuzz.h"

static struct virtio_balloon *balloon;

/* What a driver says, nearly right. */
static void own(const struct record *r)
{
	struct virtio_balloon_stats stats;
	unsigned q = r->queue & 7;

	switch (r->op & 3) {
	case 0: /* pages to inflate or deflate with */
		for (unsigned i = 0; i < 8; i++)
			put_le32(vd.ram + VD_DATA + 4 * i,
				 0x40 + (r->value >> (4 * i) & 0xf) + (r->at & 0xff));
		vd_add(q & 1, VD_DATA, 4 * (1u + (r->at >> 8 & 7)), false);
		vd_notify(q & 1);
		break;
	case 1: /* free pages */
		vd_add(2 + q % 3, 0x40000 + (r->value & 0xffff), r->at, true);
		vd_notify(2 + q % 3);
		break;
	case 2: /* statistics */
		put_le16(vd.ram + VD_DATA + r->at % 64, (u16)(r->value & 15));
		vd_add(2, VD_DATA, 10u * (r->queue & 15u) + (r->value >> 31), false);
		vd_notify(2);
		break;
	default:
		virtio_balloon_target(balloon, (u64)r->value << (r->at & 15));
		virtio_balloon_stats(balloon, &stats);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct virtio_fuzz fuzz = {
		.queues = 5, .own = own,
		.features = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | BIT(1) | BIT(2) |
			    BIT(5),
	};

	if (!balloon) {
		vd_init();
		check(!virtio_balloon_create(&vd.vm, vd.pci, KIB(64), &balloon));
	}
	fuzz_run(&fuzz, data, size);
	virtio_balloon_reset(balloon);
	fuzz_end();
	return 0;
}
