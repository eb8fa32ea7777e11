/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio network device: virtio 1.2, 5.1. */
#ifndef TRIVET_VIRTIO_NET_H
#define TRIVET_VIRTIO_NET_H

#include <trivet/netdev.h>
#include <trivet/virtio/pci.h>

struct virtio_net;

/*
 * A network card on the PCI bus. name is for messages; it and backend outlive
 * the card. -ENOMEM, or as pci_func_add.
 */
int virtio_net_create(struct vm *vm, struct pci_host *host, const char *name,
		      struct netdev *backend, struct virtio_net **out);
/* Power-up: what was queued is gone. With vm->lock held. */
void virtio_net_reset(struct virtio_net *n);
/* The backend calls nothing of its any more. */
void virtio_net_destroy(struct virtio_net *n);

#endif
