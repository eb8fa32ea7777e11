/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1 kernels. */
#ifndef MACHINE_MULTIBOOT_H
#define MACHINE_MULTIBOOT_H

#include "elf.h"

struct multiboot_header {
	u64 offset; /* in the file */
	u32 flags;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

#define MULTIBOOT_HAS_ADDRESSES BIT(16)

/* Looks for a valid header in the file's first 8 KiB. */
bool multiboot_find(const struct blob *file, struct multiboot_header *h);
/* Loads by the header's addresses when it has them, else elf (NULL: none). */
int multiboot_load(struct machine *m, const struct multiboot_header *h,
		   const struct elf *elf, struct x86_state *st,
		   struct error *err);

#endif
