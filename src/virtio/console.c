/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio console, one port: virtio 1.2, 5.3. */
#include <trivet/bits.h>
#include <trivet/virtio/console.h>

enum { RX, TX, QUEUES };

#define CONFIG_SIZE 12 /* all of it belongs to features that are not offered */
#define PIECE 1024
#define RETRY_NS 2000000 /* while the backend takes no more */

struct virtio_console {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct chardev *cd;
	struct timer retry;
	bool sending; /* tx is taken, up to sent */
	u64 sent;
	struct vq_chain tx, rx;
};

static struct virtio_console *console_of(struct virtio_device *d)
{
	return CONTAINER_OF(d, struct virtio_console, dev);
}

/* What is left of the chain in hand; false when the backend is full before. */
static bool send_chain(struct virtio_console *c)
{
	const struct chardev_ops *ops = c->cd->ops;
	u8 piece[PIECE];

	while (c->sent < c->tx.out_len) {
		u64 left = c->tx.out_len - c->sent;
		u64 n = left < PIECE ? left : PIECE;

		if (ops->full && ops->full(c->cd))
			return false;
		(void)vq_chain_read(&c->tx, c->sent, piece, n);
		ops->write(c->cd, piece, n);
		c->sent += n;
	}
	return true;
}

static void console_send(struct virtio_console *c)
{
	while (c->sending || virtio_pop(&c->dev, TX, &c->tx)) {
		if (!c->sending)
			c->sent = 0;
		c->sending = true;
		if (!send_chain(c)) {
			timer_set(&c->retry, platform_clock_ns() + RETRY_NS);
			break;
		}
		c->sending = false;
		vq_push(&c->dev.queues[TX], &c->tx, 0);
	}
	virtio_signal(&c->dev, TX);
}

static void console_retry(struct timer *t)
{
	console_send(CONTAINER_OF(t, struct virtio_console, retry));
}

/* From the backend: fills what buffers the driver gave. */
static size_t console_receive(void *ctx, const u8 *data, size_t n)
{
	struct virtio_console *c = ctx;
	size_t took = 0;

	while (took < n && virtio_pop(&c->dev, RX, &c->rx)) {
		u64 left = n - took;
		u64 m = c->rx.in_len < left ? c->rx.in_len : left;

		(void)vq_chain_write(c->dev.vm, &c->rx, 0, data + took, m);
		vq_push(&c->dev.queues[RX], &c->rx, (u32)m);
		took += m;
	}
	virtio_signal(&c->dev, RX);
	return took;
}

static void console_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_console *c = console_of(d);

	if (queue == TX)
		console_send(c);
	else if (c->cd->ops->input_ready)
		c->cd->ops->input_ready(c->cd);
}

static void console_forget(struct virtio_device *d)
{
	struct virtio_console *c = console_of(d);

	c->sending = false;
	timer_cancel(&c->retry);
}

static const struct virtio_device_ops console_ops = {
	.notify = console_notify,
	.reset = console_forget,
};

int virtio_console_create(struct vm *vm, struct pci_host *host, struct chardev *cd,
			  struct virtio_console **out)
{
	struct virtio_console *c = platform_alloc(sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->cd = cd;
	c->dev = (struct virtio_device){
		.vm = vm, .ops = &console_ops, .name = "virtio console",
		.id = VIRTIO_ID_CONSOLE, .queue_count = QUEUES,
		.config_size = CONFIG_SIZE,
	};
	timer_init(&c->retry, vm, console_retry);
	virtio_init(&c->dev);
	r = virtio_pci_create(host, &c->dev, 0x078000, &c->pci);
	if (r) {
		platform_free(c, sizeof *c);
		return r;
	}
	cd->receive_ctx = c;
	cd->receive = console_receive;
	*out = c;
	return 0;
}

void virtio_console_reset(struct virtio_console *c)
{
	virtio_pci_reset(c->pci);
}

void virtio_console_destroy(struct virtio_console *c)
{
	if (!c)
		return;
	c->cd->receive = NULL;
	timer_cancel(&c->retry);
	virtio_pci_destroy(c->pci);
	platform_free(c, sizeof *c);
}
