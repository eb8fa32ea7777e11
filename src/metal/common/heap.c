/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of 64 bytes to 2 KiB from a list each; larger ones are pages. A page that
 * was cut stays cut: what a VM gives back serves the next.
 */
#include "heap.h"

#include <trivet/string.h>

#define SMALLEST 64u

struct heap_piece {
	struct heap_piece *next;
};

void heap_init(struct heap *h, struct pages *pages)
{
	*h = (struct heap){ .pages = pages };
	platform_mutex_init(&h->lock);
}

/* The class that holds size, or HEAP_CLASSES. */
static unsigned class_of(u64 size)
{
	unsigned n = 0;

	while (n < HEAP_CLASSES && (u64)SMALLEST << n < size)
		n++;
	return n;
}

/* With the lock held. */
static bool class_fill(struct heap *h, unsigned n)
{
	u64 page = pages_alloc(h->pages, PAGE_SIZE), size = (u64)SMALLEST << n;

	if (!page)
		return false;
	for (u64 at = 0; at + size <= PAGE_SIZE; at += size) {
		struct heap_piece *piece = (void *)(uintptr_t)(page + at);

		piece->next = h->free[n];
		h->free[n] = piece;
	}
	return true;
}

void *heap_alloc(struct heap *h, u64 size)
{
	unsigned n = class_of(size);
	struct heap_piece *piece = NULL;

	if (n == HEAP_CLASSES)
		return (void *)(uintptr_t)pages_alloc(h->pages, size);
	platform_mutex_lock(&h->lock);
	if (h->free[n] || class_fill(h, n)) {
		piece = h->free[n];
		h->free[n] = piece->next;
	}
	platform_mutex_unlock(&h->lock);
	return piece ? memset(piece, 0, (size_t)SMALLEST << n) : NULL;
}

void heap_free(struct heap *h, void *p, u64 size)
{
	unsigned n = class_of(size);
	struct heap_piece *piece = p;

	if (!p)
		return;
	if (n == HEAP_CLASSES) {
		pages_free(h->pages, (u64)(uintptr_t)p, size);
		return;
	}
	memset(p, 0, (size_t)SMALLEST << n);
	platform_mutex_lock(&h->lock);
	piece->next = h->free[n];
	h->free[n] = piece;
	platform_mutex_unlock(&h->lock);
}
