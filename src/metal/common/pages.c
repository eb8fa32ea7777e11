/* SPDX-License-Identifier: Apache-2.0 */
/* The page allocator: first fit in a bitmap. */
#include "pages.h"

#include <trivet/bits.h>
#include <trivet/string.h>

#define LARGE_PAGES (MIB(2) / PAGE_SIZE)

u64 pages_bitmap_size(u64 count)
{
	return (count + 63) / 64 * 8;
}

void pages_init(struct pages *p, u64 *bitmap, u64 first, u64 count)
{
	*p = (struct pages){ .used = bitmap, .first = first, .count = count };
	memset(bitmap, 0xff, pages_bitmap_size(count));
	platform_mutex_init(&p->lock);
}

static bool page_used(const struct pages *p, u64 n)
{
	return p->used[n / 64] >> (n % 64) & 1;
}

static void mark(struct pages *p, u64 n, u64 count, bool used)
{
	for (u64 i = n; i < n + count; i++) {
		if (used)
			p->used[i / 64] |= BIT(i % 64);
		else
			p->used[i / 64] &= ~BIT(i % 64);
	}
	if (used)
		p->free -= count;
	else
		p->free += count;
}

void pages_release(struct pages *p, u64 base, u64 size)
{
	u64 from = align_up(base, PAGE_SIZE) / PAGE_SIZE;
	u64 to = align_down(base + size, PAGE_SIZE) / PAGE_SIZE;

	if (from < p->first)
		from = p->first;
	if (to > p->first + p->count)
		to = p->first + p->count;
	if (from < to)
		mark(p, from - p->first, to - from, false);
}

void pages_reserve(struct pages *p, u64 base, u64 size)
{
	u64 from = base / PAGE_SIZE, to = align_up(base + size, PAGE_SIZE) / PAGE_SIZE;

	for (; from < to; from++)
		if (from >= p->first && from < p->first + p->count &&
		    !page_used(p, from - p->first))
			mark(p, from - p->first, 1, true);
}

/* How many free pages follow n, up to most. */
static u64 run_length(const struct pages *p, u64 n, u64 most)
{
	u64 len = 0;

	while (len < most && n + len < p->count && !page_used(p, n + len))
		len++;
	return len;
}

/* Lowest run of count pages: its index, or p->count. */
static u64 find_low(struct pages *p, u64 count)
{
	u64 n = p->hint;

	while (n + count <= p->count) {
		u64 len = run_length(p, n, count);

		if (len == count)
			return n;
		n += len + 1;
	}
	return p->count;
}

/* Highest run of count pages that ends on a 2 MiB boundary. */
static u64 find_large(const struct pages *p, u64 count)
{
	u64 end = align_down(p->first + p->count, LARGE_PAGES);

	for (; end >= p->first + count; end -= LARGE_PAGES) {
		u64 n = end - count - p->first;

		if (run_length(p, n, count) == count)
			return n;
	}
	return p->count;
}

u64 pages_alloc(struct pages *p, u64 size)
{
	u64 count = size / PAGE_SIZE + (size % PAGE_SIZE != 0), n;

	if (!count || count > p->count)
		return 0;
	platform_mutex_lock(&p->lock);
	n = count >= LARGE_PAGES ? find_large(p, count) : p->count;
	if (n == p->count)
		n = find_low(p, count);
	if (n != p->count) {
		mark(p, n, count, true);
		if (n == p->hint)
			p->hint = n + count;
	}
	platform_mutex_unlock(&p->lock);
	if (n == p->count)
		return 0;
	memset((void *)(uintptr_t)((p->first + n) * PAGE_SIZE), 0, count * PAGE_SIZE);
	return (p->first + n) * PAGE_SIZE;
}

void pages_free(struct pages *p, u64 base, u64 size)
{
	u64 count = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
	u64 n = base / PAGE_SIZE - p->first;

	if (!base || !count)
		return;
	/* what a guest had must not reach the next owner, whoever that is */
	memset((void *)(uintptr_t)base, 0, count * PAGE_SIZE);
	platform_mutex_lock(&p->lock);
	mark(p, n, count, false);
	if (n < p->hint)
		p->hint = n;
	platform_mutex_unlock(&p->lock);
}
