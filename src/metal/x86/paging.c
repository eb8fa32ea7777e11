/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own page tables: memory is mapped where it is, and no mapping is
 * both writable and executable. Text is the image's and, while processors start, the
 * trampoline. Page 0 is not mapped. SDM vol. 3A 4.5.
 */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "asm.h"
#include "x86.h"

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)
#define PTE_ADDR (bits_mask(52) & PAGE_MASK)
#define LARGE MIB(2)

static u64 *table_new(struct metal *m)
{
	u64 page = pages_alloc(&m->pages, PAGE_SIZE);

	if (!page)
		metal_die("no memory for page tables");
	return (u64 *)(uintptr_t)page;
}

/* A 2 MiB page becomes 512 small ones with the same rights. */
static void split(struct metal *m, u64 *entry)
{
	u64 old = *entry, *t = table_new(m);

	for (u64 i = 0; i < 512; i++)
		t[i] = ((old & PTE_ADDR) + i * PAGE_SIZE) | (old & ~(PTE_ADDR | PTE_PS));
	*entry = (u64)(uintptr_t)t | PTE_P | PTE_W;
}

/* Upper levels allow all; the last one decides. */
static u64 *entry_at(struct metal *m, u64 lin, unsigned level)
{
	u64 *t = x86_of(m)->pml4;

	for (unsigned l = 3; l > level; l--) {
		u64 *e = &t[lin >> (12 + 9 * l) & 511];

		if (!(*e & PTE_P))
			*e = (u64)(uintptr_t)table_new(m) | PTE_P | PTE_W;
		else if (*e & PTE_PS)
			split(m, e);
		t = (u64 *)(uintptr_t)(*e & PTE_ADDR);
	}
	return &t[lin >> (12 + 9 * level) & 511];
}

static u64 leaf_bits(unsigned rights)
{
	u64 bits = PTE_P;

	if (rights & MAP_WRITE)
		bits |= PTE_W;
	if ((rights & (MAP_EXEC | MAP_WRITE)) != MAP_EXEC)
		bits |= PTE_NX;
	if (rights & MAP_DEVICE)
		bits |= PTE_PCD | PTE_PWT;
	return bits;
}

/* A small page inside a large one: that must be split, not replaced. */
static bool large_fits(struct metal *m, u64 at, u64 left)
{
	u64 e;

	if ((at & (LARGE - 1)) || left < LARGE)
		return false;
	e = *entry_at(m, at, 1);
	return !(e & PTE_P) || (e & PTE_PS);
}

static void map(struct metal *m, u64 base, u64 size, unsigned rights)
{
	u64 bits = leaf_bits(rights), n;

	for (u64 at = base; at < base + size; at += n) {
		bool large = large_fits(m, at, base + size - at);

		n = large ? LARGE : PAGE_SIZE;
		*entry_at(m, at, large ? 1 : 0) = at | bits | (large ? PTE_PS : 0);
		invlpg(at);
	}
}

void paging_map(struct metal *m, u64 base, u64 size, unsigned rights)
{
	u64 end = align_up(base + size, PAGE_SIZE);

	base = align_down(base, PAGE_SIZE);
	platform_mutex_lock(&x86_of(m)->map_lock);
	map(m, base, end - base, rights);
	platform_mutex_unlock(&x86_of(m)->map_lock);
}

static void map_ranges(struct metal *m)
{
	for (unsigned i = 0; i < m->boot.range_count; i++) {
		const struct boot_range *r = &m->boot.ranges[i];
		u64 base = align_up(r->base, PAGE_SIZE);
		u64 end = align_down(r->base + r->size, PAGE_SIZE);

		if (!base)
			base = PAGE_SIZE;
		if (r->kind == RANGE_OTHER || base >= end)
			continue;
		map(m, base, end - base, r->kind == RANGE_USABLE ? MAP_WRITE : MAP_READ);
	}
}

static void map_image(struct metal *m)
{
	u64 text = (u64)(uintptr_t)image_start, ro = (u64)(uintptr_t)text_end;
	u64 data = (u64)(uintptr_t)rodata_end, end = (u64)(uintptr_t)image_end;

	map(m, text, ro - text, MAP_EXEC);
	map(m, ro, data - ro, MAP_READ);
	map(m, data, end - data, MAP_WRITE);
}

void paging_init(struct metal *m)
{
	struct x86_metal *x = x86_of(m);

	platform_mutex_init(&x->map_lock);
	x->pml4 = table_new(m);
	x->next_stack = STACKS_BASE;
	map_ranges(m);
	map_image(m);
	write_cr3((u64)(uintptr_t)x->pml4);
}

u64 paging_stack(struct metal *m, u64 size)
{
	struct x86_metal *x = x86_of(m);
	u64 base, top;

	platform_mutex_lock(&x->map_lock);
	base = x->next_stack + PAGE_SIZE; /* the guard is below */
	top = base + size;
	x->next_stack = top;
	for (u64 at = base; at < top; at += PAGE_SIZE)
		*entry_at(m, at, 0) = (u64)(uintptr_t)table_new(m) | leaf_bits(MAP_WRITE);
	platform_mutex_unlock(&x->map_lock);
	return top;
}
