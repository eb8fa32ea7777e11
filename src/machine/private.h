/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef MACHINE_PRIVATE_H
#define MACHINE_PRIVATE_H

#include <arch/x86/cpuid.h>
#include <arch/x86/state.h>
#include <trivet/machine.h>

#include "devices.h"
#include "memmap.h"

struct machine {
	struct vm *vm;
	struct machine_config config; /* the blobs' bytes stay the caller's */
	struct x86_cpu_model model;
	struct memmap map;
	struct devices devices;
	u32 rsdp; /* guest-physical address, set by firmware_install */
};

/* n bytes at offset of a file, or NULL when they are not all there. */
const u8 *blob_at(const struct blob *b, u64 offset, u64 n);
/* For messages: a name that leaves room for the rest of the line. */
#define NAME_FMT "%.140s"
/* Is there an initrd (or module) at all? */
bool blob_given(const struct blob *b);

/* Firmware's traces in memory: BIOS data area, reset stub, ACPI tables. */
int firmware_install(struct machine *m, struct error *err);
/* What firmware leaves in every CPU (MTRRs) before a kernel starts. */
void firmware_cpu_state(const struct machine *m, struct x86_state *st);
/* The boot CPU as firmware lets it go on from S3: real mode, at the vector that
 * the guest wrote to the FACS. */
void firmware_waking_state(const struct machine *m, struct x86_state *st);
/* What firmware leaves in the 8259 pair. With vm->lock held. */
void firmware_init_pic(struct machine *m);
/* What firmware leaves in the boot CPU's local APIC. With vm->lock held. */
void firmware_init_apic(struct machine *m);

#endif
