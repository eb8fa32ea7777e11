/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio entropy device: virtio 1.2, 5.4. */
#include <trivet/virtio/rng.h>

/* Of one request: the driver may ask for gigabytes, and takes less. */
#define BYTES_MAX 256

struct virtio_rng {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct vq_chain chain;
};

static void rng_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_rng *r = CONTAINER_OF(d, struct virtio_rng, dev);
	u8 bytes[BYTES_MAX];

	while (virtio_pop(d, queue, &r->chain)) {
		u32 n = r->chain.in_len < BYTES_MAX ? (u32)r->chain.in_len : BYTES_MAX;

		platform_random(bytes, n);
		(void)vq_chain_write(d->vm, &r->chain, 0, bytes, n);
		vq_push(&d->queues[queue], &r->chain, n);
	}
	virtio_signal(d, queue);
}

static const struct virtio_device_ops rng_ops = { .notify = rng_notify };

int virtio_rng_create(struct vm *vm, struct pci_host *host, struct virtio_rng **out)
{
	struct virtio_rng *r = platform_alloc(sizeof *r);
	int err;

	if (!r)
		return -ENOMEM;
	r->dev = (struct virtio_device){ .vm = vm, .ops = &rng_ops,
					 .name = "virtio rng",
					 .id = VIRTIO_ID_RNG, .queue_count = 1 };
	virtio_init(&r->dev);
	err = virtio_pci_create(host, &r->dev, 0xff0000, &r->pci);
	if (err) {
		platform_free(r, sizeof *r);
		return err;
	}
	*out = r;
	return 0;
}

void virtio_rng_reset(struct virtio_rng *r)
{
	virtio_pci_reset(r->pci);
}

void virtio_rng_destroy(struct virtio_rng *r)
{
	if (!r)
		return;
	virtio_pci_destroy(r->pci);
	platform_free(r, sizeof *r);
}
