/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels started with Linux's boot_params, and PVH's start info. */
#ifndef MACHINE_LINUX_H
#define MACHINE_LINUX_H

#include "elf.h"

/* Is the file a bzImage? */
bool bzimage_is(const struct blob *file);
int bzimage_load(struct machine *m, struct x86_state *st, struct error *err);
/* An uncompressed ELF64 kernel, entered in 64-bit mode. */
int vmlinux_load(struct machine *m, const struct elf *elf, struct x86_state *st,
		 struct error *err);

/* Does the ELF have a PVH entry? */
bool pvh_is(const struct elf *elf, u64 *entry);
int pvh_load(struct machine *m, const struct elf *elf, u64 entry,
	     struct x86_state *st, struct error *err);

/* Linux takes initrds and command lines up to here when its header does not
 * say otherwise. */
#define LINUX_INITRD_END BIT(31)
#define LINUX_CMDLINE_MAX 2047

#endif
