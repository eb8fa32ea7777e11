/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device, whatever its transport: virtio 1.2, 2.1 to 2.3 and 3.1. The
 * device embeds a struct virtio_device; a transport (virtio/pci.h) drives it by
 * the functions at the end. With vm->lock held.
 */
#ifndef TRIVET_VIRTIO_DEVICE_H
#define TRIVET_VIRTIO_DEVICE_H

#include <trivet/virtio/queue.h>

struct virtio_device;

#define VIRTIO_QUEUES_MAX 20
#define VIRTIO_CONFIG_MAX 64

enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_VSOCK = 19,
};

enum virtio_status {
	VIRTIO_STATUS_ACKNOWLEDGE = 1,
	VIRTIO_STATUS_DRIVER = 2,
	VIRTIO_STATUS_DRIVER_OK = 4,
	VIRTIO_STATUS_FEATURES_OK = 8,
	VIRTIO_STATUS_NEEDS_RESET = 64,
	VIRTIO_STATUS_FAILED = 128,
};

#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX BIT(29)
#define VIRTIO_F_VERSION_1 BIT(32)

/* What the device does; all but notify may be NULL. */
struct virtio_device_ops {
	/* The driver says that queue may hold new chains. */
	void (*notify)(struct virtio_device *d, unsigned queue);
	/* The driver is ready (DRIVER_OK). */
	void (*start)(struct virtio_device *d);
	/* Forget the driver. Only called with nothing in flight. */
	void (*reset)(struct virtio_device *d);
	/* The driver wrote to config space. Checks, then keeps it or not. */
	void (*config_write)(struct virtio_device *d, unsigned offset, unsigned size,
			     u32 value);
};

/* How the device reaches its driver. */
struct virtio_transport_ops {
	void (*interrupt)(void *ctx, const struct virtqueue *q);
	void (*config_interrupt)(void *ctx);
	/* A reset that had to wait is done. */
	void (*reset_done)(void *ctx);
};

struct virtio_device {
	struct vm *vm;
	const struct virtio_device_ops *ops;
	const char *name; /* for messages; outlives the device */
	enum virtio_id id;
	u64 features; /* offered; the common ones are added by virtio_init */
	u8 config[VIRTIO_CONFIG_MAX];
	unsigned config_size;
	unsigned queue_count;

	u64 driver_features;
	u8 status;
	bool resetting;
	u8 config_generation;
	u32 in_flight; /* chains the device holds outside vm->lock */
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	const struct virtio_transport_ops *transport;
	void *transport_ctx;
};

/* d has vm, ops, name, id, features, config and queue_count filled in. */
void virtio_init(struct virtio_device *d);
bool virtio_has(const struct virtio_device *d, u64 feature);
/* Is the driver ready, and the device in order? Else it must not touch rings. */
bool virtio_running(const struct virtio_device *d);
/* The driver broke a rule: NEEDS_RESET, one line in the log. */
void virtio_fail(struct virtio_device *d, const char *what);
/* vq_pop that fails the device when the queue is broken: true with a chain. */
bool virtio_pop(struct virtio_device *d, unsigned queue, struct vq_chain *c);
/* Interrupts the driver if it wants to hear of what was pushed. */
void virtio_signal(struct virtio_device *d, unsigned queue);
/*
 * A device that hands a chain to a backend counts it as in flight and says when
 * the backend is done with its memory. A reset waits for that: the driver reads
 * a status that is not 0 until then (2.4.1, 4.1.4.3.2).
 */
void virtio_get(struct virtio_device *d);
/* True while the chain's driver is still there, so that it may be pushed. */
bool virtio_put(struct virtio_device *d);
/* The configuration changed. */
void virtio_config_changed(struct virtio_device *d);

/* For transports. */
void virtio_set_status(struct virtio_device *d, u8 status);
void virtio_set_features(struct virtio_device *d, u64 features);
/* 4.1.4.3.2: once; not to be undone but by a reset. */
void virtio_enable_queue(struct virtio_device *d, unsigned queue);
void virtio_notify(struct virtio_device *d, unsigned queue);
/* Power-up, with nothing in flight. */
void virtio_reset(struct virtio_device *d);

#endif
