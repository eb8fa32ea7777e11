/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux by the 64-bit boot protocol: Documentation/arch/x86/boot.rst and
 * zero-page.rst of the kernel.
 */
#include "linux.h"

#include <trivet/bits.h>
#include <trivet/string.h>

#include "boot.h"

/* Offsets in the file's setup header, and the same in boot_params. */
enum {
	ZP_ACPI_RSDP = 0x070,
	ZP_E820_ENTRIES = 0x1e8,
	HDR_SETUP_SECTS = 0x1f1,
	HDR_SYSSIZE = 0x1f4,
	HDR_BOOT_FLAG = 0x1fe,
	HDR_JUMP_LENGTH = 0x201,
	HDR_MAGIC = 0x202,
	HDR_VERSION = 0x206,
	HDR_TYPE_OF_LOADER = 0x210,
	HDR_LOADFLAGS = 0x211,
	HDR_RAMDISK_IMAGE = 0x218,
	HDR_RAMDISK_SIZE = 0x21c,
	HDR_CMD_LINE_PTR = 0x228,
	HDR_INITRD_ADDR_MAX = 0x22c,
	HDR_KERNEL_ALIGNMENT = 0x230,
	HDR_XLOADFLAGS = 0x236,
	HDR_CMDLINE_SIZE = 0x238,
	HDR_PREF_ADDRESS = 0x258,
	HDR_INIT_SIZE = 0x260,
	HDR_END = 0x264, /* of what is read here */
	ZP_HEADER_END = 0x290,
	ZP_E820_TABLE = 0x2d0,
};

#define XLF_KERNEL_64 BIT(0)
#define ENTRY_64 0x200
#define SECTOR 512

/* What the kernel's file says of where it goes. */
struct linux_image {
	u64 load;	/* address of the protected-mode part */
	u64 init_size;	/* memory it needs there until it has set itself up */
	u64 initrd_end; /* first address an initrd may not occupy */
	u64 cmdline_max;
};

static void fill_memory_map(u8 *zp, const struct memmap *map)
{
	zp[ZP_E820_ENTRIES] = (u8)map->count;
	for (unsigned i = 0; i < map->count; i++) {
		u8 *e = zp + ZP_E820_TABLE + 20 * i;

		put_le64(e, map->entries[i].base);
		put_le64(e + 8, map->entries[i].size);
		put_le32(e + 16, map->entries[i].type);
	}
}

/* zp holds the kernel's header already; kernel_end: initrds go above. */
static int finish(struct machine *m, u8 *zp, const struct linux_image *img,
		  u64 kernel_end, struct error *err)
{
	u64 initrd;
	int r = boot_write_cmdline(m, "", m->config.cmdline, img->cmdline_max, err);

	if (!r)
		r = boot_place_initrd(m, kernel_end, img->initrd_end, &initrd, err);
	if (r)
		return r;
	zp[HDR_TYPE_OF_LOADER] = 0xff; /* "undefined" */
	put_le32(zp + HDR_CMD_LINE_PTR, BOOT_CMDLINE);
	put_le32(zp + HDR_RAMDISK_IMAGE, (u32)initrd);
	put_le32(zp + HDR_RAMDISK_SIZE, initrd ? (u32)m->config.initrd.size : 0);
	put_le64(zp + ZP_ACPI_RSDP, m->rsdp);
	fill_memory_map(zp, &m->map);
	return boot_write(m, BOOT_PARAMS, zp, PAGE_SIZE, err);
}

static int enter(struct machine *m, struct x86_state *st, u64 entry,
		 struct error *err)
{
	st->gpr[REG_RSI] = BOOT_PARAMS;
	return boot_state_long(m, st, entry, err);
}

bool bzimage_is(const struct blob *file)
{
	const u8 *p = blob_at(file, 0, HDR_VERSION + 2);

	return p && get_le16(p + HDR_BOOT_FLAG) == 0xaa55 &&
	       memcmp(p + HDR_MAGIC, "HdrS", 4) == 0;
}

static int check_header(const struct blob *k, const u8 *h, struct error *err)
{
	u16 version;

	if (!h)
		return error_set(err, -EINVAL, NAME_FMT ": truncated in the bzImage header", k->name);
	version = get_le16(h + HDR_VERSION);
	if (version < 0x20c)
		return error_set(err, -EINVAL,
				 NAME_FMT ": Linux boot protocol %u.%02u; expected 2.12 or later",
				 k->name, version >> 8, version & 0xff);
	if (!(get_le16(h + HDR_XLOADFLAGS) & XLF_KERNEL_64))
		return error_set(err, -EINVAL,
				 NAME_FMT ": a bzImage without a 64-bit entry; expected a 64-bit kernel",
				 k->name);
	return 0;
}

