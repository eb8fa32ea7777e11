/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio console with one port (Linux: hvc0): virtio 1.2, 5.3. */
#ifndef TRIVET_VIRTIO_CONSOLE_H
#define TRIVET_VIRTIO_CONSOLE_H

#include <trivet/chardev.h>
#include <trivet/virtio/pci.h>

struct virtio_console;

/* cd outlives the console. -ENOMEM, or as pci_func_add. */
int virtio_console_create(struct vm *vm, struct pci_host *host, struct chardev *cd,
			  struct virtio_console **out);
void virtio_console_reset(struct virtio_console *c);
void virtio_console_destroy(struct virtio_console *c);

#endif
