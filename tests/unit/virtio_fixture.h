/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of virtio for tests: guest memory, rings in it, a device on
 * the PCI bus driven through its BAR, and a disk whose requests the test ends.
 */
#ifndef TESTS_VIRTIO_FIXTURE_H
#define TESTS_VIRTIO_FIXTURE_H

#include <trivet/virtio/blk.h>
#include <trivet/virtio/console.h>
#include <trivet/virtio/rng.h>

#include "dev_fixture.h"

#define VX_RAM MIB(1)
#define VX_DESC 0x1000u
#define VX_AVAIL 0x2000u
#define VX_USED 0x3000u
#define VX_DATA 0x10000u
#define VX_DISK 65536u

static int vx_map(struct vm *vm, const struct mem_slot *slot)
{
	(void)vm, (void)slot;
	return 0;
}

static const struct engine_ops vx_engine = {
	.name = "none",
	.vm_init = dev_engine_vm_init,
	.vm_fini = dev_engine_vm_fini,
	.vcpu_init = dev_engine_vcpu_init,
	.vcpu_fini = dev_engine_vcpu_fini,
	.map = vx_map,
};

struct vx {
	struct vm vm;
	struct dev_lines lines;
	struct pci_host *pci;
	struct blockdev backend;
	struct block_request *first, **last; /* submitted, not ended */
	unsigned submitted;
	bool at_once; /* reads end in at_once */
	void (*on_read)(struct vx *x); /* and there this is called, if set */
	unsigned commits, ended_at_once;
	struct virtio_blk *blk;
	struct virtio_rng *rng;
	struct chardev chardev;
	struct virtio_console *console;
	u8 output[65536];
	size_t written, room;	/* room: bytes until the backend is full */
	unsigned invitations;
	u8 *ram;
	u16 avail;   /* the driver's index */
	unsigned messages;
	u8 disk[VX_DISK];
};

static inline void vx_submit(struct blockdev *b, struct block_request *r)
{
	struct vx *x = CONTAINER_OF(b, struct vx, backend);

	r->next = NULL;
	*x->last = r;
	x->last = &r->next;
	x->submitted++;
}

/* Ends the oldest request as a real backend would; false when there is none. */
static inline bool vx_end_one(struct vx *x, int result)
{
	struct block_request *r = x->first;
	u64 at;

	if (!r)
		return false;
	x->first = r->next;
	if (!x->first)
		x->last = &x->first;
	at = r->offset;
	for (unsigned i = 0; i < r->count && !result; i++) {
		const struct mem_segment *s = &r->segments[i];

		if (r->op == BLOCK_READ)
			memcpy(s->host, x->disk + at, s->len);
		else
			memcpy(x->disk + at, s->host, s->len);
		at += s->len;
	}
	if ((r->op == BLOCK_WRITE_ZEROES || r->op == BLOCK_DISCARD) && !result)
		memset(x->disk + r->offset, 0, r->length);
	r->done(r, result);
	return true;
}

static inline void vx_commit(struct blockdev *b)
{
	CONTAINER_OF(b, struct vx, backend)->commits++;
}

static inline bool vx_at_once(struct blockdev *b, const struct block_request *r)
{
	struct vx *x = CONTAINER_OF(b, struct vx, backend);
	u64 at = r->offset;

	if (!x->at_once || r->op != BLOCK_READ)
		return false;
	for (unsigned i = 0; i < r->count; at += r->segments[i++].len)
		memcpy(r->segments[i].host, x->disk + at, r->segments[i].len);
	x->ended_at_once++;
	if (x->on_read)
		x->on_read(x);
	return true;
}

static const struct blockdev_ops vx_backend_ops = { vx_submit, vx_commit, vx_at_once };

static inline void vx_write(struct chardev *cd, const u8 *data, size_t n)
{
	struct vx *x = CONTAINER_OF(cd, struct vx, chardev);

	for (size_t i = 0; i < n; i++)
		x->output[x->written++ % sizeof x->output] = data[i];
	x->room -= n < x->room ? n : x->room;
}

static inline void vx_input_ready(struct chardev *cd)
{
	CONTAINER_OF(cd, struct vx, chardev)->invitations++;
}

static inline bool vx_full(struct chardev *cd)
{
	return !CONTAINER_OF(cd, struct vx, chardev)->room;
}

static const struct chardev_ops vx_chardev_ops = {
	.write = vx_write, .input_ready = vx_input_ready, .full = vx_full,
};

static int vx_send(void *ctx, u64 address, u32 data)
{
	struct vx *x = ctx;

	(void)address, (void)data;
	x->messages++;
	return 0;
}

