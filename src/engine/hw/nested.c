/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested tables: guest-physical to physical, four levels. Built when RAM is added, never
 * changed: every guest page is there from the start. What is not mapped exits.
 * APM vol. 2 15.25, SDM vol. 3C 28.2.
 */
#include <trivet/bits.h>
#include <trivet/hw.h>
#include <trivet/metal.h>

#define ENTRY_PRESENT BIT(0)
#define ENTRY_ADDR (bits_mask(52) & PAGE_MASK)

/* A page of table: where it is, for freeing. */
struct hw_page {
	struct hw_page *next;
	u64 *table;
};

static u64 *table_new(struct hw_tables *t)
{
	struct hw_page *p = platform_alloc(sizeof *p);

	if (!p)
		return NULL;
	p->table = platform_ram_alloc(PAGE_SIZE);
	if (!p->table) {
		platform_free(p, sizeof *p);
		return NULL;
	}
	p->next = t->pages;
	t->pages = p;
	return p->table;
}

/* The table below entry, made if need be. */
static u64 *table_below(struct hw_tables *t, u64 *entry)
{
	u64 *table;

	if (*entry & ENTRY_PRESENT) /* physical is virtual for tables: metal's direct map */
		return (u64 *)(uintptr_t)(*entry & ENTRY_ADDR);
	table = table_new(t);
	if (table)
		*entry = metal_hpa(table).v | t->format.table;
	return table;
}

/* The entry for a that is `level` levels above a 4 KiB page's. */
static u64 *entry_at(struct hw_tables *t, u64 a, unsigned level)
{
	u64 *table = t->top;

	for (unsigned l = 3; table && l > level; l--)
		table = table_below(t, &table[a >> (12 + 9 * l) & 511]);
	return table ? &table[a >> (12 + 9 * level) & 511] : NULL;
}

/* How large a page may be where both addresses are aligned so and room is left. */
static unsigned page_level(const struct hw_tables *t, u64 aligned, u64 room)
{
	for (unsigned level = t->format.gib ? 2 : 1; level; level--) {
		u64 size = (u64)1 << (12 + 9 * level);

		if (!(aligned & (size - 1)) && room >= size)
			return level;
	}
	return 0;
}

int hw_tables_map(struct hw_tables *t, const struct hw_slot *slot)
{
	u64 hpa = metal_hpa(slot->host).v, leaf = t->format.leaf, n;

	if (!t->top)
		t->top = table_new(t);
	if (!t->top)
		return -ENOMEM;
	if (slot->writable)
		leaf |= t->format.write;
	for (u64 at = 0; at < slot->size; at += n) {
		u64 a = slot->base + at;
		unsigned level = page_level(t, a | (hpa + at), slot->size - at);
		u64 *e = entry_at(t, a, level);

		if (!e)
			return -ENOMEM;
		*e = (hpa + at) | leaf | (level ? t->format.large : 0);
		n = (u64)1 << (12 + 9 * level);
	}
	return 0;
}

void hw_tables_free(struct hw_tables *t)
{
	while (t->pages) {
		struct hw_page *p = t->pages;

		t->pages = p->next;
		platform_ram_free(p->table, PAGE_SIZE);
		platform_free(p, sizeof *p);
	}
	t->top = NULL;
}
