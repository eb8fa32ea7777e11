/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio entropy device: virtio 1.2, 5.4. */
#ifndef TRIVET_VIRTIO_RNG_H
#define TRIVET_VIRTIO_RNG_H

#include <trivet/virtio/pci.h>

struct virtio_rng;

/* On the PCI bus; gives platform_random. -ENOMEM, or as pci_func_add. */
int virtio_rng_create(struct vm *vm, struct pci_host *host, struct virtio_rng **out);
void virtio_rng_reset(struct virtio_rng *r);
void virtio_rng_destroy(struct virtio_rng *r);

#endif
