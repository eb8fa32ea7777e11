/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues: virtio 1.2, 2.7. The safety rules are in the header. */
#include <trivet/bits.h>
#include <trivet/string.h>
#include <trivet/virtio/queue.h>

#define DESC_SIZE 16
#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u

#define AVAIL_IDX 2
#define AVAIL_RING 4
#define AVAIL_NO_INTERRUPT 1u
#define USED_IDX 2
#define USED_RING 4
#define USED_ELEM 8

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

/* Ring fields are naturally aligned: vq_enable checked the rings' addresses. */
static u16 load16(const u8 *p)
{
	return __atomic_load_n((const u16 *)(const void *)p, __ATOMIC_ACQUIRE);
}

static void store16(u8 *p, u16 v)
{
	__atomic_store_n((u16 *)(void *)p, v, __ATOMIC_RELEASE);
}

/* Fields of the event index follow the rings (2.7.6 and 2.7.8). */
static const u8 *used_event(const struct virtqueue *q)
{
	return q->avail + AVAIL_RING + 2 * q->size;
}

static u8 *avail_event(const struct virtqueue *q)
{
	return q->used + USED_RING + USED_ELEM * q->size;
}

static void tell_engine(struct vm *vm, gpa_t a, u64 n)
{
	if (n && vm->engine->mem_written)
		vm->engine->mem_written(vm, a, n);
}

static int broken(struct virtqueue *q, const char *fault)
{
	q->broken = true;
	q->fault = fault;
	return -EINVAL;
}

void vq_reset(struct virtqueue *q, struct vm *vm)
{
	*q = (struct virtqueue){ .vm = vm, .size = VQ_SIZE_MAX,
				 .msix_vector = 0xffff };
}

static void *ring(const struct virtqueue *q, u64 addr, u64 align, u64 n)
{
	return addr & (align - 1) ? NULL : guest_mem_ptr(q->vm, gpa(addr), n);
}

int vq_enable(struct virtqueue *q, bool indirect, bool event_idx)
{
	u64 n = q->size;

	if (!n || n > VQ_SIZE_MAX || n & (n - 1))
		return broken(q, "queue size is no power of two up to 128");
	/* alignment: 2.7, table */
	q->desc_host = ring(q, q->desc, 16, DESC_SIZE * n);
	q->avail = ring(q, q->driver, 2, AVAIL_RING + 2 * n + 2);
	q->used = ring(q, q->device, 4, USED_RING + USED_ELEM * n + 2);
	if (!q->desc_host || !q->avail || !q->used)
		return broken(q, "a ring is misaligned or not in guest memory");
	q->indirect = indirect;
	q->event_idx = event_idx;
	q->enabled = true;
	return 0;
}

static struct desc load_desc(const u8 *p)
{
	u8 raw[DESC_SIZE];

	memcpy(raw, p, sizeof raw);
	return (struct desc){ get_le64(raw), get_le32(raw + 8), get_le16(raw + 12),
			      get_le16(raw + 14) };
}

/* Adds the buffer of d; empty ones leave no segment. */
static int add_segment(struct virtqueue *q, struct vq_chain *c, const struct desc *d)
{
	bool writable = d->flags & DESC_WRITE;
	u8 *host;

	if (!writable && c->out != c->count)
		return broken(q, "a readable buffer follows a writable one");
	if (!d->len)
		return 0;
	host = guest_mem_ptr(q->vm, gpa(d->addr), d->len);
	if (!host)
		return broken(q, "a buffer is not in guest memory");
	c->segments[c->count++] = (struct mem_segment){ host, gpa(d->addr), d->len };
	if (writable) {
		c->in_len += d->len;
	} else {
		c->out++;
		c->out_len += d->len;
	}
	return 0;
}

struct table {
	const u8 *host;
	u32 entries;
	bool nested; /* an indirect one */
};

/* An indirect table takes the place of the chain's rest (2.7.5.3). */
static int enter_indirect(struct virtqueue *q, const struct desc *d, struct table *t)
{
	if (!q->indirect)
		return broken(q, "an indirect table that was not negotiated");
	if (t->nested)
		return broken(q, "an indirect table in an indirect table");
	if (d->flags & DESC_NEXT)
		return broken(q, "a descriptor both indirect and continued");
	if (!d->len || d->len % DESC_SIZE)
		return broken(q, "an indirect table of an odd length");
	t->host = guest_mem_ptr(q->vm, gpa(d->addr), d->len);
	if (!t->host)
		return broken(q, "an indirect table is not in guest memory");
	t->entries = d->len / DESC_SIZE;
	t->nested = true;
	return 0;
}

static int walk_chain(struct virtqueue *q, struct vq_chain *c)
{
	struct table t = { q->desc_host, q->size, false };
	u32 at = c->head;

	for (unsigned seen = 0; seen < q->size;) {
		struct desc d;
		int r;

		if (at >= t.entries)
			return broken(q, "a descriptor's number is out of range");
		d = load_desc(t.host + (u64)DESC_SIZE * at);
		if (d.flags & DESC_INDIRECT) {
			r = enter_indirect(q, &d, &t);
			at = 0;
		} else {
			r = add_segment(q, c, &d);
			at = d.next;
			seen++;
		}
		if (r)
			return r;
		if (!(d.flags & (DESC_NEXT | DESC_INDIRECT)))
			return 0;
	}
	return broken(q, "a chain is longer than the queue, or loops");
}

