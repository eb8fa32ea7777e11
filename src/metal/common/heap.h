/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces of memory: size classes cut from pages. */
#ifndef METAL_HEAP_H
#define METAL_HEAP_H

#include "pages.h"

#define HEAP_CLASSES 6 /* 64 bytes to 2 KiB */

struct heap {
	struct pages *pages;
	struct heap_piece *free[HEAP_CLASSES];
	struct platform_mutex lock;
};

void heap_init(struct heap *h, struct pages *pages);
/* Zeroed, 64-byte aligned; NULL when there is none. Any processor. */
void *heap_alloc(struct heap *h, u64 size);
/* size as given to heap_alloc; wiped. */
void heap_free(struct heap *h, void *p, u64 size);

#endif
