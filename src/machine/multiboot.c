/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot Specification version 0.6.96. */
#include "multiboot.h"

#include <trivet/bits.h>
#include <trivet/string.h>

#include "boot.h"

#define SEARCH_BYTES 8192
#define HEADER_MAGIC 0x1badb002u
#define HEADER_VIDEO BIT(2)
/* Requirements (bits 15:0) that are met: page-aligned modules, memory size. */
#define HEADER_KNOWN (BIT(0) | BIT(1))
#define BOOT_MAGIC 0x2badb002u

enum { /* information flags, 3.3 */
	INFO_MEMORY = 1 << 0,
	INFO_CMDLINE = 1 << 2,
	INFO_MODULES = 1 << 3,
	INFO_MEMORY_MAP = 1 << 6,
	INFO_LOADER_NAME = 1 << 9,
};

/* Within the page at BOOT_INFO. */
#define INFO 0x000
#define MODULES 0x080
#define MODULE_NAME 0x0a0
#define LOADER_NAME 0x0b0
#define MEMORY_MAP 0x100
#define PAGE_BYTES 0x200

bool multiboot_find(const struct blob *file, struct multiboot_header *h)
{
	for (u64 at = 0; at + 12 <= SEARCH_BYTES; at += 4) {
		const u8 *p = blob_at(file, at, 12);

		if (!p)
			return false;
		if (get_le32(p) != HEADER_MAGIC ||
		    get_le32(p) + get_le32(p + 4) + get_le32(p + 8) != 0)
			continue;
		*h = (struct multiboot_header){ .offset = at, .flags = get_le32(p + 4) };
		if (!(h->flags & MULTIBOOT_HAS_ADDRESSES))
			return true;
		p = blob_at(file, at, 32);
		if (!p)
			return false;
		h->header_addr = get_le32(p + 12);
		h->load_addr = get_le32(p + 16);
		h->load_end_addr = get_le32(p + 20);
		h->bss_end_addr = get_le32(p + 24);
		h->entry_addr = get_le32(p + 28);
		return true;
	}
	return false;
}

static int bad_addresses(struct machine *m, const char *what, struct error *err)
{
	return error_set(err, -EINVAL, NAME_FMT ": the Multiboot header's %s",
			 m->config.kernel.name, what);
}

/* "Address fields", 3.1.3: a plain image, placed as the header says. */
static int load_by_addresses(struct machine *m, const struct multiboot_header *h,
			     u64 *end, struct error *err)
{
	const struct blob *k = &m->config.kernel;
	u64 before = (u64)h->header_addr - h->load_addr;
	u64 offset, bytes, memory;

	if (h->load_addr > h->header_addr || before > h->offset)
		return bad_addresses(m, "load address is not below the header's", err);
	offset = h->offset - before;
	bytes = k->size - offset;
	if (h->load_end_addr) {
		if (h->load_end_addr <= h->load_addr ||
		    (u64)h->load_end_addr - h->load_addr > bytes)
			return bad_addresses(m, "load end is beyond the end of the file", err);
		bytes = h->load_end_addr - h->load_addr;
	}
	memory = bytes;
	if (h->bss_end_addr) {
		if ((u64)h->bss_end_addr < h->load_addr + bytes)
			return bad_addresses(m, "bss end is below the load end", err);
		memory = h->bss_end_addr - h->load_addr;
	}
	if (!range_within(h->entry_addr, 1, h->load_addr, memory))
		return bad_addresses(m, "entry is outside of the image", err);
	if (!memmap_loadable(&m->map, h->load_addr, memory))
		return bad_addresses(m, "addresses do not fit in the machine's memory", err);
	*end = h->load_addr + memory;
	return boot_write(m, h->load_addr, k->data + offset, bytes, err);
}

static int load_image(struct machine *m, const struct multiboot_header *h,
		      const struct elf *elf, u32 *entry, u64 *end,
		      struct error *err)
{
	const char *name = m->config.kernel.name;
	u64 start;