/* A 64-bit kernel moves itself up to its preferred address when it is loaded
 * lower, so there is no gain in loading it anywhere else. */
static int place_kernel(struct machine *m, const u8 *h, u64 bytes,
			struct linux_image *img, struct error *err)
{
	const struct blob *k = &m->config.kernel;
	u64 end;

	img->load = get_le64(h + HDR_PREF_ADDRESS);
	img->init_size = get_le32(h + HDR_INIT_SIZE);
	img->initrd_end = (u64)get_le32(h + HDR_INITRD_ADDR_MAX) + 1;
	img->cmdline_max = get_le32(h + HDR_CMDLINE_SIZE);
	if (img->init_size < bytes)
		img->init_size = bytes;
	if (add_overflows(img->load, img->init_size, &end) || img->load < FIRMWARE_END)
		return error_set(err, -EINVAL, NAME_FMT ": the bzImage header asks for the impossible address %#llx",
				 k->name, (unsigned long long)img->load);
	if (end > m->map.low_end)
		return error_set(err, -EINVAL, NAME_FMT ": needs memory up to %llu MiB; the machine has %llu MiB",
				 k->name, (unsigned long long)((end + MIB(1) - 1) >> 20),
				 (unsigned long long)(m->config.memory >> 20));
	return 0;
}

int bzimage_load(struct machine *m, struct x86_state *st, struct error *err)
{
	const struct blob *k = &m->config.kernel;
	const u8 *h = blob_at(k, 0, HDR_END);
	struct linux_image img;
	u8 zp[PAGE_SIZE];
	u64 setup, bytes, header_end;
	int r = check_header(k, h, err);

	if (r)
		return r;
	setup = (u64)(h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : 4) * SECTOR + SECTOR;
	bytes = (u64)get_le32(h + HDR_SYSSIZE) * 16;
	if (bytes <= ENTRY_64 || !blob_at(k, setup, bytes))
		return error_set(err, -EINVAL, NAME_FMT ": truncated: the bzImage header says %llu bytes, the file has %llu",
				 k->name, (unsigned long long)(setup + bytes),
				 (unsigned long long)k->size);
	/* What follows the counted part (padding, a signature) is loaded too. */
	bytes = k->size - setup;
	r = place_kernel(m, h, bytes, &img, err);
	if (!r)
		r = boot_write(m, img.load, k->data + setup, bytes, err);
	if (r)
		return r;

	memset(zp, 0, sizeof zp);
	header_end = HDR_MAGIC + h[HDR_JUMP_LENGTH];
	if (header_end > ZP_HEADER_END)
		header_end = ZP_HEADER_END;
	if (header_end < HDR_END)
		header_end = HDR_END;
	memcpy(zp + HDR_SETUP_SECTS, h + HDR_SETUP_SECTS, header_end - HDR_SETUP_SECTS);
	r = finish(m, zp, &img, img.load + img.init_size, err);
	return r ? r : enter(m, st, img.load + ENTRY_64, err);
}

int vmlinux_load(struct machine *m, const struct elf *elf, struct x86_state *st,
		 struct error *err)
{
	struct linux_image img = {
		.initrd_end = LINUX_INITRD_END,
		.cmdline_max = LINUX_CMDLINE_MAX,
	};
	u64 start, end;
	u8 zp[PAGE_SIZE];
	int r = elf_load(m, elf, elf->entry, &start, &end, err);

	if (r)
		return r;
	if (elf->entry >= HIGH_RAM_BASE)
		return error_set(err, -EINVAL, NAME_FMT ": the entry %#llx is not below 4 GiB",
				 elf->file->name, (unsigned long long)elf->entry);
	memset(zp, 0, sizeof zp);
	put_le16(zp + HDR_BOOT_FLAG, 0xaa55);
	memcpy(zp + HDR_MAGIC, "HdrS", 4);
	put_le16(zp + HDR_VERSION, 0x20f);
	zp[HDR_LOADFLAGS] = 1; /* LOADED_HIGH */
	put_le32(zp + HDR_KERNEL_ALIGNMENT, MIB(16));
	r = finish(m, zp, &img, end, err);
	return r ? r : enter(m, st, elf->entry, err);
}
