/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio console, the ports' bytes: virtio 1.2, 5.3. */
#include <trivet/bits.h>

#include "console_private.h"

#define PIECE 1024
#define RETRY_NS 2000000 /* while a backend that does not call room is full */
/*
 * Linux waits for each piece of the console's output with its CPU, so that an
 * interrupt for it finds nothing to do: after 100000 of those Linux takes the line
 * for broken and turns it off. Somewhat later the driver's event index (2.7.7)
 * says whether it waits for one after all.
 */
#define INTERRUPT_DELAY_NS 1000000

_Static_assert(PIECE <= CHARDEV_ROOM, "a backend that is not full takes a piece");
_Static_assert(2 * (CONSOLE_PORTS_ALL + 1) <= VIRTIO_QUEUES_MAX, "a pair a port");

static struct virtio_console *console_of(struct virtio_device *d)
{
	return CONTAINER_OF(d, struct virtio_console, dev);
}

/* 5.3.2 */
static unsigned rx_queue(const struct console_port *p)
{
	return p->index ? 2 * (p->index + 1) : 0;
}

static unsigned tx_queue(const struct console_port *p)
{
	return rx_queue(p) + 1;
}

bool console_port_open(const struct console_port *p)
{
	return p->guest_open ||
	       (!p->index && !virtio_has(&p->console->dev, CONSOLE_F_MULTIPORT));
}

/* What is left of the chain in hand; false when the backend is full before. */
static bool send_chain(struct console_port *p)
{
	const struct chardev_ops *ops = p->cd->ops;
	u8 piece[PIECE];

	while (p->sent < p->tx.out_len) {
		u64 left = p->tx.out_len - p->sent;
		u64 n = left < PIECE ? left : PIECE;

		if (ops->full && ops->full(p->cd))
			return false;
		(void)vq_chain_read(&p->tx, p->sent, piece, n);
		ops->write(p->cd, piece, n);
		p->sent += n;
	}
	return true;
}

static void signal_output(struct console_port *p)
{
	struct virtio_console *c = p->console;

	if (p->index)
		virtio_signal(&c->dev, tx_queue(p));
	else if (!c->interrupt.queued)
		timer_set(&c->interrupt, platform_clock_ns() + INTERRUPT_DELAY_NS);
}

/* The next chain to send. What was in the ring when the port was closed comes first. */
static bool take_chain(struct console_port *p)
{
	if (!virtio_pop(&p->console->dev, tx_queue(p), &p->tx))
		return false;
	p->sent = 0;
	p->sending = true;
	if (p->closing && p->closing_in)
		p->closing_in--;
	return true;
}

void console_port_close(struct console_port *p)
{
	p->closing = true;
	p->closing_in = vq_waiting(&p->console->dev.queues[tx_queue(p)]);
	if (!p->sending && !p->closing_in)
		console_port_closed(p);
	else
		console_port_send(p);
}

void console_port_send(struct console_port *p)
{
	struct virtio_console *c = p->console;
	bool pushed = false;

	while (p->sending || take_chain(p)) {
		if (!send_chain(p)) {
			if (!p->cd->ops->calls_room)
				timer_set(&c->retry, platform_clock_ns() + RETRY_NS);
			break;
		}
		p->sending = false;
		vq_push(&c->dev.queues[tx_queue(p)], &p->tx, 0);
		pushed = true;
		if (p->closing && !p->closing_in)
			console_port_closed(p);
	}
	if (pushed)
		signal_output(p);
}

static void console_retry(struct timer *t)
{
	struct virtio_console *c = CONTAINER_OF(t, struct virtio_console, retry);

	for (unsigned i = 0; i < c->port_count; i++)
		if (c->ports[i].sending)
			console_port_send(&c->ports[i]);
}

static void console_interrupt(struct timer *t)
{
	struct virtio_console *c = CONTAINER_OF(t, struct virtio_console, interrupt);

	virtio_signal(&c->dev, tx_queue(&c->ports[0]));
}

/* The backend takes more. */
static void port_room(void *ctx)
{
	struct console_port *p = ctx;

	console_port_send(p);
}

static void port_host_open(void *ctx, bool open)
{
	struct console_port *p = ctx;

	if (p->host_open == open)
		return;
	p->host_open = open;
	p->went_away |= !open;
	if (p->ready)
		console_control_due(p, DUE_OPEN);
}

/*
 * From the backend: fills what buffers the driver gave. Not before the port is
 * open: Linux would throw the bytes away.
 */
