/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the boot loader left: Multiboot 0.6.96, 3.3 and Multiboot 2.0, 3.6. The loader
 * is trusted (it loaded us), its strings are cut to size.
 */
#include <trivet/bits.h>
#include <trivet/fmt.h>
#include <trivet/string.h>

#include "x86.h"

#define MAGIC_1 0x2badb002u
#define MAGIC_2 0x36d76289u

static const void *at(u64 a)
{
	return (const void *)(uintptr_t)a;
}

static void add_range(struct boot_info *b, u64 base, u64 size, u32 type)
{
	enum range_kind kind = type == 1 ? RANGE_USABLE :
			       type == 3 || type == 4 ? RANGE_ACPI : RANGE_OTHER;

	if (size && base + size > base && b->range_count < BOOT_MAX_RANGES)
		b->ranges[b->range_count++] = (struct boot_range){ base, size, kind };
}

static void add_module(struct boot_info *b, u64 start, u64 end, const char *name)
{
	struct boot_module *m = &b->modules[b->module_count];

	if (b->module_count == BOOT_MAX_MODULES || end <= start)
		return;
	b->module_count++;
	m->base = start;
	m->size = end - start;
	fmt_snprintf(m->name, sizeof m->name, "%s", name);
}

/* Multiboot 1 loaders put the image's own name first. */
static void take_cmdline(struct boot_info *b, const char *s, bool named)
{
	if (named) {
		while (*s && *s != ' ')
			s++;
	}
	while (*s == ' ')
		s++;
	fmt_snprintf(b->cmdline, sizeof b->cmdline, "%s", s);
}

static void parse_1(struct boot_info *b, const u8 *info)
{
	u32 flags = get_le32(info);

	if (flags & BIT(2))
		take_cmdline(b, at(get_le32(info + 16)), true);
	if (flags & BIT(3)) {
		const u8 *m = at(get_le32(info + 24));

		for (u32 n = get_le32(info + 20); n; n--, m += 16)
			add_module(b, get_le32(m), get_le32(m + 4), at(get_le32(m + 8)));
	}
	if (flags & BIT(6)) {
		const u8 *e = at(get_le32(info + 48)), *end = e + get_le32(info + 44);

		for (; e + 24 <= end; e += get_le32(e) + 4)
			add_range(b, get_le64(e + 4), get_le64(e + 12), get_le32(e + 20));
	}
}

static void parse_tag(struct boot_info *b, const u8 *tag, u32 size)
{
	switch (get_le32(tag)) {
	case 1: /* GRUB: no name in front */
		take_cmdline(b, (const char *)tag + 8, false);
		break;
	case 3:
		add_module(b, get_le32(tag + 8), get_le32(tag + 12), (const char *)tag + 16);
		break;
	case 6:
		for (u32 o = 16; get_le32(tag + 8) >= 24 && o + 24 <= size;
		     o += get_le32(tag + 8))
			add_range(b, get_le64(tag + o), get_le64(tag + o + 8),
				  get_le32(tag + o + 16));
		break;
	case 14: /* a copy of ACPI 1.0's root pointer, then of ACPI 2.0's */
	case 15:
		acpi_take_rsdp(b, tag + 8);
		break;
	default:
		break;
	}
}

static void parse_2(struct boot_info *b, const u8 *info)
{
	u32 total = get_le32(info);

	for (u32 o = 8; o + 8 <= total;) {
		u32 type = get_le32(info + o), size = get_le32(info + o + 4);

		if (!type || size < 8)
			return;
		parse_tag(b, info + o, size);
		o += (u32)align_up(size, 8);
	}
}

int multiboot_parse(struct boot_info *b, u32 magic, u64 info)
{
	if (magic == MAGIC_1)
		parse_1(b, at(info));
	else if (magic == MAGIC_2)
		parse_2(b, at(info));
	else
		return -EINVAL;
	b->image_base = (u64)(uintptr_t)image_start;
	b->image_end = (u64)(uintptr_t)image_end;
	return 0;
}
