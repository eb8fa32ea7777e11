/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio memory balloon: virtio 1.2, 5.5. The guest gives pages up (the balloon
 * inflates) and the host takes their memory back; a driver also reports pages
 * that happen to be free.
 */
#ifndef TRIVET_VIRTIO_BALLOON_H
#define TRIVET_VIRTIO_BALLOON_H

#include <trivet/virtio/pci.h>

struct virtio_balloon;

/* What the guest's driver said last of its memory (5.5.6.3), in bytes or
 * counts; VIRTIO_BALLOON_UNKNOWN where it said nothing. */
#define VIRTIO_BALLOON_UNKNOWN (~(u64)0)

struct virtio_balloon_stats {
	u64 target, actual; /* bytes in the balloon: wanted, and there */
	u64 reported;	    /* bytes given back as free pages, in all */
	u64 swap_in, swap_out, major_faults, minor_faults;
	u64 free, total, available, caches;
};

/* target: bytes to take from the guest at start. -ENOMEM, or as pci_func_add. */
int virtio_balloon_create(struct vm *vm, struct pci_host *host, u64 target,
			  struct virtio_balloon **out);
/* How many bytes the balloon shall hold; whole pages. With vm->lock held. */
void virtio_balloon_target(struct virtio_balloon *b, u64 bytes);
/* With vm->lock held. */
void virtio_balloon_stats(const struct virtio_balloon *b,
			  struct virtio_balloon_stats *stats);
/* With vm->lock held. */
void virtio_balloon_reset(struct virtio_balloon *b);
void virtio_balloon_destroy(struct virtio_balloon *b);

#endif
