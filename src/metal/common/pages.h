/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory by pages: one bit a page, contiguous runs. Pages are handed out
 * zeroed and wiped when they come back. Knows nothing of the processor: memory is
 * at virtual = physical + 0.
 */
#ifndef METAL_PAGES_H
#define METAL_PAGES_H

#include <trivet/platform.h>
#include <trivet/types.h>

struct pages {
	u64 *used;   /* a bit for each page in [first, first + count) */
	u64 first;   /* page number */
	u64 count;
	u64 free;    /* pages */
	u64 hint;    /* small runs: no free page is below */
	struct platform_mutex lock;
};

/* Bytes of bitmap for count pages. */
u64 pages_bitmap_size(u64 count);
/* All pages used, until pages_release gives some. bitmap is the caller's. */
void pages_init(struct pages *p, u64 *bitmap, u64 first, u64 count);
/* [base, base + size) may be used from now on: whole pages of it. */
void pages_release(struct pages *p, u64 base, u64 size);
/* Not to be handed out (again). Pages that it touches. */
void pages_reserve(struct pages *p, u64 base, u64 size);

/*
 * size (rounded up to pages) contiguous bytes, zeroed, or 0. A run of 2 MiB or
 * more comes from the top of memory and ends on a 2 MiB boundary, since guest RAM
 * does: so both can be mapped in 2 MiB pages. Any processor.
 */
u64 pages_alloc(struct pages *p, u64 size);
void pages_free(struct pages *p, u64 base, u64 size);

#endif
