/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the console share: the ports' bytes, and their control. */
#ifndef VIRTIO_CONSOLE_PRIVATE_H
#define VIRTIO_CONSOLE_PRIVATE_H

#include <trivet/bits.h>
#include <trivet/virtio/console.h>

#define CONSOLE_F_SIZE BIT(0)
#define CONSOLE_F_MULTIPORT BIT(1)

/* Queues, 5.3.2: port 0, the control pair, then the other ports. */
enum { CONSOLE_CONTROL_RX = 2, CONSOLE_CONTROL_TX = 3 };
#define CONSOLE_PORTS_ALL (VIRTIO_CONSOLE_PORTS + 1)

enum { /* configuration, 5.3.4 */
	CONSOLE_CONFIG_COLS = 0,
	CONSOLE_CONFIG_ROWS = 2,
	CONSOLE_CONFIG_PORTS = 4,
	CONSOLE_CONFIG_SIZE = 12,
};

struct console_port {
	struct virtio_console *console;
	unsigned index;
	const char *name;   /* NULL: port 0 */
	struct chardev *cd; /* NULL: there is no such port */
	bool host_open;
	/* What the driver said. */
	bool ready;	 /* it knows the port */
	bool guest_open;
	bool closing;	 /* closed, with so many chains still to take */
	u16 closing_in;
	/* What it has to be told, enum console_due. */
	u8 due;
	bool told_open;	 /* host_open as it knows it */
	bool went_away;	 /* the host's end closed since */
	bool sending;	 /* tx is taken, up to sent */
	u64 sent;
	struct vq_chain tx;
};

/* In the order in which a driver wants to hear them. */
enum console_due { DUE_ADD = 1, DUE_CONSOLE = 2, DUE_NAME = 4, DUE_SIZE = 8, DUE_OPEN = 16 };

struct virtio_console {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct timer retry;	/* while a backend takes no more */
	struct timer interrupt; /* of port 0's output */
	unsigned port_count;	/* port 0 included */
	struct console_port ports[CONSOLE_PORTS_ALL];
	struct vq_chain in; /* input and control, one at a time */
};

/* console.c */
void console_port_send(struct console_port *p);
/* The guest closed it: the backend hears that behind what is in the ring now. */
void console_port_close(struct console_port *p);
/* A driver without MULTIPORT has the console only, always open. */
bool console_port_open(const struct console_port *p);

/* console_control.c */
/* Takes the driver's messages. */
void console_control_take(struct virtio_console *c);
/* Tells it what is due, as far as it gave buffers. */
void console_control_tell(struct virtio_console *c);
void console_control_due(struct console_port *p, enum console_due what);
/* The guest's end was closed, and all that it wrote is with the backend. */
void console_port_closed(struct console_port *p);

#endif
