/* SPDX-License-Identifier: Apache-2.0 */
/* What the boot loader said, whichever it was. */
#ifndef METAL_BOOT_INFO_H
#define METAL_BOOT_INFO_H

#include <trivet/types.h>

#define BOOT_MAX_RANGES 64
#define BOOT_MAX_MODULES 32
#define BOOT_TEXT_MAX 1024

enum range_kind { RANGE_USABLE, RANGE_ACPI, RANGE_OTHER };

struct boot_range {
	u64 base, size;
	enum range_kind kind;
};

struct boot_module {
	u64 base, size;
	char name[128]; /* the module's string in the boot loader's menu */
};

struct boot_info {
	struct boot_range ranges[BOOT_MAX_RANGES];
	unsigned range_count;
	struct boot_module modules[BOOT_MAX_MODULES];
	unsigned module_count;
	char cmdline[BOOT_TEXT_MAX]; /* without the image's own name */
	u64 acpi_root; /* the RSDT, or the XSDT when wide; 0 when not said */
	bool acpi_wide;
	u64 image_base, image_end;   /* ourselves */
};

#endif