/* Device 1 is a disk, device 2 the entropy device, device 3 a console. */
static inline void vx_init(struct vx *x, bool read_only)
{
	struct error err;

	memset(x, 0, sizeof *x);
	memset(&fake, 0, sizeof fake);
	fake.counter_hz = 1000000000;
	vm_init(&x->vm, "test", &vx_engine, &err);
	irq_add_sink(&x->vm, &(struct irq_sink){ dev_line_set, &x->lines });
	irq_set_msi_sink(&x->vm, &(struct msi_sink){ vx_send, x });
	if (guest_mem_add(&x->vm, gpa(0), VX_RAM, MEM_READ | MEM_WRITE) ||
	    pci_host_create(&x->vm, &x->pci))
		__builtin_trap();
	x->ram = x->vm.mem.slots[0].host;
	x->last = &x->first;
	x->backend = (struct blockdev){ .ops = &vx_backend_ops, .size = VX_DISK,
					.read_only = read_only, .discard = !read_only,
					.serial = "serial-0" };
	x->chardev.ops = &vx_chardev_ops;
	x->room = 1u << 30;
	if (virtio_blk_create(&x->vm, x->pci, "test disk", &x->backend, &x->blk) ||
	    virtio_rng_create(&x->vm, x->pci, &x->rng) ||
	    virtio_console_create(&x->vm, x->pci, &x->chardev, NULL, 0,
				  &x->console))
		__builtin_trap();
}

static inline void vx_fini(struct vx *x)
{
	while (vx_end_one(x, -EIO))
		;
	virtio_blk_destroy(x->blk);
	virtio_rng_destroy(x->rng);
	virtio_console_destroy(x->console);
	pci_host_destroy(x->pci);
	if (x->vm.mmio.count || x->vm.pio.count || x->vm.timers)
		__builtin_trap();
	vm_fini(&x->vm);
}

static inline u64 vx_config(unsigned device, unsigned reg)
{
	return PCI_ECAM_BASE + (device << 15) + reg;
}

/* The BAR of a device; its memory decoding is turned on. */
static inline u64 vx_bar(struct vx *x, unsigned device)
{
	bus_write(&x->vm.mmio, NULL, vx_config(device, PCI_COMMAND), 2,
		  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return bus_read(&x->vm.mmio, NULL, vx_config(device, PCI_BAR0), 4) & ~0xfu;
}

static inline u64 vx_rd(struct vx *x, unsigned device, u64 at, unsigned size)
{
	return bus_read(&x->vm.mmio, NULL, vx_bar(x, device) + at, size);
}

static inline void vx_wr(struct vx *x, unsigned device, u64 at, unsigned size, u64 v)
{
	bus_write(&x->vm.mmio, NULL, vx_bar(x, device) + at, size, v);
}

/* As a driver does it: 3.1.1. One queue of size entries, at VX_DESC and so on. */
static inline void vx_start_queue(struct vx *x, unsigned device, u64 features, u16 queue,
				  u16 size)
{
	features |= VIRTIO_F_VERSION_1;
	x->avail = 0;
	memset(x->ram, 0, VX_DATA);
	vx_wr(x, device, 0x14, 1, 0);
	vx_wr(x, device, 0x14, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		vx_wr(x, device, 0x08, 4, i);
		vx_wr(x, device, 0x0c, 4, (u32)(features >> (32 * i)));
	}
	vx_wr(x, device, 0x14, 1, 11);
	vx_wr(x, device, 0x16, 2, queue);
	vx_wr(x, device, 0x18, 2, size);
	vx_wr(x, device, 0x20, 4, VX_DESC);
	vx_wr(x, device, 0x28, 4, VX_AVAIL);
	vx_wr(x, device, 0x30, 4, VX_USED);
	vx_wr(x, device, 0x1c, 2, 1);
	vx_wr(x, device, 0x14, 1, 15);
}

static inline void vx_start(struct vx *x, unsigned device, u64 features, u16 size)
{
	vx_start_queue(x, device, features, 0, size);
}

static inline u8 vx_status(struct vx *x, unsigned device)
{
	return (u8)vx_rd(x, device, 0x14, 1);
}

static inline void vx_desc_at(struct vx *x, u64 table, unsigned i, u64 addr, u32 len,
			      unsigned flags, unsigned next)
{
	u8 *d = x->ram + table + 16 * i;

	put_le64(d, addr);
	put_le32(d + 8, len);
	put_le16(d + 12, (u16)flags);
	put_le16(d + 14, (u16)next);
}

static inline void vx_desc(struct vx *x, unsigned i, u64 addr, u32 len, unsigned flags,
			   unsigned next)
{
	vx_desc_at(x, VX_DESC, i, addr, len, flags, next);
}

/* Offers the chain that starts at head, without telling. */
static inline void vx_offer(struct vx *x, u16 size, u16 head)
{
	put_le16(x->ram + VX_AVAIL + 4 + 2 * (x->avail % size), head);
	x->avail++;
	put_le16(x->ram + VX_AVAIL + 2, x->avail);
}

static inline void vx_notify(struct vx *x, unsigned device)
{
	vx_wr(x, device, 0x3000, 2, 0);
}

static inline u16 vx_used(const struct vx *x)
{
	return get_le16(x->ram + VX_USED + 2);
}

/* Descriptors 0 to 2: a request of the disk with n bytes of data at VX_DATA. */
static inline void vx_request(struct vx *x, u32 type, u64 sector, u32 n, bool in)
{
	put_le32(x->ram + 0x8000, type);
	put_le32(x->ram + 0x8004, 0);
	put_le64(x->ram + 0x8008, sector);
	x->ram[0x8010] = 0xff;
	vx_desc(x, 0, 0x8000, 16, 1, n ? 1 : 2);
	vx_desc(x, 1, VX_DATA, n, in ? 3 : 1, 2);
	vx_desc(x, 2, 0x8010, 1, 2, 0);
}

#endif
