/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio socket device, streams only: virtio 1.2, 5.10. */
#ifndef TRIVET_VIRTIO_VSOCK_H
#define TRIVET_VIRTIO_VSOCK_H

#include <trivet/virtio/pci.h>
#include <trivet/vsockdev.h>

struct virtio_vsock;

/* backend outlives the device, and has no connections. -ENOMEM, or as
 * pci_func_add. */
int virtio_vsock_create(struct vm *vm, struct pci_host *host, struct vsockdev *backend,
			struct virtio_vsock **out);
/* With vm->lock held. The backend releases its connections later. */
void virtio_vsock_reset(struct virtio_vsock *v);
void virtio_vsock_destroy(struct virtio_vsock *v);

#endif
