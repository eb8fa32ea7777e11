/* SPDX-License-Identifier: Apache-2.0 */
/* Where guest-physical memory is, and what the guest is told of it. */
#ifndef MACHINE_MEMMAP_H
#define MACHINE_MEMMAP_H

#include <trivet/vm.h>

/* A PC's first MiB: conventional memory, the hole, the firmware's area. */
#define EBDA_BASE 0x9fc00u
#define EBDA_SIZE 0x400u
#define HOLE_BASE 0xa0000u
#define FIRMWARE_BASE 0xe0000u
#define FIRMWARE_END 0x100000u
/* The CPU's reset vector is in the last page below 4 GiB. */
#define RESET_PAGE 0xfffff000u
/* RAM below 4 GiB ends here at most; above come the APICs. */
#define LOW_RAM_MAX GIB(3)
#define HIGH_RAM_BASE GIB(4)

/* Conventional memory the loaders use for what they hand to a kernel
 * (boot_layout.h); no kernel is loaded there. */
#define BOOT_AREA_BASE 0x90000u
#define BOOT_AREA_END 0x9c000u

enum { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2 }; /* as E820 and Multiboot count */

struct memmap_entry {
	u64 base, size;
	u32 type;
};

#define MEMMAP_MAX 8

struct memmap {
	u64 low_end;  /* end of RAM below 4 GiB */
	u64 high_end; /* end of RAM above 4 GiB, or HIGH_RAM_BASE */
	struct memmap_entry entries[MEMMAP_MAX]; /* ascending, disjoint */
	unsigned count;
};

/* The map of a machine with ram bytes of memory. */
void memmap_init(struct memmap *map, u64 ram);
/* Gives vm that memory. */
int memmap_populate(struct vm *vm, const struct memmap *map, struct error *err);
/* May a kernel be loaded at [addr, addr+len)? */
bool memmap_loadable(const struct memmap *map, u64 addr, u64 len);
/* All RAM to zero, as at power-up; pages that are zero are not touched. */
void memmap_clear(struct vm *vm);

#endif