static size_t port_receive(void *ctx, const u8 *data, size_t n)
{
	struct console_port *p = ctx;
	struct virtio_console *c = p->console;
	size_t took = 0;

	if (!console_port_open(p) || p->closing)
		return 0;
	while (took < n && virtio_pop(&c->dev, rx_queue(p), &c->in)) {
		u64 left = n - took;
		u64 m = c->in.in_len < left ? c->in.in_len : left;

		(void)vq_chain_write(c->dev.vm, &c->in, 0, data + took, m);
		vq_push(&c->dev.queues[rx_queue(p)], &c->in, (u32)m);
		took += m;
	}
	virtio_signal(&c->dev, rx_queue(p));
	return took;
}

static void console_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_console *c = console_of(d);
	unsigned index = queue < 2 ? 0 : queue / 2 - 1;
	struct console_port *p = &c->ports[index];

	if (queue == CONSOLE_CONTROL_RX)
		console_control_tell(c);
	else if (queue == CONSOLE_CONTROL_TX)
		console_control_take(c);
	else if (!p->cd)
		return;
	else if (queue == tx_queue(p))
		console_port_send(p);
	else if (p->cd->ops->input_ready)
		p->cd->ops->input_ready(p->cd);
}

static void console_forget(struct virtio_device *d)
{
	struct virtio_console *c = console_of(d);

	timer_cancel(&c->retry);
	timer_cancel(&c->interrupt);
	for (unsigned i = 0; i < c->port_count; i++) {
		struct console_port *p = &c->ports[i];
		bool was_open = p->guest_open || p->closing;

		p->ready = p->guest_open = p->told_open = p->went_away = false;
		p->due = 0;
		p->sending = false;
		if (was_open)
			console_port_closed(p);
	}
}

static const struct virtio_device_ops console_ops = {
	.notify = console_notify,
	.reset = console_forget,
};

static void add_port(struct virtio_console *c, struct chardev *cd, const char *name,
		     bool host_open)
{
	struct console_port *p = &c->ports[c->port_count];

	*p = (struct console_port){ .console = c, .index = c->port_count++,
				    .cd = cd, .name = name, .host_open = host_open };
	if (!cd)
		return;
	cd->receive_ctx = p;
	cd->receive = port_receive;
	cd->room = port_room;
	cd->host_open = port_host_open;
}

static void init_device(struct virtio_console *c, struct vm *vm)
{
	c->dev = (struct virtio_device){
		.vm = vm, .ops = &console_ops, .name = "virtio console",
		.id = VIRTIO_ID_CONSOLE, .queue_count = 2 * (c->port_count + 1),
		.features = CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT,
		.config_size = CONSOLE_CONFIG_SIZE,
	};
	put_le32(c->dev.config + CONSOLE_CONFIG_PORTS, c->port_count);
	timer_init(&c->retry, vm, console_retry);
	timer_init(&c->interrupt, vm, console_interrupt);
	virtio_init(&c->dev);
}

/* The backends forget the device. */
static void leave_backends(struct virtio_console *c)
{
	for (unsigned i = 0; i < c->port_count; i++) {
		struct chardev *cd = c->ports[i].cd;

		if (!cd)
			continue;
		cd->receive = NULL;
		cd->room = NULL;
		cd->host_open = NULL;
	}
}

int virtio_console_create(struct vm *vm, struct pci_host *host, struct chardev *console,
			  const struct virtio_console_port *ports, unsigned count,
			  struct virtio_console **out)
{
	struct virtio_console *c;
	int r;

	if (count > VIRTIO_CONSOLE_PORTS)
		return -EINVAL;
	c = platform_alloc(sizeof *c);
	if (!c)
		return -ENOMEM;
	add_port(c, console, NULL, true);
	for (unsigned i = 0; i < count; i++)
		add_port(c, ports[i].chardev, ports[i].name, ports[i].host_open);
	init_device(c, vm);
	r = virtio_pci_create(host, &c->dev, 0x078000, &c->pci);
	if (r) {
		leave_backends(c);
		platform_free(c, sizeof *c);
		return r;
	}
	*out = c;
	return 0;
}

void virtio_console_resize(struct virtio_console *c, u16 columns, u16 rows)
{
	put_le16(c->dev.config + CONSOLE_CONFIG_COLS, columns);
	put_le16(c->dev.config + CONSOLE_CONFIG_ROWS, rows);
	if (c->ports[0].ready)
		console_control_due(&c->ports[0], DUE_SIZE);
	else if (virtio_running(&c->dev) && virtio_has(&c->dev, CONSOLE_F_SIZE))
		virtio_config_changed(&c->dev);
}

void virtio_console_reset(struct virtio_console *c)
{
	virtio_pci_reset(c->pci);
}

void virtio_console_destroy(struct virtio_console *c)
{
	if (!c)
		return;
	leave_backends(c);
	timer_cancel(&c->retry);
	timer_cancel(&c->interrupt);
	virtio_pci_destroy(c->pci);
	platform_free(c, sizeof *c);
}
