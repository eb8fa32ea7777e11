/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables for the guest. */
#ifndef MACHINE_ACPI_H
#define MACHINE_ACPI_H

#include <trivet/types.h>

/*
 * Builds RSDP, RSDT, XSDT, FADT, FACS, MADT, MCFG and DSDT for cpus processors into
 * buf, which the guest will see at address base (64-byte aligned, below 4 GiB).
 * The RSDP is at base. Returns the number of bytes, or 0 when size is too small.
 */
size_t acpi_build(u8 *buf, size_t size, u32 base, unsigned cpus);

#endif
