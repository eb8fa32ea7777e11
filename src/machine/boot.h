/* SPDX-License-Identifier: Apache-2.0 */
/* What the loaders share: where things go, CPU states to start in, initrds. */
#ifndef MACHINE_BOOT_H
#define MACHINE_BOOT_H

#include "private.h"

/* The boot area of conventional memory, BOOT_AREA_BASE..BOOT_AREA_END. */
#define BOOT_PARAMS 0x90000u	 /* Linux's zero page */
#define BOOT_PAGE_TABLES 0x91000u /* PML4, PDPT, four page directories */
#define BOOT_GDT 0x97000u
#define BOOT_INFO 0x98000u /* PVH start info or Multiboot information */
#define BOOT_INFO_SIZE 0x1000u
#define BOOT_CMDLINE 0x99000u
#define BOOT_CMDLINE_SIZE (BOOT_AREA_END - BOOT_CMDLINE)

/* Selectors in the table at BOOT_GDT. */
#define BOOT_CS32 0x08
#define BOOT_CS64 0x10
#define BOOT_DS 0x18

/* Copies to guest memory; an error names the file being loaded. */
int boot_write(struct machine *m, u64 addr, const void *bytes, u64 n,
	       struct error *err);
/* The command line, NUL-terminated, at BOOT_CMDLINE, after a first word unless
 * that is ""; max counts without the NUL. */
int boot_write_cmdline(struct machine *m, const char *first, const char *text,
		       u64 max, struct error *err);
/*
 * Places the initrd, page aligned, as high as it goes within [lowest, end).
 * *addr is 0 when there is none. end is clamped to RAM below 4 GiB.
 */
int boot_place_initrd(struct machine *m, u64 lowest, u64 end, u64 *addr,
		      struct error *err);

/* 64-bit mode, first 4 GiB mapped one to one, interrupts off. */
int boot_state_long(struct machine *m, struct x86_state *st, u64 entry,
		    struct error *err);
/* 32-bit protected mode, flat segments, no paging, interrupts off. */
int boot_state_flat32(struct machine *m, struct x86_state *st, u32 entry,
		      struct error *err);

/* Loads the configured kernel and sets the boot CPU's registers in *st, which
 * holds the power-up state. */
int boot_load(struct machine *m, struct x86_state *st, struct error *err);

#endif
