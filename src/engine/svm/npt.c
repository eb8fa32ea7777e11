/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nested page tables: guest-physical to physical, in the format of long-mode
 * tables. Built when RAM is added, never changed: every guest page is there from
 * the start. What is not mapped exits. APM vol. 2 15.25.
 */
#include <trivet/bits.h>
#include <trivet/metal.h>

#include "svm.h"

#define NPT_P BIT(0)
#define NPT_W BIT(1)
#define NPT_U BIT(2) /* every guest access counts as a user's: 15.25.5 */
#define NPT_A BIT(5)
#define NPT_D BIT(6)
#define NPT_PS BIT(7)
#define NPT_ADDR (bits_mask(52) & PAGE_MASK)
#define LARGE MIB(2)

/* A page of table: where it is, for freeing. */
struct svm_page {
	struct svm_page *next;
	u64 *table;
};

static u64 *table_new(struct svm_vm *vm)
{
	struct svm_page *p = platform_alloc(sizeof *p);

	if (!p)
		return NULL;
	p->table = platform_ram_alloc(PAGE_SIZE);
	if (!p->table) {
		platform_free(p, sizeof *p);
		return NULL;
	}
	p->next = vm->tables;
	vm->tables = p;
	return p->table;
}

/* The table below entry, made if need be. */
static u64 *table_below(struct svm_vm *vm, u64 *entry)
{
	u64 *t;

	if (*entry & NPT_P) /* physical is virtual for tables: metal's direct map */
		return (u64 *)(uintptr_t)(*entry & NPT_ADDR);
	t = table_new(vm);
	if (t)
		*entry = metal_hpa(t).v | NPT_P | NPT_W | NPT_U | NPT_A;
	return t;
}

/* The entry for a that is `level` levels above a 4 KiB page's. */
static u64 *entry_at(struct svm_vm *vm, u64 a, unsigned level)
{
	u64 *t = vm->npt;

	for (unsigned l = 3; t && l > level; l--)
		t = table_below(vm, &t[a >> (12 + 9 * l) & 511]);
	return t ? &t[a >> (12 + 9 * level) & 511] : NULL;
}

int svm_npt_map(struct svm_vm *vm, const struct svm_slot *slot)
{
	u64 hpa = metal_hpa(slot->host).v, leaf = NPT_P | NPT_U | NPT_A | NPT_D, n;

	if (!vm->npt)
		vm->npt = table_new(vm);
	if (!vm->npt)
		return -ENOMEM;
	if (slot->writable)
		leaf |= NPT_W;
	for (u64 at = 0; at < slot->size; at += n) {
		u64 a = slot->base + at;
		bool large = !((a | (hpa + at)) & (LARGE - 1)) && slot->size - at >= LARGE;
		u64 *e = entry_at(vm, a, large ? 1 : 0);

		if (!e)
			return -ENOMEM;
		*e = (hpa + at) | leaf | (large ? NPT_PS : 0);
		n = large ? LARGE : PAGE_SIZE;
	}
	return 0;
}

void svm_npt_free(struct svm_vm *vm)
{
	while (vm->tables) {
		struct svm_page *p = vm->tables;

		vm->tables = p->next;
		platform_ram_free(p->table, PAGE_SIZE);
		platform_free(p, sizeof *p);
	}
	vm->npt = NULL;
}
