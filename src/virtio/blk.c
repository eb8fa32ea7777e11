/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio block device: virtio 1.2, 5.2. */
#include <trivet/bits.h>
#include <trivet/string.h>
#include <trivet/virtio/blk.h>

#define F_SEG_MAX BIT(2)
#define F_RO BIT(5)
#define F_BLK_SIZE BIT(6)
#define F_FLUSH BIT(9)
#define F_DISCARD BIT(13)
#define F_WRITE_ZEROES BIT(14)

enum { /* configuration, 5.2.4 */
	CONFIG_CAPACITY = 0,
	CONFIG_SEG_MAX = 12,
	CONFIG_BLK_SIZE = 20,
	CONFIG_MAX_DISCARD = 36,
	CONFIG_MAX_DISCARD_SEG = 40,
	CONFIG_DISCARD_ALIGN = 44,
	CONFIG_MAX_ZEROES = 48,
	CONFIG_MAX_ZEROES_SEG = 52,
	CONFIG_ZEROES_UNMAP = 56,
	CONFIG_SIZE = 60,
};

_Static_assert(VQ_SIZE_MAX <= BLOCK_SEGMENTS_MAX, "what a backend is promised");

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

#define HEADER_SIZE 16
#define RANGE_SIZE 16 /* of a discard or write-zeroes request */
#define RANGE_UNMAP 1u
#define MAX_RANGE_SECTORS 0x400000u /* 2 GiB at once */
/* Chains taken before others get vm->lock: a guest that never stops offering must
 * not keep it. */
#define TAKE_MAX 256
#define TAKE_PAUSE_NS 10000

/* In the order of enum block_op. */
static const char *const op_names[] = { "read", "write", "flush", "discard",
					"write_zeroes" };

struct blk_slot {
	struct block_request io;
	struct virtio_blk *blk;
	struct blk_slot *next_free;
	u64 start_ns;
	struct vq_chain chain;
	struct mem_segment data[VQ_SIZE_MAX];
};

struct virtio_blk {
	struct virtio_device dev;
	struct virtio_pci *pci;
	struct blockdev *backend;
	struct timer more; /* chains were left in the ring */
	struct io_group io;
	struct io_stats stats[ARRAY_SIZE(op_names)];
	struct blk_slot *free;
	struct blk_slot slots[VIRTIO_BLK_IN_FLIGHT];
};

static void slot_free(struct blk_slot *s)
{
	s->next_free = s->blk->free;
	s->blk->free = s;
}

/* The status is the last byte of what the device may write. */
static void slot_finish(struct blk_slot *s, u8 status)
{
	struct virtio_blk *b = s->blk;

	(void)vq_chain_write(b->dev.vm, &s->chain, s->chain.in_len - 1, &status, 1);
	vq_push(&b->dev.queues[0], &s->chain,
		s->chain.in_len > ~(u32)0 ? ~(u32)0 : (u32)s->chain.in_len);
	slot_free(s);
}

static void blk_take(struct virtio_blk *b);

static void blk_done(struct block_request *r, int result)
{
	struct blk_slot *s = CONTAINER_OF(r, struct blk_slot, io);
	struct virtio_blk *b = s->blk;

	io_stats_record(&b->stats[r->op], platform_clock_ns() - s->start_ns, r->length,
			!result);
	if (r->op == BLOCK_READ)
		vq_chain_written(b->dev.vm, &s->chain, r->length);
	if (!virtio_put(&b->dev)) {
		slot_free(s); /* its driver is gone */
		return;
	}
	slot_finish(s, result ? S_IOERR : S_OK);
	blk_take(b); /* chains may wait for a slot */
	virtio_signal(&b->dev, 0);
}

/* -1 when blk_done will be called, else how it ended. */
static int slot_submit(struct blk_slot *s)
{
	struct virtio_blk *b = s->blk;
	const struct blockdev_ops *ops = b->backend->ops;
	struct io_stats *stats = &b->stats[s->io.op];

	s->start_ns = platform_clock_ns();
	if (ops->at_once && ops->at_once(b->backend, &s->io)) {
		if (s->io.op == BLOCK_READ)
			vq_chain_written(b->dev.vm, &s->chain, s->io.length);
		io_stats_record(stats, platform_clock_ns() - s->start_ns, s->io.length, true);
		return S_OK;
	}
	s->io.done = blk_done;
	virtio_get(&b->dev);
	ops->submit(b->backend, &s->io);
	return -1;
}

