/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that the machine knows and no VM has on metal, since nothing here would be
 * behind them: `trivet image` refuses their keys (src/host/image.c). In their place, so
 * that the image is smaller.
 */
#include <trivet/error.h>
#include <trivet/virtio/balloon.h>
#include <trivet/virtio/vsock.h>

int virtio_vsock_create(struct vm *vm, struct pci_host *host, struct vsockdev *backend,
			struct virtio_vsock **out)
{
	(void)vm, (void)host, (void)backend, (void)out;
	return -ENODEV;
}

void virtio_vsock_reset(struct virtio_vsock *v)
{
	(void)v;
}

void virtio_vsock_destroy(struct virtio_vsock *v)
{
	(void)v;
}

int virtio_balloon_create(struct vm *vm, struct pci_host *host, u64 target,
			  struct virtio_balloon **out)
{
	(void)vm, (void)host, (void)target, (void)out;
	return -ENODEV;
}

void virtio_balloon_target(struct virtio_balloon *b, u64 bytes)
{
	(void)b, (void)bytes;
}

void virtio_balloon_stats(const struct virtio_balloon *b, struct virtio_balloon_stats *stats)
{
	(void)b;
	*stats = (struct virtio_balloon_stats){ 0 };
}

void virtio_balloon_reset(struct virtio_balloon *b)
{
	(void)b;
}

void virtio_balloon_destroy(struct virtio_balloon *b)
{
	(void)b;
}