	if (h->flags & 0xffff & ~(HEADER_KNOWN | HEADER_VIDEO))
		return error_set(err, -EINVAL, NAME_FMT ": the Multiboot header asks for unknown features (flags %#x)",
				 name, h->flags);
	if (h->flags & MULTIBOOT_HAS_ADDRESSES) {
		*entry = h->entry_addr;
		return load_by_addresses(m, h, end, err);
	}
	if (!elf || elf->is64)
		return error_set(err, -EINVAL, NAME_FMT ": a Multiboot header in %s; expected an ELF32, or address fields in the header",
				 name, elf ? "an ELF64" : "a file that is no ELF");
	*entry = (u32)elf->entry;
	return elf_load(m, elf, elf->entry, &start, end, err);
}

static void fill_memory_map(u8 *page, const struct memmap *map)
{
	for (unsigned i = 0; i < map->count; i++) {
		u8 *e = page + MEMORY_MAP + 24 * i;

		put_le32(e, 20); /* of what follows */
		put_le64(e + 4, map->entries[i].base);
		put_le64(e + 12, map->entries[i].size);
		put_le32(e + 20, map->entries[i].type);
	}
	put_le32(page + INFO + 44, map->count * 24);
	put_le32(page + INFO + 48, BOOT_INFO + MEMORY_MAP);
}

static void fill_module(u8 *page, u64 addr, u64 size)
{
	put_le32(page + INFO + 20, 1);
	put_le32(page + INFO + 24, BOOT_INFO + MODULES);
	put_le32(page + MODULES, (u32)addr);
	put_le32(page + MODULES + 4, (u32)(addr + size));
	put_le32(page + MODULES + 8, BOOT_INFO + MODULE_NAME);
	memcpy(page + MODULE_NAME, "initrd", 7);
}

static int write_info(struct machine *m, u64 module, struct error *err)
{
	u8 page[PAGE_BYTES];

	memset(page, 0, sizeof page);
	put_le32(page + INFO, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES |
				      INFO_MEMORY_MAP | INFO_LOADER_NAME);
	put_le32(page + INFO + 4, EBDA_BASE / 1024);
	put_le32(page + INFO + 8, (u32)((m->map.low_end - MIB(1)) / 1024));
	put_le32(page + INFO + 16, BOOT_CMDLINE);
	if (module)
		fill_module(page, module, m->config.initrd.size);
	fill_memory_map(page, &m->map);
	put_le32(page + INFO + 64, BOOT_INFO + LOADER_NAME);
	memcpy(page + LOADER_NAME, "Trivet", 7);
	return boot_write(m, BOOT_INFO, page, sizeof page, err);
}

/* Modules follow the kernel, where kernels that map little memory reach them. */
static int place_module(struct machine *m, u64 kernel_end, u64 *addr,
			struct error *err)
{
	u64 at = align_up(kernel_end < FIRMWARE_END ? FIRMWARE_END : kernel_end, PAGE_SIZE);

	return boot_place_initrd(m, at, at + align_up(m->config.initrd.size, PAGE_SIZE),
				 addr, err);
}

static const char *base_name(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

int multiboot_load(struct machine *m, const struct multiboot_header *h,
		   const struct elf *elf, struct x86_state *st,
		   struct error *err)
{
	u64 end, module;
	u32 entry = 0;
	int r = load_image(m, h, elf, &entry, &end, err);

	if (!r)
		r = boot_write_cmdline(m, base_name(m->config.kernel.name),
				       m->config.cmdline, BOOT_CMDLINE_SIZE - 1, err);
	if (!r)
		r = place_module(m, end, &module, err);
	if (!r)
		r = write_info(m, module, err);
	if (r)
		return r;
	st->gpr[REG_RAX] = BOOT_MAGIC;
	st->gpr[REG_RBX] = BOOT_INFO + INFO;
	return boot_state_flat32(m, st, entry, err);
}
