/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio block device: virtio 1.2, 5.2. */
#ifndef TRIVET_VIRTIO_BLK_H
#define TRIVET_VIRTIO_BLK_H

#include <trivet/blockdev.h>
#include <trivet/virtio/pci.h>

struct virtio_blk;

/* Requests that a disk works on at once; further ones wait in the ring. */
#define VIRTIO_BLK_IN_FLIGHT BLOCK_REQUESTS_MAX

/*
 * A disk on the PCI bus. name is for messages; it and backend outlive the disk.
 * -ENOMEM, or as pci_func_add.
 */
int virtio_blk_create(struct vm *vm, struct pci_host *host, const char *name,
		      struct blockdev *backend, struct virtio_blk **out);
/* Power-up. The backend has nothing in flight. With vm->lock held. */
void virtio_blk_reset(struct virtio_blk *b);
/* The backend has nothing in flight. */
void virtio_blk_destroy(struct virtio_blk *b);

#endif
