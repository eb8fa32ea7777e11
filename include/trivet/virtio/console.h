/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio console: virtio 1.2, 5.3. Port 0 is the console (Linux: hvc0); further
 * ports have names (Linux: /dev/virtio-ports/NAME).
 */
#ifndef TRIVET_VIRTIO_CONSOLE_H
#define TRIVET_VIRTIO_CONSOLE_H

#include <trivet/chardev.h>
#include <trivet/virtio/pci.h>

struct virtio_console;

#define VIRTIO_CONSOLE_PORTS 8	    /* besides the console */
#define VIRTIO_CONSOLE_NAME_MAX 63

/* name and chardev outlive the device. */
struct virtio_console_port {
	const char *name;
	struct chardev *chardev;
	bool host_open; /* somebody is at the host's end from the start */
};

/*
 * console, port 0, may be NULL; up to VIRTIO_CONSOLE_PORTS others. -ENOMEM, or as
 * pci_func_add.
 */
int virtio_console_create(struct vm *vm, struct pci_host *host, struct chardev *console,
			  const struct virtio_console_port *ports, unsigned count,
			  struct virtio_console **out);
/* The terminal behind the console has this size now. With vm->lock held. */
void virtio_console_resize(struct virtio_console *c, u16 columns, u16 rows);
/* With vm->lock held. */
void virtio_console_reset(struct virtio_console *c);
void virtio_console_destroy(struct virtio_console *c);

#endif
