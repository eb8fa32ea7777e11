/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of frames. Records are contiguous; one that is empty skips the end. */
#include "netq.h"

#include <trivet/bits.h>

#include <errno.h>
#include <stdlib.h>

#define ALIGN 64u

_Static_assert(sizeof(struct netq_frame) <= ALIGN, "a record of nothing fits anywhere");

int netq_init(struct netq *q)
{
	*q = (struct netq){ .memory = aligned_alloc(ALIGN, NETQ_SIZE) };
	return q->memory ? 0 : -ENOMEM;
}

void netq_fini(struct netq *q)
{
	free(q->memory);
	q->memory = NULL;
}

static struct netq_frame *record_at(const struct netq *q, u64 position)
{
	return (struct netq_frame *)(void *)(q->memory + (position & (NETQ_SIZE - 1)));
}

u64 netq_room(const struct netq *q)
{
	return NETQ_SIZE - (q->put - __atomic_load_n(&q->taken, __ATOMIC_SEQ_CST));
}

struct netq_frame *netq_reserve(struct netq *q, u32 length)
{
	u32 size = (u32)align_up(sizeof(struct netq_frame) + length, ALIGN);
	u64 to_end = NETQ_SIZE - (q->put & (NETQ_SIZE - 1));
	struct netq_frame *f = record_at(q, q->put);

	if (to_end < size) {
		if (netq_room(q) < to_end + size)
			return NULL;
		f->size = (u32)to_end;
		f->length = 0;
		__atomic_store_n(&q->put, q->put + to_end, __ATOMIC_RELEASE);
		return record_at(q, q->put);
	}
	return netq_room(q) < size ? NULL : f;
}

void netq_commit(struct netq *q, struct netq_frame *f, u32 length)
{
	f->length = length;
	f->size = (u32)align_up(sizeof *f + length, ALIGN);
	/* the record before the position that covers it */
	__atomic_store_n(&q->put, q->put + f->size, __ATOMIC_SEQ_CST);
}

struct netq_frame *netq_first(struct netq *q)
{
	u64 put = __atomic_load_n(&q->put, __ATOMIC_SEQ_CST);
	u64 drop_to = __atomic_load_n(&q->drop_to, __ATOMIC_ACQUIRE);

	while (q->taken != put) {
		struct netq_frame *f = record_at(q, q->taken);

		if (f->length && q->taken >= drop_to)
			return f;
		__atomic_store_n(&q->taken, q->taken + f->size, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

void netq_next(struct netq *q)
{
	u32 size = record_at(q, q->taken)->size;

	__atomic_store_n(&q->taken, q->taken + size, __ATOMIC_SEQ_CST);
}

bool netq_empty(const struct netq *q)
{
	return __atomic_load_n(&q->put, __ATOMIC_SEQ_CST) ==
	       __atomic_load_n(&q->taken, __ATOMIC_SEQ_CST);
}

void netq_clear(struct netq *q)
{
	__atomic_store_n(&q->drop_to, __atomic_load_n(&q->put, __ATOMIC_SEQ_CST),
			 __ATOMIC_RELEASE);
}
