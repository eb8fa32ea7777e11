/* SPDX-License-Identifier: Apache-2.0 */
/* What every virtio device does: virtio 1.2, 2.1 to 2.3 and 3.1. */
#include <trivet/bits.h>
#include <trivet/virtio/device.h>

#define COMMON_FEATURES \
	(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

void virtio_init(struct virtio_device *d)
{
	d->features |= COMMON_FEATURES;
	for (unsigned i = 0; i < d->queue_count; i++)
		vq_reset(&d->queues[i], d->vm);
}

bool virtio_has(const struct virtio_device *d, u64 feature)
{
	return (d->driver_features & feature) == feature;
}

bool virtio_running(const struct virtio_device *d)
{
	return (d->status & VIRTIO_STATUS_DRIVER_OK) && !d->resetting &&
	       !(d->status & VIRTIO_STATUS_NEEDS_RESET);
}

void virtio_fail(struct virtio_device *d, const char *what)
{
	if (d->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	d->status |= VIRTIO_STATUS_NEEDS_RESET;
	platform_log(LOG_WARN, "%s: stopped, the guest's driver broke a rule: %s",
		     d->name, what);
	if (d->status & VIRTIO_STATUS_DRIVER_OK)
		virtio_config_changed(d);
}

bool virtio_pop(struct virtio_device *d, unsigned queue, struct vq_chain *c)
{
	struct virtqueue *q = &d->queues[queue];
	int r;

	if (!virtio_running(d))
		return false;
	r = vq_pop(q, c);
	if (r < 0)
		virtio_fail(d, q->fault);
	return r > 0;
}

void virtio_signal(struct virtio_device *d, unsigned queue)
{
	struct virtqueue *q = &d->queues[queue];

	if (virtio_running(d) && vq_must_notify(q))
		d->transport->interrupt(d->transport_ctx, q);
}

void virtio_config_changed(struct virtio_device *d)
{
	d->config_generation++;
	d->transport->config_interrupt(d->transport_ctx);
}

void virtio_reset(struct virtio_device *d)
{
	if (d->ops->reset)
		d->ops->reset(d);
	d->resetting = false;
	d->status = 0;
	d->driver_features = 0;
	for (unsigned i = 0; i < d->queue_count; i++)
		vq_reset(&d->queues[i], d->vm);
}

void virtio_get(struct virtio_device *d)
{
	d->in_flight++;
}

bool virtio_put(struct virtio_device *d)
{
	d->in_flight--;
	if (d->resetting && !d->in_flight) {
		virtio_reset(d);
		d->transport->reset_done(d->transport_ctx);
		return false;
	}
	return virtio_running(d);
}

static void start_reset(struct virtio_device *d)
{
	d->resetting = true;
	if (d->in_flight)
		return;
	virtio_reset(d);
	d->transport->reset_done(d->transport_ctx);
}

/* FEATURES_OK sticks only when the choice is one that we support (2.2.2). */
static bool features_ok(const struct virtio_device *d)
{
	return !(d->driver_features & ~d->features) &&
	       (d->driver_features & VIRTIO_F_VERSION_1);
}

void virtio_set_status(struct virtio_device *d, u8 status)
{
	u8 set = (u8)(status & ~d->status);

	if (d->resetting)
		return;
	if (!status) {
		start_reset(d);
		return;
	}
	if ((set & VIRTIO_STATUS_FEATURES_OK) && !features_ok(d))
		set &= (u8)~VIRTIO_STATUS_FEATURES_OK;
	set &= (u8)~VIRTIO_STATUS_NEEDS_RESET; /* ours alone */
	d->status |= set; /* bits are never taken back but by a reset (2.1.1) */
	if (!(set & VIRTIO_STATUS_DRIVER_OK))
		return;
	if (!(d->status & VIRTIO_STATUS_FEATURES_OK)) {
		virtio_fail(d, "DRIVER_OK without FEATURES_OK");
		return;
	}
	if (virtio_running(d) && d->ops->start)
		d->ops->start(d);
	/* chains may wait already: notifications before DRIVER_OK do not count */
	for (unsigned i = 0; i < d->queue_count; i++)
		virtio_notify(d, i);
}

void virtio_set_features(struct virtio_device *d, u64 features)
{
	if (!(d->status & VIRTIO_STATUS_FEATURES_OK))
		d->driver_features = features;
}

void virtio_enable_queue(struct virtio_device *d, unsigned queue)
{
	struct virtqueue *q = &d->queues[queue];

	if (d->resetting || q->enabled)
		return;
	if (!(d->status & VIRTIO_STATUS_FEATURES_OK))
		virtio_fail(d, "a queue was enabled before FEATURES_OK");
	else if (vq_enable(q, virtio_has(d, VIRTIO_F_INDIRECT_DESC),
			   virtio_has(d, VIRTIO_F_EVENT_IDX)))
		virtio_fail(d, q->fault);
}

void virtio_notify(struct virtio_device *d, unsigned queue)
{
	if (queue < d->queue_count && virtio_running(d) && d->queues[queue].enabled)
		d->ops->notify(d, queue);
}
