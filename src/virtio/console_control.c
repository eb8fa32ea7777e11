/* SPDX-License-Identifier: Apache-2.0 */
/* The control queues of a console with several ports: virtio 1.2, 5.3.6.2. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "console_private.h"

enum event {
	DEVICE_READY = 0,
	PORT_ADD = 1,
	PORT_READY = 3,
	CONSOLE_PORT = 4,
	RESIZE = 5,
	PORT_OPEN = 6,
	PORT_NAME = 7,
};

#define MESSAGE_SIZE 8
#define MESSAGE_MAX (MESSAGE_SIZE + VIRTIO_CONSOLE_NAME_MAX)

void console_control_due(struct console_port *p, enum console_due what)
{
	p->due |= (u8)what;
	console_control_tell(p->console);
}

void console_port_closed(struct console_port *p)
{
	const struct chardev_ops *ops = p->cd->ops;

	p->closing = false;
	if (ops->guest_open)
		ops->guest_open(p->cd, false);
	if (!p->guest_open)
		return;
	/* it has been opened again meanwhile */
	if (ops->guest_open)
		ops->guest_open(p->cd, true);
	if (ops->input_ready)
		ops->input_ready(p->cd);
}

static void device_ready(struct virtio_console *c, bool ok)
{
	for (unsigned i = 0; i < c->port_count && ok; i++)
		if (c->ports[i].cd)
			c->ports[i].due |= DUE_ADD;
}

static void port_ready(struct console_port *p, bool ok)
{
	p->ready = ok;
	if (!ok) {
		platform_log(LOG_WARN, "virtio console: the guest's driver cannot use "
			     "port %u", p->index);
		return;
	}
	p->due |= p->name ? DUE_NAME : DUE_CONSOLE | DUE_SIZE;
	if (p->host_open)
		p->due |= DUE_OPEN;
}

/* A port closed with output still in the ring stays open to its backend until
 * that is written, even if it is opened again: the backend sees each end. */
static void port_open(struct console_port *p, bool open)
{
	const struct chardev_ops *ops = p->cd->ops;

	if (p->guest_open == open)
		return;
	p->guest_open = open;
	if (!open) {
		console_port_close(p);
		return;
	}
	if (!p->closing && ops->guest_open)
		ops->guest_open(p->cd, true);
	if (ops->input_ready)
		ops->input_ready(p->cd);
}

static void take_message(struct virtio_console *c, const u8 *m)
{
	u32 id = get_le32(m);
	u16 event = get_le16(m + 4);
	bool value = get_le16(m + 6) != 0;
	struct console_port *p = id < c->port_count && c->ports[id].cd ?
					 &c->ports[id] : NULL;

	if (event == DEVICE_READY)
		device_ready(c, value);
	else if (p && event == PORT_READY)
		port_ready(p, value);
	else if (p && event == PORT_OPEN)
		port_open(p, value);
}

void console_control_take(struct virtio_console *c)
{
	u8 message[MESSAGE_SIZE];

	while (virtio_pop(&c->dev, CONSOLE_CONTROL_TX, &c->in)) {
		if (!vq_chain_read(&c->in, 0, message, sizeof message)) {
			virtio_fail(&c->dev, "a control message is cut short");
			return;
		}
		vq_push(&c->dev.queues[CONSOLE_CONTROL_TX], &c->in, 0);
		take_message(c, message);
	}
	virtio_signal(&c->dev, CONSOLE_CONTROL_TX);
	console_control_tell(c);
}

static unsigned message(u8 *m, const struct console_port *p, enum event event,
			bool value)
{
	put_le32(m, p->index);
	put_le16(m + 4, (u16)event);
	put_le16(m + 6, value);
	return MESSAGE_SIZE;
}

static unsigned name_message(u8 *m, const struct console_port *p)
{
	size_t n = strlen(p->name);

	if (n > VIRTIO_CONSOLE_NAME_MAX)
		n = VIRTIO_CONSOLE_NAME_MAX;
	memcpy(m + message(m, p, PORT_NAME, true), p->name, n);
	return MESSAGE_SIZE + (unsigned)n;
}

/* 5.3.6.2.2: columns first. */
static unsigned size_message(u8 *m, const struct console_port *p)
{
	const u8 *config = p->console->dev.config;

	message(m, p, RESIZE, false);
	memcpy(m + MESSAGE_SIZE, config + CONSOLE_CONFIG_COLS, 2);
	memcpy(m + MESSAGE_SIZE + 2, config + CONSOLE_CONFIG_ROWS, 2);
	return MESSAGE_SIZE + 4;
}

/* A client that went and one that came since are two messages. */
static unsigned open_message(u8 *m, struct console_port *p)
{
	bool open = p->host_open && !(p->told_open && p->went_away);

	p->went_away = false;
	p->told_open = open;
	if (open == p->host_open)
		p->due &= (u8)~DUE_OPEN;
	return message(m, p, PORT_OPEN, open);
}

/* The first message that is due for p; due is updated. */
static unsigned next_message(u8 *m, struct console_port *p)
{
	unsigned first = p->due & (unsigned)-p->due;

	if (first != DUE_OPEN)
		p->due &= (u8)~first;
	switch ((enum console_due)first) {
	case DUE_ADD: return message(m, p, PORT_ADD, true);
	case DUE_CONSOLE: return message(m, p, CONSOLE_PORT, true);
	case DUE_NAME: return name_message(m, p);
	case DUE_SIZE: return size_message(m, p);
	default: return open_message(m, p);
	}
}

static struct console_port *port_due(struct virtio_console *c)
{
	for (unsigned i = 0; i < c->port_count; i++)
		if (c->ports[i].due)
			return &c->ports[i];
	return NULL;
}

void console_control_tell(struct virtio_console *c)
{
	struct console_port *p;
	u8 m[MESSAGE_MAX];

	while ((p = port_due(c)) && virtio_pop(&c->dev, CONSOLE_CONTROL_RX, &c->in)) {
		unsigned n = next_message(m, p);

		if (!vq_chain_write(c->dev.vm, &c->in, 0, m, n)) {
			virtio_fail(&c->dev, "a buffer for control messages is too small");
			return;
		}
		vq_push(&c->dev.queues[CONSOLE_CONTROL_RX], &c->in, n);
	}
	virtio_signal(&c->dev, CONSOLE_CONTROL_RX);
}
