/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over PCI: virtio 1.2, 4.1. One 64-bit BAR holds the structures that the
 * vendor capabilities point to, each in a page of its own, and MSI-X.
 */
#include <trivet/bits.h>
#include <trivet/string.h>
#include <trivet/virtio/pci.h>

#define BAR 0
#define BAR_SIZE 0x8000
#define COMMON_AT 0x0000
#define COMMON_SIZE 0x40
#define ISR_AT 0x1000
#define CONFIG_AT 0x2000
#define NOTIFY_AT 0x3000
#define NOTIFY_STEP 4
#define MSIX_AT 0x4000
#define PBA_AT 0x5000

#define NO_VECTOR 0xffff
#define ISR_QUEUE 1
#define ISR_CONFIG 2

enum cfg_type { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };

/* Offsets in the common configuration structure, 4.1.4.3. */
enum {
	DEVICE_FEATURE_SELECT = 0x00,
	DEVICE_FEATURE = 0x04,
	DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	DEVICE_STATUS = 0x14,
	CONFIG_GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFF = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
};

struct virtio_pci {
	struct pci_func func; /* first: the hooks come with it */
	struct virtio_device *dev;
	u32 device_select, driver_select;
	u64 driver_features; /* as written, before FEATURES_OK */
	u16 queue_select;
	u16 config_vector;
	u8 isr;
	unsigned window; /* of the PCI configuration access capability */
};

static u16 vector_or_none(const struct virtio_pci *p, u64 vector)
{
	return vector < p->func.msix.count ? (u16)vector : NO_VECTOR;
}

static void raise(struct virtio_pci *p, u8 cause, u16 vector)
{
	if (pci_msix_enabled(&p->func)) {
		if (vector != NO_VECTOR)
			pci_msix_send(&p->func, vector);
		return;
	}
	p->isr |= cause;
	pci_func_intx(&p->func, true);
}

static void pci_interrupt(void *ctx, const struct virtqueue *q)
{
	raise(ctx, ISR_QUEUE, q->msix_vector);
}

static void pci_config_interrupt(void *ctx)
{
	struct virtio_pci *p = ctx;

	raise(p, ISR_CONFIG, p->config_vector);
}

static void pci_reset_done(void *ctx)
{
	struct virtio_pci *p = ctx;

	p->device_select = p->driver_select = 0;
	p->driver_features = 0;
	p->queue_select = 0;
	p->config_vector = NO_VECTOR;
	p->isr = 0;
	pci_func_intx(&p->func, false);
}

static const struct virtio_transport_ops transport = {
	.interrupt = pci_interrupt,
	.config_interrupt = pci_config_interrupt,
	.reset_done = pci_reset_done,
};

static struct virtqueue *selected_queue(struct virtio_pci *p)
{
	return p->queue_select < p->dev->queue_count ?
		       &p->dev->queues[p->queue_select] : NULL;
}

/* One of the two 32-bit halves of a register; features have none beyond. */
static u32 half(u64 reg, u32 select)
{
	return select < 2 ? (u32)(reg >> (32 * select)) : 0;
}

/* The 64-bit register of a queue that an offset from QUEUE_DESC on is in. */
static u64 *queue_area(struct virtqueue *q, u64 offset)
{
	return offset < QUEUE_DRIVER ? &q->desc :
	       offset < QUEUE_DEVICE ? &q->driver : &q->device;
}

static u32 queue_dword(struct virtio_pci *p, u64 at)
{
	struct virtqueue *q = selected_queue(p);

	if (!q)
		return 0; /* size 0: there is no such queue */
	switch (at) {
	case QUEUE_SIZE:
		return q->size | (u32)q->msix_vector << 16;
	case QUEUE_ENABLE:
		return q->enabled | (u32)p->queue_select << 16; /* and its notify offset */
	default:
		return half(*queue_area(q, at), at / 4 % 2);
	}
}

/* 32 bits of the structure, at: a multiple of 4. Reading has no side effect. */
static u32 common_dword(struct virtio_pci *p, u64 at)
{
	const struct virtio_device *d = p->dev;

	switch (at) {
	case DEVICE_FEATURE_SELECT:
		return p->device_select;
	case DEVICE_FEATURE:
		return half(d->features, p->device_select);
	case DRIVER_FEATURE_SELECT:
		return p->driver_select;
	case DRIVER_FEATURE:
		return half(p->driver_features, p->driver_select);
	case CONFIG_VECTOR:
		return p->config_vector | (u32)d->queue_count << 16;
	case DEVICE_STATUS:
		return d->status | (u32)d->config_generation << 8 |
		       (u32)p->queue_select << 16;
	default:
		return at < QUEUE_DEVICE + 8 ? queue_dword(p, at) : 0;
	}
}

