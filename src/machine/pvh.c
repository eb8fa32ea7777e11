/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PVH entry: Xen's docs/misc/pvh.pandoc, and start_info.h of its public
 * headers.
 */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "boot.h"
#include "linux.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define START_MAGIC 0x336ec578u
#define START_VERSION 1

/* Within the page at BOOT_INFO. */
#define START_INFO 0
#define MODULE_LIST 0x80
#define MEMORY_MAP 0x100

bool pvh_is(const struct elf *elf, u64 *entry)
{
	return elf_find_note(elf, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, entry);
}

static void fill_memory_map(u8 *page, const struct memmap *map)
{
	for (unsigned i = 0; i < map->count; i++) {
		u8 *e = page + MEMORY_MAP + 24 * i;

		put_le64(e, map->entries[i].base);
		put_le64(e + 8, map->entries[i].size);
		put_le32(e + 16, map->entries[i].type);
	}
	put_le64(page + START_INFO + 40, BOOT_INFO + MEMORY_MAP);
	put_le32(page + START_INFO + 48, map->count);
}

int pvh_load(struct machine *m, const struct elf *elf, u64 entry,
	     struct x86_state *st, struct error *err)
{
	u64 start, end, initrd;
	u8 page[512];
	int r = elf_load(m, elf, entry, &start, &end, err);

	if (!r && entry >= HIGH_RAM_BASE)
		r = error_set(err, -EINVAL, NAME_FMT ": the PVH entry %#llx is not below 4 GiB",
			      elf->file->name, (unsigned long long)entry);
	if (!r)
		r = boot_write_cmdline(m, "", m->config.cmdline, LINUX_CMDLINE_MAX, err);
	if (!r)
		r = boot_place_initrd(m, end, LINUX_INITRD_END, &initrd, err);
	if (r)
		return r;
	memset(page, 0, sizeof page);
	put_le32(page, START_MAGIC);
	put_le32(page + 4, START_VERSION);
	if (initrd) {
		put_le32(page + 12, 1);
		put_le64(page + 16, BOOT_INFO + MODULE_LIST);
		put_le64(page + MODULE_LIST, initrd);
		put_le64(page + MODULE_LIST + 8, m->config.initrd.size);
	}
	put_le64(page + 24, BOOT_CMDLINE);
	put_le64(page + 32, m->rsdp);
	fill_memory_map(page, &m->map);
	r = boot_write(m, BOOT_INFO, page, sizeof page, err);
	if (r)
		return r;
	st->gpr[REG_RBX] = BOOT_INFO + START_INFO;
	return boot_state_flat32(m, st, (u32)entry, err);
}