static bool sectors_ok(const struct virtio_blk *b, u64 sector, u64 length)
{
	u64 offset;

	return length % BLOCK_SECTOR == 0 &&
	       !mul_overflows(sector, BLOCK_SECTOR, &offset) &&
	       range_within(offset, length, 0, b->backend->size);
}

/* Each starts a request and returns -1, or says how it ended. */
static int start_transfer(struct blk_slot *s, u64 sector, bool write)
{
	struct virtio_blk *b = s->blk;
	const struct vq_chain *c = &s->chain;
	u64 length = write ? c->out_len - HEADER_SIZE : c->in_len - 1;

	if (!sectors_ok(b, sector, length) || (write && b->backend->read_only))
		return S_IOERR;
	if (!length)
		return S_OK;
	s->io = (struct block_request){
		.op = write ? BLOCK_WRITE : BLOCK_READ,
		/* no FLUSH, no write-back cache: 5.2.6.2 */
		.durable = write && !virtio_has(&b->dev, F_FLUSH),
		.offset = sector * BLOCK_SECTOR,
		.length = length,
		.segments = s->data,
		.count = vq_chain_slice(c, !write, write ? HEADER_SIZE : 0, length,
					s->data),
	};
	return slot_submit(s);
}

static int start_flush(struct blk_slot *s)
{
	s->io = (struct block_request){ .op = BLOCK_FLUSH };
	return slot_submit(s);
}

/* Discard and write-zeroes carry ranges; we announce that we take one at once. */
static int start_range(struct blk_slot *s, bool zeroes)
{
	struct virtio_blk *b = s->blk;
	u8 range[RANGE_SIZE];
	u64 sector, length;
	u32 flags;

	if (!virtio_has(&b->dev, zeroes ? F_WRITE_ZEROES : F_DISCARD))
		return S_UNSUPP;
	if (s->chain.out_len != HEADER_SIZE + RANGE_SIZE ||
	    !vq_chain_read(&s->chain, HEADER_SIZE, range, sizeof range))
		return S_IOERR;
	sector = get_le64(range);
	length = (u64)get_le32(range + 8) * BLOCK_SECTOR;
	flags = get_le32(range + 12);
	if (flags & ~RANGE_UNMAP || (!zeroes && flags)) /* 5.2.6.2 */
		return S_UNSUPP;
	if (length > (u64)MAX_RANGE_SECTORS * BLOCK_SECTOR ||
	    !sectors_ok(b, sector, length) || b->backend->read_only)
		return S_IOERR;
	if (!length)
		return S_OK;
	s->io = (struct block_request){
		.op = zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD,
		.durable = !virtio_has(&b->dev, F_FLUSH),
		.unmap = flags & RANGE_UNMAP,
		.offset = sector * BLOCK_SECTOR,
		.length = length,
	};
	return slot_submit(s);
}

static int get_id(struct blk_slot *s)
{
	struct virtio_blk *b = s->blk;

	if (s->chain.in_len < BLOCK_SERIAL_MAX + 1)
		return S_IOERR;
	(void)vq_chain_write(b->dev.vm, &s->chain, 0, b->backend->serial,
			     BLOCK_SERIAL_MAX);
	return S_OK;
}

static int start(struct blk_slot *s, u32 type, u64 sector)
{
	switch (type) {
	case T_IN: return start_transfer(s, sector, false);
	case T_OUT: return start_transfer(s, sector, true);
	case T_FLUSH: return start_flush(s);
	case T_GET_ID: return get_id(s);
	case T_DISCARD: return start_range(s, false);
	case T_ZEROES: return start_range(s, true);
	default: return S_UNSUPP;
	}
}

/* Takes one chain into a free slot and starts it; false when there is none. */
static bool take_one(struct virtio_blk *b)
{
	struct blk_slot *s = b->free;
	u8 header[HEADER_SIZE];
	int status;

	if (!virtio_pop(&b->dev, 0, &s->chain))
		return false;
	if (!s->chain.in_len || !vq_chain_read(&s->chain, 0, header, sizeof header)) {
		virtio_fail(&b->dev, "a request without header or status");
		return false;
	}
	b->free = s->next_free;
	status = start(s, get_le32(header), get_le64(header + 8));
	if (status >= 0)
		slot_finish(s, (u8)status);
	return true;
}

