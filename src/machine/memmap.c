/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map of a PC without video: RAM, holes, what the guest is told. */
#include "memmap.h"

#include <trivet/bits.h>
#include <trivet/device/ioapic.h>
#include <trivet/device/lapic.h>
#include <trivet/pci.h>
#include <trivet/string.h>

static void add(struct memmap *map, u64 base, u64 end, u32 type)
{
	if (end > base)
		map->entries[map->count++] =
			(struct memmap_entry){ base, end - base, type };
}

void memmap_init(struct memmap *map, u64 ram)
{
	u64 low = ram < LOW_RAM_MAX ? ram : LOW_RAM_MAX;

	memset(map, 0, sizeof *map);
	map->low_end = low;
	map->high_end = HIGH_RAM_BASE + (ram - low);
	add(map, 0, EBDA_BASE, MEMMAP_RAM);
	add(map, EBDA_BASE, FIRMWARE_END, MEMMAP_RESERVED);
	add(map, FIRMWARE_END, low, MEMMAP_RAM);
	add(map, PCI_ECAM_BASE, PCI_ECAM_BASE + PCI_ECAM_SIZE, MEMMAP_RESERVED);
	add(map, IOAPIC_BASE, IOAPIC_BASE + PAGE_SIZE, MEMMAP_RESERVED);
	add(map, LAPIC_BASE, LAPIC_BASE + PAGE_SIZE, MEMMAP_RESERVED);
	add(map, RESET_PAGE, RESET_PAGE + PAGE_SIZE, MEMMAP_RESERVED);
	add(map, HIGH_RAM_BASE, map->high_end, MEMMAP_RAM);
}

static int populate(struct vm *vm, u64 base, u64 end, struct error *err)
{
	int r;

	if (end <= base)
		return 0;
	r = guest_mem_add(vm, gpa(base), end - base,
			  MEM_READ | MEM_WRITE | MEM_EXEC);
	if (r)
		return error_set(err, r, "memory: cannot allocate %llu MiB for the guest (error %d)",
				 (unsigned long long)((end - base) >> 20), -r);
	return 0;
}

/*
 * The big slots come first: a search finds them soonest. Firmware's area and the
 * reset page are RAM too: tables such as the FACS are written by the guest.
 */
int memmap_populate(struct vm *vm, const struct memmap *map, struct error *err)
{
	int r = populate(vm, FIRMWARE_END, map->low_end, err);

	if (!r)
		r = populate(vm, HIGH_RAM_BASE, map->high_end, err);
	if (!r)
		r = populate(vm, 0, HOLE_BASE, err);
	if (!r)
		r = populate(vm, FIRMWARE_BASE, FIRMWARE_END, err);
	if (!r)
		r = populate(vm, RESET_PAGE, RESET_PAGE + PAGE_SIZE, err);
	return r;
}

bool memmap_loadable(const struct memmap *map, u64 addr, u64 len)
{
	return range_within(addr, len, 0, BOOT_AREA_BASE) ||
	       range_within(addr, len, FIRMWARE_END, map->low_end - FIRMWARE_END) ||
	       range_within(addr, len, HIGH_RAM_BASE, map->high_end - HIGH_RAM_BASE);
}

static bool page_is_zero(const u8 *page)
{
	u64 any = 0;

	for (size_t i = 0; i < PAGE_SIZE; i += 64) {
		for (size_t j = 0; j < 64; j += 8)
			any |= get_le64(page + i + j);
		if (any)
			return false;
	}
	return true;
}

void memmap_clear(struct vm *vm)
{
	for (unsigned i = 0; i < vm->mem.count; i++) {
		const struct mem_slot *s = &vm->mem.slots[i];

		for (u64 at = 0; at < s->size; at += PAGE_SIZE)
			if (!page_is_zero(s->host + at))
				memset(s->host + at, 0, PAGE_SIZE);
		if (vm->engine->mem_written)
			vm->engine->mem_written(vm, s->base, s->size);
	}
}
