/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware's tables: processors and I/O APIC from the MADT, PM timer and power-off
 * from the FADT. ACPI 6.4, 5.2. Firmware is trusted; lengths are checked all the same.
 */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "x86.h"

#define HEADER_SIZE 36

static const u8 *at(u64 a)
{
	return (const u8 *)(uintptr_t)a;
}

static bool sums_to_zero(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *p++);
	return !sum;
}

void acpi_take_rsdp(struct boot_info *b, const u8 *rsdp)
{
	if (memcmp(rsdp, "RSD PTR ", 8) || !sums_to_zero(rsdp, 20))
		return;
	b->acpi_wide = rsdp[15] >= 2 && get_le64(rsdp + 24);
	b->acpi_root = b->acpi_wide ? get_le64(rsdp + 24) : get_le32(rsdp + 16);
}

/* 5.2.5.1: the first KiB of the EBDA, then the BIOS, on 16-byte boundaries. */
static void scan(struct boot_info *b, u64 from, u64 to)
{
	for (; from < to && !b->acpi_root; from += 16)
		acpi_take_rsdp(b, at(from));
}

void acpi_find_rsdp(struct boot_info *b)
{
	u64 word = 0x40e, ebda;

	__asm__("" : "+r"(word)); /* a fixed address, not an array's end */
	ebda = (u64)get_le16(at(word)) << 4;
	if (ebda >= 0x80000 && ebda < 0xa0000)
		scan(b, ebda, ebda + 1024);
	scan(b, 0xe0000, 0x100000);
}

/* Maps and checks a table; NULL when it is none. */
static const u8 *table(struct metal *m, u64 a, u32 *size)
{
	if (!a)
		return NULL;
	paging_map(m, a, HEADER_SIZE, MAP_READ);
	*size = get_le32(at(a) + 4);
	if (*size < HEADER_SIZE || *size > MIB(16))
		return NULL;
	paging_map(m, a, *size, MAP_READ);
	return sums_to_zero(at(a), *size) ? at(a) : NULL;
}

static const u8 *find(struct metal *m, const char *name, u32 *size)
{
	u32 root_size, step = m->boot.acpi_wide ? 8 : 4;
	const u8 *root = table(m, m->boot.acpi_root, &root_size);

	for (u32 o = HEADER_SIZE; root && o + step <= root_size; o += step) {
		u64 a = step == 8 ? get_le64(root + o) : get_le32(root + o);
		const u8 *t = table(m, a, size);

		if (t && !memcmp(t, name, 4))
			return t;
	}
	return NULL;
}

/* --- MADT, 5.2.12 ------------------------------------------------------------------------ */

static void add_cpu(struct acpi_info *a, u32 id, u32 flags)
{
	if ((flags & 1) && a->cpu_count < METAL_MAX_CPUS)
		a->apic_ids[a->cpu_count++] = id;
}

/* Flags of an interrupt source override: polarity 1:0, trigger 3:2; 0: the bus's. */
static void take_override(struct acpi_info *a, const u8 *e)
{
	u16 flags = get_le16(e + 8);

	if (e[3] != 4) /* ISA 4: the first serial port */
		return;
	a->serial_gsi = get_le32(e + 4);
	a->serial_low = (flags & 3) == 3;
	a->serial_level = (flags >> 2 & 3) == 3;
}

static void take_entry(struct acpi_info *a, const u8 *e)
{
	switch (e[0]) {
	case 0:
		add_cpu(a, e[3], get_le32(e + 4));
		break;
	case 1:
		if (get_le32(e + 8) == 0)
			a->ioapic = get_le32(e + 4);
		break;
	case 2:
		take_override(a, e);
		break;
	case 5:
		a->lapic = get_le64(e + 4);
		break;
	case 9:
		add_cpu(a, get_le32(e + 4), get_le32(e + 8));
		break;
	default:
		break;
	}
}

static void read_madt(struct acpi_info *a, const u8 *t, u32 size)
{
	a->lapic = get_le32(t + 36);
	for (u32 o = 44; o + 2 <= size && t[o + 1] >= 2 && o + t[o + 1] <= size; o += t[o + 1])
		take_entry(a, t + o);
}

/* --- FADT, 5.2.9 --------------------------------------------------------------------------- */

/*
 * \_S5 without an AML interpreter: the name, PackageOp, length, count, then two
 * integers, of which small ones are BytePrefix (0Ah) and a byte, or 0 and 1 themselves.
 */
static bool take_s5(struct acpi_info *a, const u8 *p, const u8 *end)
{
	u16 type[2];

	if (end - p < 2 || *p++ != 0x12)
		return false;
	p += 1 + (*p >> 6); /* PkgLength: its own bytes */
	p++;
	for (unsigned i = 0; i < 2; i++) {
		if (p < end && *p == 0x0a)
			p++;
		if (p >= end)
			return false;
		type[i] = *p++ & 7;
	}
	a->sleep_a = type[0];
	a->sleep_b = type[1];
	return true;
}

static void find_s5(struct acpi_info *a, const u8 *t, u32 size)
{
	const u8 *end = t + size;

	for (const u8 *p = t + HEADER_SIZE; end - p >= 4; p++)
		if (!memcmp(p, "_S5_", 4) && take_s5(a, p + 4, end))
			return;
}

static void read_fadt(struct metal *m, struct acpi_info *a, const u8 *t, u32 size)
{
	u32 dsdt_size;
	const u8 *dsdt;

	if (size < 116)
		return;
	a->pm1a = (u16)get_le32(t + 64);
	a->pm1b = (u16)get_le32(t + 68);
	a->pm_timer = (u16)get_le32(t + 76);
	dsdt = table(m, get_le32(t + 40), &dsdt_size);
	if (dsdt)
		find_s5(a, dsdt, dsdt_size);
}

int acpi_read(struct metal *m, struct acpi_info *a, struct error *err)
{
	u32 size;
	const u8 *t;

	a->serial_gsi = 4;
	a->sleep_a = a->sleep_b = 0xffff;
	if (!m->boot.acpi_root)
		return error_set(err, -ENODEV, "no ACPI tables; expected a PC with ACPI");
	t = find(m, "APIC", &size);
	if (!t)
		return error_set(err, -ENODEV, "no ACPI table MADT; expected a local APIC");
	read_madt(a, t, size);
	t = find(m, "FACP", &size);
	if (t)
		read_fadt(m, a, t, size);
	return 0;
}
