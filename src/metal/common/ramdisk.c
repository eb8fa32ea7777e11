/* SPDX-License-Identifier: Apache-2.0 */
/* Requests wait until the VM's home looks: a backend never completes from submit. */
#include "ramdisk.h"

#include <trivet/bits.h>
#include <trivet/error.h>
#include <trivet/string.h>

static struct ramdisk *ramdisk_of(struct blockdev *b)
{
	return CONTAINER_OF(b, struct ramdisk, blockdev);
}

static void ramdisk_submit(struct blockdev *b, struct block_request *r)
{
	struct ramdisk *d = ramdisk_of(b);

	r->next = NULL;
	if (d->last)
		d->last->next = r;
	else
		d->first = r;
	d->last = r;
	d->wake(d->wake_ctx);
}

static const struct blockdev_ops ramdisk_ops = { .submit = ramdisk_submit };

void ramdisk_init(struct ramdisk *d, u8 *data, u64 size, bool read_only,
		  void (*wake)(void *ctx), void *wake_ctx)
{
	*d = (struct ramdisk){ .data = data, .wake = wake, .wake_ctx = wake_ctx };
	d->blockdev.ops = &ramdisk_ops;
	d->blockdev.size = size;
	d->blockdev.read_only = read_only;
	d->blockdev.discard = true;
}

static void copy(struct ramdisk *d, const struct block_request *r)
{
	u8 *at = d->data + r->offset;

	for (unsigned i = 0; i < r->count; i++) {
		const struct mem_segment *s = &r->segments[i];

		if (r->op == BLOCK_READ)
			memcpy(s->host, at, s->len);
		else
			memcpy(at, s->host, s->len);
		at += s->len;
	}
}

static int do_request(struct ramdisk *d, const struct block_request *r)
{
	if (r->op == BLOCK_FLUSH)
		return 0;
	if (!range_within(r->offset, r->length, 0, d->blockdev.size))
		return -EIO;
	if (r->op != BLOCK_READ && d->blockdev.read_only)
		return -EIO;
	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE)
		copy(d, r);
	else if (r->op == BLOCK_WRITE_ZEROES)
		memset(d->data + r->offset, 0, r->length);
	return 0;
}

void ramdisk_serve(struct ramdisk *d)
{
	while (d->first) {
		struct block_request *r = d->first;

		d->first = r->next;
		if (!d->first)
			d->last = NULL;
		r->done(r, do_request(d, r));
	}
}