/*
 * How many chains wait. When none does, the driver is asked to notify for the next,
 * and looked at again: it may have added one before it saw that (2.7.10).
 */
static int waiting(struct virtqueue *q, u16 *n)
{
	*n = (u16)(load16(q->avail + AVAIL_IDX) - q->next_avail);
	if (!*n && q->event_idx) {
		store16(avail_event(q), q->next_avail);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		*n = (u16)(load16(q->avail + AVAIL_IDX) - q->next_avail);
	}
	if (*n > q->size)
		return broken(q, "the available index is ahead by more than the queue");
	return 0;
}

int vq_pop(struct virtqueue *q, struct vq_chain *c)
{
	u16 n;

	if (!q->enabled)
		return 0;
	if (q->broken || waiting(q, &n))
		return -EINVAL;
	if (!n)
		return 0;
	/* the slot was written before the index that covers it: acquire above */
	c->head = load16(q->avail + AVAIL_RING + 2 * (q->next_avail & (q->size - 1)));
	c->count = c->out = 0;
	c->out_len = c->in_len = 0;
	if (c->head >= q->size)
		return broken(q, "a chain's head is out of range");
	if (walk_chain(q, c))
		return -EINVAL;
	q->next_avail++;
	return 1;
}

void vq_push_all(struct virtqueue *q, const struct vq_used *used, unsigned n)
{
	if (q->broken || !q->enabled || !n)
		return;
	for (unsigned i = 0; i < n; i++) {
		u32 slot = q->next_used++ & (q->size - 1u);
		u8 *e = q->used + USED_RING + USED_ELEM * slot;

		put_le32(e, used[i].head);
		put_le32(e + 4, used[i].written);
	}
	/* the elements before the index that covers them: release */
	store16(q->used + USED_IDX, q->next_used);
	tell_engine(q->vm, gpa(q->device), USED_RING + USED_ELEM * (u64)q->size + 2);
}

void vq_push(struct virtqueue *q, const struct vq_chain *c, u32 written)
{
	vq_push_all(q, &(struct vq_used){ c->head, written }, 1);
}

void vq_unpop(struct virtqueue *q, u16 n)
{
	q->next_avail = (u16)(q->next_avail - n);
}

u16 vq_waiting(const struct virtqueue *q)
{
	return q->enabled && !q->broken ? (u16)(get_le16(q->avail + 2) - q->next_avail) : 0;
}

/* 2.7.7.2 and 2.7.10 */
bool vq_must_notify(struct virtqueue *q)
{
	u16 new = q->next_used, old = q->signalled;
	bool valid = q->signalled_valid;

	if (q->broken || !q->enabled || new == old)
		return false;
	q->signalled = new;
	q->signalled_valid = true;
	/* our index before their wish: both sides store, fence, load */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(load16(q->avail) & AVAIL_NO_INTERRUPT);
	return !valid ||
	       (u16)(new - load16(used_event(q)) - 1) < (u16)(new - old);
}

bool vq_chain_read(const struct vq_chain *c, u64 offset, void *dst, u64 n)
{
	u8 *to = dst;

	if (!range_within(offset, n, 0, c->out_len))
		return false;
	for (unsigned i = 0; i < c->out && n; i++) {
		const struct mem_segment *s = &c->segments[i];
		u64 take;

		if (offset >= s->len) {
			offset -= s->len;
			continue;
		}
		take = s->len - offset < n ? s->len - offset : n;
		memcpy(to, s->host + offset, take);
		to += take;
		n -= take;
		offset = 0;
	}
	return true;
}

bool vq_chain_write(struct vm *vm, const struct vq_chain *c, u64 offset,
		    const void *src, u64 n)
{
	const u8 *from = src;

	if (!range_within(offset, n, 0, c->in_len))
		return false;
	for (unsigned i = c->out; i < c->count && n; i++) {
		const struct mem_segment *s = &c->segments[i];
		u64 take;

		if (offset >= s->len) {
			offset -= s->len;
			continue;
		}
		take = s->len - offset < n ? s->len - offset : n;
		memcpy(s->host + offset, from, take);
		tell_engine(vm, gpa_add(s->addr, offset), take);
		from += take;
		n -= take;
		offset = 0;
	}
	return true;
}

void vq_chain_written(struct vm *vm, const struct vq_chain *c, u64 n)
{
	for (unsigned i = c->out; i < c->count && n; i++) {
		const struct mem_segment *s = &c->segments[i];
		u64 take = s->len < n ? s->len : n;

		tell_engine(vm, s->addr, take);
		n -= take;
	}
}

unsigned vq_chain_slice(const struct vq_chain *c, bool writable, u64 offset, u64 n,
			struct mem_segment *out)
{
	unsigned i = writable ? c->out : 0, end = writable ? c->count : c->out;
	unsigned count = 0;

	if (!range_within(offset, n, 0, writable ? c->in_len : c->out_len))
		return 0;
	for (; i < end && n; i++) {
		struct mem_segment s = c->segments[i];

		if (offset >= s.len) {
			offset -= s.len;
			continue;
		}
		s.host += offset;
		s.addr = gpa_add(s.addr, offset);
		s.len -= (u32)offset;
		if (s.len > n)
			s.len = (u32)n;
		n -= s.len;
		offset = 0;
		out[count++] = s;
	}
	return count;
}