static u64 common_read(struct virtio_pci *p, u64 offset, unsigned size)
{
	unsigned have = 4 - offset % 4;
	u64 v = common_dword(p, offset & ~(u64)3) >> (32 - 8 * have);

	for (; have < size; have += 4)
		v |= (u64)common_dword(p, offset + have) << (8 * have);
	return v & bits_mask(8 * size);
}

/* Half or all of a 64-bit register. */
static void write_half(u64 *reg, u64 offset, unsigned size, u64 value)
{
	if (size == 8)
		*reg = value;
	else if (offset & 4)
		*reg = (u32)*reg | value << 32;
	else
		*reg = (*reg & ~(u64)0xffffffff) | (u32)value;
}

static void write_feature(struct virtio_pci *p, u32 value)
{
	if (p->driver_select >= 2)
		return;
	write_half(&p->driver_features, 4 * p->driver_select, 4, value);
	virtio_set_features(p->dev, p->driver_features);
}

static void queue_write(struct virtio_pci *p, u64 offset, unsigned size, u64 value)
{
	struct virtqueue *q = selected_queue(p);

	if (!q)
		return;
	if (offset == QUEUE_VECTOR && size == 2)
		q->msix_vector = vector_or_none(p, value);
	else if (offset == QUEUE_ENABLE && size == 2 && value == 1)
		virtio_enable_queue(p->dev, p->queue_select);
	else if (q->enabled)
		return; /* where it is stays as it is until a reset */
	else if (offset == QUEUE_SIZE && size == 2)
		q->size = (u16)value;
	else if (offset >= QUEUE_DESC && size >= 4 && offset % size == 0)
		write_half(queue_area(q, offset), offset, size, value);
}

/* Each field is written at its own width (4.1.3.1); other writes vanish. */
static void common_write(struct virtio_pci *p, u64 offset, unsigned size, u64 value)
{
	if (offset == DEVICE_FEATURE_SELECT && size == 4)
		p->device_select = (u32)value;
	else if (offset == DRIVER_FEATURE_SELECT && size == 4)
		p->driver_select = (u32)value;
	else if (offset == DRIVER_FEATURE && size == 4)
		write_feature(p, (u32)value);
	else if (offset == CONFIG_VECTOR && size == 2)
		p->config_vector = vector_or_none(p, value);
	else if (offset == DEVICE_STATUS && size == 1)
		virtio_set_status(p->dev, (u8)value);
	else if (offset == QUEUE_SELECT && size == 2)
		p->queue_select = (u16)value;
	else if (offset >= QUEUE_SIZE && offset < QUEUE_DEVICE + 8)
		queue_write(p, offset, size, value);
}

static u64 read_bytes(const u8 *from, u64 have, u64 offset, unsigned size)
{
	u8 v[8] = { 0 };

	if (!range_within(offset, size, 0, have))
		return ~(u64)0;
	memcpy(v, from + offset, size);
	return get_le64(v);
}

/* Reading it is the acknowledgement, 4.1.4.5. */
static u8 read_isr(struct virtio_pci *p)
{
	u8 isr = p->isr;

	p->isr = 0;
	pci_func_intx(&p->func, false);
	return isr;
}

static u64 bar_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct virtio_pci *p = ctx;

	(void)v;
	switch (offset & ~(u64)0xfff) {
	case COMMON_AT:
		return range_within(offset, size, COMMON_AT, COMMON_SIZE) ?
			       common_read(p, offset, size) : ~(u64)0;
	case ISR_AT:
		return offset == ISR_AT ? read_isr(p) : 0;
	case CONFIG_AT:
		return read_bytes(p->dev->config, p->dev->config_size,
				  offset - CONFIG_AT, size);
	default:
		return 0;
	}
}

static void bar_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	struct virtio_pci *p = ctx;
	struct virtio_device *d = p->dev;

	(void)v;
	switch (offset & ~(u64)0xfff) {
	case COMMON_AT:
		common_write(p, offset, size, value);
		break;
	case CONFIG_AT:
		if (d->ops->config_write && size <= 4 &&
		    range_within(offset - CONFIG_AT, size, 0, d->config_size))
			d->ops->config_write(d, (unsigned)(offset - CONFIG_AT), size,
					     (u32)value);
		break;
	case NOTIFY_AT:
		/* the place says which queue, as the value does */
		if (offset % NOTIFY_STEP == 0)
			virtio_notify(d, (unsigned)(offset - NOTIFY_AT) / NOTIFY_STEP);
		break;
	default:
		break;
	}
}