/* Starts what waits in the ring, as far as slots go. */
static void blk_take(struct virtio_blk *b)
{
	unsigned n = 0;

	while (b->free && n < TAKE_MAX && take_one(b))
		n++;
	if (n == TAKE_MAX)
		timer_set(&b->more, platform_clock_ns() + TAKE_PAUSE_NS);
	if (b->backend->ops->commit)
		b->backend->ops->commit(b->backend);
}

static void blk_more(struct timer *t)
{
	struct virtio_blk *b = CONTAINER_OF(t, struct virtio_blk, more);

	blk_take(b);
	virtio_signal(&b->dev, 0);
}

static void blk_notify(struct virtio_device *d, unsigned queue)
{
	struct virtio_blk *b = CONTAINER_OF(d, struct virtio_blk, dev);

	(void)queue;
	blk_take(b);
	virtio_signal(d, 0); /* for those that ended at once */
}

static void blk_reset(struct virtio_device *d)
{
	timer_cancel(&CONTAINER_OF(d, struct virtio_blk, dev)->more);
}

static const struct virtio_device_ops blk_ops = { .notify = blk_notify, .reset = blk_reset };

static void fill_config(struct virtio_blk *b)
{
	u8 *c = b->dev.config;

	put_le64(c + CONFIG_CAPACITY, b->backend->size / BLOCK_SECTOR);
	put_le32(c + CONFIG_SEG_MAX, VQ_SIZE_MAX - 2); /* header and status */
	put_le32(c + CONFIG_BLK_SIZE, BLOCK_SECTOR);
	put_le32(c + CONFIG_MAX_DISCARD, MAX_RANGE_SECTORS);
	put_le32(c + CONFIG_MAX_DISCARD_SEG, 1);
	put_le32(c + CONFIG_DISCARD_ALIGN, 8);
	put_le32(c + CONFIG_MAX_ZEROES, MAX_RANGE_SECTORS);
	put_le32(c + CONFIG_MAX_ZEROES_SEG, 1);
	c[CONFIG_ZEROES_UNMAP] = b->backend->discard;
	b->dev.config_size = CONFIG_SIZE;
}

int virtio_blk_create(struct vm *vm, struct pci_host *host, const char *name,
		      struct blockdev *backend, struct virtio_blk **out)
{
	struct virtio_blk *b = platform_alloc(sizeof *b);
	int r;

	if (!b)
		return -ENOMEM;
	b->backend = backend;
	b->dev = (struct virtio_device){
		.vm = vm, .ops = &blk_ops, .name = name, .id = VIRTIO_ID_BLOCK,
		.queue_count = 1,
		.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH |
			    (backend->read_only ? F_RO : F_WRITE_ZEROES) |
			    (backend->discard && !backend->read_only ? F_DISCARD : 0),
	};
	for (unsigned i = 0; i < VIRTIO_BLK_IN_FLIGHT; i++) {
		b->slots[i].blk = b;
		slot_free(&b->slots[i]);
	}
	timer_init(&b->more, vm, blk_more);
	fill_config(b);
	virtio_init(&b->dev);
	r = virtio_pci_create(host, &b->dev, 0x018000, &b->pci);
	if (r) {
		platform_free(b, sizeof *b);
		return r;
	}
	b->io = (struct io_group){ .kind = "block", .name = name,
				   .detail = backend->how, .ops = op_names,
				   .stats = b->stats, .count = ARRAY_SIZE(op_names) };
	vm_io_add(vm, &b->io);
	*out = b;
	return 0;
}

void virtio_blk_reset(struct virtio_blk *b)
{
	virtio_pci_reset(b->pci);
}

void virtio_blk_destroy(struct virtio_blk *b)
{
	if (!b)
		return;
	vm_io_remove(b->dev.vm, &b->io);
	timer_cancel(&b->more);
	virtio_pci_destroy(b->pci);
	platform_free(b, sizeof *b);
}
