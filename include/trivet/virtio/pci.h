/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio over PCI, the modern transport: virtio 1.2, 4.1. */
#ifndef TRIVET_VIRTIO_PCI_H
#define TRIVET_VIRTIO_PCI_H

#include <trivet/pci.h>
#include <trivet/virtio/device.h>

struct virtio_pci;

/*
 * Puts d, initialised, on the bus. class_code is PCI's. -ENOMEM, or as
 * pci_func_add.
 */
int virtio_pci_create(struct pci_host *host, struct virtio_device *d,
		      u32 class_code, struct virtio_pci **out);
/* Power-up, d included. Nothing may be in flight. With vm->lock held. */
void virtio_pci_reset(struct virtio_pci *p);
/* Off the bus; d itself is its owner's. */
void virtio_pci_destroy(struct virtio_pci *p);

#endif
