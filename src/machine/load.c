/* SPDX-License-Identifier: Apache-2.0 */
/* What kind of kernel is it? And what all loaders do. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "boot.h"
#include "linux.h"
#include "multiboot.h"

const u8 *blob_at(const struct blob *b, u64 offset, u64 n)
{
	return range_within(offset, n, 0, b->size) ? b->data + offset : NULL;
}

bool blob_given(const struct blob *b)
{
	return b->size != 0;
}

int boot_write_cmdline(struct machine *m, const char *first, const char *text,
		       u64 max, struct error *err)
{
	u64 first_len = strlen(first), text_len = strlen(text);
	u64 gap = first_len && text_len ? 1 : 0;
	u64 len = first_len + gap + text_len;
	int r;

	if (max > BOOT_CMDLINE_SIZE - 1)
		max = BOOT_CMDLINE_SIZE - 1;
	if (len > max)
		return error_set(err, -EINVAL, "command line: %llu characters; " NAME_FMT " takes at most %llu",
				 (unsigned long long)len, m->config.kernel.name,
				 (unsigned long long)max);
	r = boot_write(m, BOOT_CMDLINE, first, first_len, err);
	if (!r)
		r = boot_write(m, BOOT_CMDLINE + first_len, " ", gap, err);
	if (!r)
		r = boot_write(m, BOOT_CMDLINE + first_len + gap, text, text_len + 1, err);
	return r;
}

int boot_place_initrd(struct machine *m, u64 lowest, u64 end, u64 *addr,
		      struct error *err)
{
	const struct blob *b = &m->config.initrd;
	u64 at;

	*addr = 0;
	if (!blob_given(b))
		return 0;
	if (lowest < FIRMWARE_END)
		lowest = FIRMWARE_END;
	if (end > m->map.low_end)
		end = m->map.low_end;
	at = b->size <= end ? align_down(end - b->size, PAGE_SIZE) : 0;
	if (at < lowest)
		return error_set(err, -EINVAL, NAME_FMT ": %llu bytes do not fit in memory between the kernel's end at %#llx and %#llx",
				 b->name, (unsigned long long)b->size,
				 (unsigned long long)lowest, (unsigned long long)end);
	*addr = at;
	return boot_write(m, at, b->data, b->size, err);
}

static int load_elf(struct machine *m, const struct elf *elf,
		    struct x86_state *st, struct error *err)
{
	u64 entry;

	if (pvh_is(elf, &entry))
		return pvh_load(m, elf, entry, st, err);
	if (elf->is64)
		return vmlinux_load(m, elf, st, err);
	return error_set(err, -EINVAL, NAME_FMT ": an ELF32 with neither a Multiboot 1 header nor a PVH entry note; expected one of them, an ELF64 vmlinux or a bzImage",
			 elf->file->name);
}

int boot_load(struct machine *m, struct x86_state *st, struct error *err)
{
	const struct blob *k = &m->config.kernel;
	struct multiboot_header mb;
	bool has_mb = multiboot_find(k, &mb);
	struct elf elf;
	u64 entry;
	int r;

	if (has_mb && (!elf_is(k) || mb.flags & MULTIBOOT_HAS_ADDRESSES))
		return multiboot_load(m, &mb, NULL, st, err);
	if (elf_is(k)) {
		r = elf_open(&elf, k, err);
		if (r)
			return r;
		/* Multiboot 1 cannot start an ELF64; a PVH note can. */
		if (has_mb && !(elf.is64 && pvh_is(&elf, &entry)))
			return multiboot_load(m, &mb, &elf, st, err);
		return load_elf(m, &elf, st, err);
	}
	if (bzimage_is(k))
		return bzimage_load(m, st, err);
	return error_set(err, -EINVAL, NAME_FMT ": not a kernel; expected a bzImage, an ELF64 vmlinux, a PVH ELF or a Multiboot 1 kernel",
			 k->name);
}
