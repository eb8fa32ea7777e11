/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues, the device's side: virtio 1.2, 2.7.
 *
 * Safety rules, which src/virtio/queue.c keeps and devices rely on:
 * 1. The guest may write rings, tables and buffers at any time. Every value is
 *    loaded from guest memory once, into a local or into struct vq_chain, and
 *    only that copy is checked and used.
 * 2. A chain has at most as many descriptors as the queue has entries, indirect
 *    ones included, so a loop ends there; an indirect table is entered once.
 * 3. Every (address, length) is turned into host memory with one overflow-checked
 *    look-up in guest RAM. Segments of a chain therefore stay valid as long as the
 *    VM; no ring index is used to reach memory without being reduced to the size.
 * 4. Anything that breaks the rules of the specification breaks the queue: vq_pop
 *    fails with a reason, and nothing more is taken from it or put on it until the
 *    next reset. The transport-independent device (virtio/device.h) turns that
 *    into NEEDS_RESET and one line of the log.
 * 5. Nothing here allocates, blocks, or runs longer than one chain takes.
 * With vm->lock held throughout, except that a backend may use a popped chain's
 * segments without it.
 */
#ifndef TRIVET_VIRTIO_QUEUE_H
#define TRIVET_VIRTIO_QUEUE_H

#include <trivet/segment.h>
#include <trivet/vm.h>

#define VQ_SIZE_MAX 128

/* One request: first what the device reads, then what it writes. */
struct vq_chain {
	u16 head;
	u16 count;   /* segments in all */
	u16 out;     /* of those, the device reads the first */
	u64 out_len; /* bytes to read, bytes to write */
	u64 in_len;
	struct mem_segment segments[VQ_SIZE_MAX];
};

struct virtqueue {
	struct vm *vm;
	/* Set by the transport while not enabled. */
	u16 size;
	u64 desc, driver, device;
	u16 msix_vector; /* the transport's */
	/* Set by vq_enable. */
	bool enabled, broken, indirect, event_idx;
	const char *fault; /* static text, once broken */
	const u8 *desc_host;
	u8 *avail, *used;
	u16 next_avail, next_used;
	u16 signalled; /* next_used at the last look whether to notify */
	bool signalled_valid;
};

/* Power-up: not enabled, of the greatest size. */
void vq_reset(struct virtqueue *q, struct vm *vm);
/*
 * Looks up the rings. -EINVAL when the size is no power of two up to VQ_SIZE_MAX,
 * or a ring is misaligned or not wholly in guest RAM: q->fault says what.
 */
int vq_enable(struct virtqueue *q, bool indirect, bool event_idx);

/*
 * Takes the next chain: 1; 0 when there is none (then the driver will notify for
 * the next one); -EINVAL when the queue is or just got broken.
 */
int vq_pop(struct virtqueue *q, struct vq_chain *c);
/* Gives a chain back, written bytes of it filled from the start. */
void vq_push(struct virtqueue *q, const struct vq_chain *c, u32 written);
/* One chain's entry of the used ring. */
struct vq_used {
	u16 head;
	u32 written;
};
/* Gives n chains back at once: the driver sees all of them or none. */
void vq_push_all(struct virtqueue *q, const struct vq_used *used, unsigned n);
/* The last n chains that were popped will be popped again: none of them, and
 * none after them, has been given back. */
void vq_unpop(struct virtqueue *q, u16 n);
/* How many chains wait to be popped, as the driver has it now: a number to go by,
 * not one to trust. */
u16 vq_waiting(const struct virtqueue *q);
/* Were chains pushed since the last call, and does the driver want to be notified
 * of them? */
bool vq_must_notify(struct virtqueue *q);

/* Copies n bytes of the readable part from offset; false when not there. */
bool vq_chain_read(const struct vq_chain *c, u64 offset, void *dst, u64 n);
/* Copies to the writable part at offset; false when not there. */
bool vq_chain_write(struct vm *vm, const struct vq_chain *c, u64 offset,
		    const void *src, u64 n);
/* Tells the engine that the first n writable bytes were written directly. */
void vq_chain_written(struct vm *vm, const struct vq_chain *c, u64 n);
/*
 * The part [offset, offset+n) of the readable (or writable) half, as segments in
 * out, which has room for VQ_SIZE_MAX. Returns how many; 0 when not there.
 */
unsigned vq_chain_slice(const struct vq_chain *c, bool writable, u64 offset, u64 n,
			struct mem_segment *out);

#endif
