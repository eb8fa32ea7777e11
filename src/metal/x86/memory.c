/* SPDX-License-Identifier: Apache-2.0 */
/* From the boot loader's memory map to the page allocator. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "x86.h"

#define LOW_END MIB(1) /* the BIOS's; only the trampoline is there */

struct piece {
	u64 base, end;
};

/* What of the usable memory has an owner, in whole pages. */
static unsigned owned(const struct x86_metal *x, struct piece *list)
{
	const struct boot_info *b = &x->metal.boot;
	unsigned n = 0;

	list[n++] = (struct piece){ b->image_base, b->image_end };
	for (unsigned i = 0; i < b->module_count; i++)
		list[n++] = (struct piece){ align_down(b->modules[i].base, PAGE_SIZE),
					    align_up(b->modules[i].base + b->modules[i].size,
						     PAGE_SIZE) };
	if (x->bitmap)
		list[n++] = (struct piece){ x->bitmap, x->bitmap + x->bitmap_size };
	return n;
}

static bool is_owned(const struct piece *list, unsigned n, u64 base, u64 size, u64 *past)
{
	for (unsigned i = 0; i < n; i++)
		if (base < list[i].end && list[i].base < base + size) {
			*past = list[i].end;
			return true;
		}
	return false;
}

/* The first place below 4 GiB for size bytes, or 0. */
static u64 find_place(const struct x86_metal *x, u64 size)
{
	const struct boot_info *b = &x->metal.boot;
	struct piece list[BOOT_MAX_MODULES + 2];
	unsigned n = owned(x, list);

	for (unsigned i = 0; i < b->range_count; i++) {
		const struct boot_range *r = &b->ranges[i];
		u64 a = align_up(r->base > LOW_END ? r->base : LOW_END, PAGE_SIZE), past;

		if (r->kind != RANGE_USABLE)
			continue;
		while (a + size <= r->base + r->size && a + size <= GIB(4)) {
			if (!is_owned(list, n, a, size, &past))
				return a;
			a = past;
		}
	}
	return 0;
}

/* The last whole page of conventional memory below 640 KiB. */
static u64 find_low_page(const struct boot_info *b)
{
	u64 best = 0;

	for (unsigned i = 0; i < b->range_count; i++) {
		const struct boot_range *r = &b->ranges[i];
		u64 end = r->base + r->size < 0xa0000 ? r->base + r->size : 0xa0000;
		u64 page = align_down(end, PAGE_SIZE) - PAGE_SIZE;

		if (r->kind == RANGE_USABLE && r->base < 0xa0000 && end >= 2 * PAGE_SIZE &&
		    page >= r->base && page > best)
			best = page;
	}
	return best;
}

static void release(struct x86_metal *x, u64 from, u64 to)
{
	const struct boot_info *b = &x->metal.boot;
	struct piece list[BOOT_MAX_MODULES + 2];
	unsigned n = owned(x, list);

	for (unsigned i = 0; i < b->range_count; i++) {
		const struct boot_range *r = &b->ranges[i];
		u64 base = r->base > from ? r->base : from;
		u64 end = r->base + r->size < to ? r->base + r->size : to;

		if (r->kind == RANGE_USABLE && base < end)
			pages_release(&x->metal.pages, base, end - base);
	}
	/* firmware's map may overlap itself: what is not RAM wins */
	for (unsigned i = 0; i < b->range_count; i++)
		if (b->ranges[i].kind != RANGE_USABLE)
			pages_reserve(&x->metal.pages, b->ranges[i].base, b->ranges[i].size);
	for (unsigned i = 0; i < n; i++)
		pages_reserve(&x->metal.pages, list[i].base, list[i].end - list[i].base);
}

int memory_init(struct metal *m)
{
	struct x86_metal *x = x86_of(m);
	u64 top = 0, count;

	for (unsigned i = 0; i < m->boot.range_count; i++) {
		const struct boot_range *r = &m->boot.ranges[i];

		if (r->kind == RANGE_USABLE && r->base + r->size > top)
			top = r->base + r->size;
	}
	if (top <= LOW_END)
		return -ENOMEM;
	count = (top - LOW_END) / PAGE_SIZE;
	x->bitmap_size = align_up(pages_bitmap_size(count), PAGE_SIZE);
	x->bitmap = find_place(x, x->bitmap_size);
	if (!x->bitmap)
		return -ENOMEM;
	pages_init(&m->pages, (u64 *)(uintptr_t)x->bitmap, LOW_END / PAGE_SIZE, count);
	release(x, LOW_END, GIB(4));
	x->low_page = find_low_page(&m->boot);
	heap_init(&m->heap, &m->pages);
	return 0;
}

void memory_init_high(struct metal *m)
{
	release(x86_of(m), GIB(4), ~(u64)0);
}