static const struct bus_ops bar_ops = { bar_read, bar_write };

/*
 * The window into the BAR through configuration space, 4.1.4.9: the capability
 * holds bar, offset and length, and an access to its last dword is one there.
 */
static bool window_access(struct pci_func *f, unsigned reg, u64 *offset,
			  unsigned *size)
{
	struct virtio_pci *p = CONTAINER_OF(f, struct virtio_pci, func);
	const u8 *cap = f->config + p->window;

	*offset = get_le32(cap + 8);
	*size = get_le32(cap + 12);
	return reg == p->window + 16 && cap[4] == BAR &&
	       (*size == 1 || *size == 2 || *size == 4) && *offset % *size == 0 &&
	       range_within(*offset, *size, 0, MSIX_AT);
}

static void config_reading(struct pci_func *f, unsigned reg, unsigned access)
{
	unsigned size;
	u64 offset;

	(void)access;
	if (window_access(f, reg, &offset, &size))
		put_le32(f->config + reg, (u32)(bar_read(f, NULL, offset, size) &
						bits_mask(8 * size)));
}

static void config_written(struct pci_func *f, unsigned reg, unsigned access)
{
	unsigned size;
	u64 offset;

	(void)access;
	if (window_access(f, reg, &offset, &size))
		bar_write(f, NULL, offset, size,
			  get_le32(f->config + reg) & bits_mask(8 * size));
}

static const struct pci_func_ops func_ops = { config_reading, config_written };

/* struct virtio_pci_cap, 4.1.4: len bytes in all, the last dword is extra's. */
static int add_cap(struct virtio_pci *p, enum cfg_type type, u32 offset, u32 length,
		   u8 len, u32 extra)
{
	u8 body[18] = { len, (u8)type, BAR };

	put_le32(body + 6, offset);
	put_le32(body + 10, length);
	put_le32(body + 14, extra);
	return pci_func_cap(&p->func, PCI_CAP_VENDOR, body, len);
}

static int describe(struct virtio_pci *p)
{
	const struct virtio_device *d = p->dev;
	int r = pci_func_bar(&p->func, BAR, BAR_SIZE, true, &bar_ops, p);

	if (!r)
		r = pci_func_msix(&p->func, d->queue_count + 1, BAR, MSIX_AT, PBA_AT);
	if (!r)
		r = pci_func_doorbells(&p->func, BAR, NOTIFY_AT, NOTIFY_STEP,
				       d->queue_count);
	if (!r)
		r = add_cap(p, CFG_COMMON, COMMON_AT, COMMON_SIZE, 16, 0);
	if (r >= 0)
		r = add_cap(p, CFG_NOTIFY, NOTIFY_AT, NOTIFY_STEP * d->queue_count, 20,
			    NOTIFY_STEP);
	if (r >= 0)
		r = add_cap(p, CFG_ISR, ISR_AT, 1, 16, 0);
	if (r >= 0 && d->config_size)
		r = add_cap(p, CFG_DEVICE, CONFIG_AT, d->config_size, 16, 0);
	if (r >= 0)
		r = add_cap(p, CFG_PCI, 0, 0, 20, 0);
	if (r < 0)
		return r;
	p->window = (unsigned)r;
	p->func.writable[r + 4] = 0xff;		 /* bar */
	memset(p->func.writable + r + 8, 0xff, 12); /* offset, length, data */
	return 0;
}

int virtio_pci_create(struct pci_host *host, struct virtio_device *d,
		      u32 class_code, struct virtio_pci **out)
{
	/* 4.1.2: transitional IDs end at 103fh; revision 1 and above is modern */
	const struct pci_id id = {
		.name = d->name, .vendor = 0x1af4, .device = (u16)(0x1040 + d->id),
		.subsystem_vendor = 0x1af4, .subsystem = (u16)(0x1040 + d->id),
		.class_code = class_code, .revision = 1, .intx = true,
	};
	struct virtio_pci *p = platform_alloc(sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	p->dev = d;
	d->transport = &transport;
	d->transport_ctx = p;
	pci_func_init(&p->func, &id, &func_ops);
	r = describe(p);
	if (!r)
		r = pci_func_add(host, &p->func);
	if (r) {
		platform_free(p, sizeof *p);
		return r;
	}
	pci_reset_done(p);
	*out = p;
	return 0;
}

void virtio_pci_reset(struct virtio_pci *p)
{
	virtio_reset(p->dev);
	pci_reset_done(p);
}

void virtio_pci_destroy(struct virtio_pci *p)
{
	if (!p)
		return;
	pci_func_remove(&p->func);
	platform_free(p, sizeof *p);
}
