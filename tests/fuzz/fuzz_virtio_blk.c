/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk against a hostile driver. The first byte chooses features and backend;
 * then records of twelve bytes: descriptors, headers, ranges, rings, notifications,
 * requests that end well or badly, resets. The sanitizers judge; besides, a disk
 * never writes beyond what it has, and what it counts is what its backend saw.
 */
#include "virtio_fixture.h"

struct record {
	u8 op, flags;
	u16 a, b, c;
	u32 value;
};

#define DISK 1
#define HEADERS 0x8000u
#define Q 16u

static void check(bool ok)
{
	if (!ok)
		__builtin_trap();
}

/* A request of any type with its data cut into up to three pieces. */
static void request(struct vx *x, const struct record *r)
{
	static const u32 types[] = { 0, 1, 4, 8, 11, 13, 2, 99 };
	u32 type = types[r->flags & 7], data = r->b & 0x3fff;
	u64 sector = r->flags & 0x80 ? (u64)r->value << 32 | r->value : r->value & 0xff;
	unsigned head = r->a & (Q - 1), pieces = r->c & 3, at = head;
	bool in = type == 0 || type == 8;
	u64 header = HEADERS + 64 * head;

	put_le32(x->ram + header, type);
	put_le64(x->ram + header + 8, sector);
	if (type == 11 || type == 13) { /* a range */
		put_le64(x->ram + VX_DATA, sector);
		put_le32(x->ram + VX_DATA + 8, r->c >> 2);
		put_le32(x->ram + VX_DATA + 12, r->flags >> 4 & 3);
		data = r->b & 0x8000 ? data : 16;
		pieces = 1;
	}
	vx_desc(x, at, header, 16, 1, at + 1);
	for (unsigned i = 0; i < pieces; i++, at++)
		vx_desc(x, (at + 1) & (Q - 1), VX_DATA + i * 0x4000, data / pieces,
			in ? 3 : 1, (at + 2) & (Q - 1));
	vx_desc(x, (at + 1) & (Q - 1), header + 32, r->flags & 8 ? 32 : 1, 2, 0);
	vx_offer(x, Q, (u16)head);
}

static void ring(struct vx *x, const struct record *r)
{
	switch (r->flags & 7) {
	case 0:
		vx_offer(x, Q, r->a);
		break;
	case 1:
		put_le16(x->ram + VX_AVAIL + 2, r->a);
		x->avail = r->a;
		break;
	case 2: /* an indirect table */
		vx_desc(x, r->a & (Q - 1), 0x9000, r->b & 0x1ff, 4 | (r->c & 3), r->c);
		break;
	case 3:
		vx_desc_at(x, 0x9000, r->a & 31, r->value, r->b, r->c & 7, r->c >> 3 & 31);
		break;
	case 4:
		vx_desc(x, r->a & (Q - 1), r->value, (u32)r->b << (r->c >> 12), r->c & 7,
			r->c >> 3 & 31);
		break;
	case 5:
		put_le32(x->ram + (r->a & 0xfffc), r->value);
		break;
	default: /* the event index, far or near */
		put_le16(x->ram + VX_AVAIL + 4 + 2 * Q, r->a);
		break;
	}
}

/* Another vCPU keeps offering. */
static void more(struct vx *x)
{
	if (x->ended_at_once & 1)
		vx_offer(x, Q, (u16)(x->ended_at_once >> 1 & (Q - 1)));
}

static void step(struct vx *x, const struct record *r)
{
	switch (r->op & 7) {
	case 0:
	case 1:
		request(x, r);
		break;
	case 2:
		ring(x, r);
		break;
	case 3:
	case 4:
		vx_notify(x, DISK);
		break;
	case 5:
		fake.clock_ns += r->value;
		timers_run(&x->vm);
		(void)vx_end_one(x, r->flags & 1 ? -EIO : 0);
		break;
	case 6:
		x->at_once = r->flags & 1;
		x->on_read = r->flags & 2 ? more : NULL;
		if (r->flags & 4)
			vx_start(x, DISK, VIRTIO_F_INDIRECT_DESC | (r->a & 0x7fffffff), Q);
		break;
	default:
		vx_wr(x, DISK, r->a & 0x7fff, 1u << (r->flags & 3), r->value);
		(void)vx_rd(x, DISK, r->b & 0x7fff, 1u << (r->flags >> 2 & 3));
		break;
	}
}

/* The counts of everything that ended, by the device and by its backend. */
static u64 counted(const struct vx *x)
{
	const struct io_group *g = x->vm.io;
	u64 n = 0;

	for (unsigned i = 0; i < g->count; i++)
		n += g->stats[i].count;
	return n;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct vx machines[2];
	static bool made;
	u64 before;
	struct record r;
	struct vx *x;

	if (!made)
		for (unsigned i = 0; i < 2; i++)
			vx_init(&machines[i], i == 1);
	made = true;
	if (!size)
		return 0;
	x = &machines[data[0] & 1];
	before = counted(x);
	x->submitted = x->ended_at_once = 0;
	x->at_once = data[0] & 8;
	vx_start(x, DISK, (data[0] & 2 ? VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX : 0) |
			  (data[0] & 4 ? BIT(9) | BIT(13) | BIT(14) : 0), Q);
	for (data++, size--; size >= sizeof r; data += sizeof r, size -= sizeof r) {
		memcpy(&r, data, sizeof r);
		step(x, &r);
	}
	x->on_read = NULL;
	while (vx_end_one(x, 0))
		check(x->submitted <= 1u << 20);
	check(counted(x) - before == x->submitted + (u64)x->ended_at_once);
	virtio_blk_reset(x->blk);
	pci_host_reset(x->pci);
	check(!x->lines.level && !vx_status(x, DISK) && !x->vm.timers);
	return 0;
}
