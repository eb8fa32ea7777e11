/* SPDX-License-Identifier: Apache-2.0 */
/* The entropy device. */
#include <trivet/virtio/rng.h>

#include "virtio_fuzz.h"

/* A plain request. */
static void own(const struct record *r)
{
	vd_add(0, VD_DATA + (r->at & 0xfff), r->value & 0x1ff, true);
	vd_notify(0);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct virtio_fuzz fuzz = {
		.queues = 1, .own = own,
		.features = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
	};
	static struct virtio_rng *rng;

	if (!rng) {
		vd_init();
		check(!virtio_rng_create(&vd.vm, vd.pci, &rng));
	}
	fuzz_run(&fuzz, data, size);
	virtio_rng_reset(rng);
	fuzz_end();
	return 0;
}
