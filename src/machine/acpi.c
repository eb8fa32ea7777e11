/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables of the machine: ACPI 6.5, chapter 5. Fixed hardware (not
 * hardware-reduced), PCI with ECAM, devices that Linux cannot probe in the DSDT.
 */
#include "acpi.h"

#include <trivet/bits.h>
#include <trivet/device/acpi_pm.h>
#include <trivet/device/ioapic.h>
#include <trivet/device/lapic.h>
#include <trivet/pci.h>
#include <trivet/string.h>

#include "aml.h"
#include "devices.h"

#define HEADER_SIZE 36
#define FADT_SIZE 276 /* revision 6 */
#define FACS_SIZE 64
#define MCFG_SIZE 60
#define RSDP_SIZE 36
#define RSDP_V1_SIZE 20

struct tables {
	u8 *buf;
	size_t size;
	size_t len;
	u32 base;
	bool full;
};

/* n zeroed bytes at the next 64-byte boundary; NULL when there is no room. */
static u8 *reserve(struct tables *t, size_t n, u32 *addr)
{
	size_t at = align_up(t->len, 64);

	if (at > t->size || n > t->size - at) {
		t->full = true;
		*addr = 0;
		return NULL;
	}
	memset(t->buf + at, 0, n);
	t->len = at + n;
	*addr = t->base + (u32)at;
	return t->buf + at;
}

static u8 checksum(const u8 *p, size_t n)
{
	u8 sum = 0;

	while (n--)
		sum = (u8)(sum + *p++);
	return (u8)(0 - sum);
}

/* The common header (5.2.6), and the checksum over all of the table. */
static void finish_table(u8 *p, const char *signature, u8 revision, size_t n)
{
	memcpy(p, signature, 4);
	put_le32(p + 4, (u32)n);
	p[8] = revision;
	memcpy(p + 10, "TRIVET", 6);
	memcpy(p + 16, "TRIVETPC", 8);
	put_le32(p + 24, 1);
	memcpy(p + 28, "TRVT", 4);
	put_le32(p + 32, 1);
	p[9] = 0;
	p[9] = checksum(p, n);
}

/*
 * DefinitionBlock ("", "DSDT", 2, "TRIVET", "TRIVETPC", 1)
 * {
 *     Name (\_S5, Package (4) { 5, 5, 0, 0 })
 *     Scope (\_SB)
 *     {
 *         Device (COM1)
 *         {
 *             Name (_HID, EisaId ("PNP0501"))
 *             Name (_UID, 1)
 *             Name (_CRS, ResourceTemplate () {
 *                 IO (Decode16, 0x03F8, 0x03F8, 1, 8)
 *                 IRQNoFlags () {4} })
 *         }
 *         Device (RTC) ... PNP0B00, ports 70h and 71h, IRQ 8
 *         Device (PCI0)
 *         {
 *             Name (_HID, EisaId ("PNP0A03"))
 *             Name (_UID, 0)
 *             Name (_CRS, ResourceTemplate () { bus 0, ports cf8h..cffh, the
 *                 window of the BARs })
 *             Name (_PRT, Package () { Package () { 0x1FFFF, 0, 0, 17 }, ... })
 *         }
 *         Device (ECAM) ... PNP0C02, the memory that the MCFG names
 *     }
 * }
 */
static void dsdt_device(struct aml *a, const char *name, const char *hid,
			u32 uid, u16 port, u8 ports, unsigned irq)
{
	size_t device = aml_open_device(a, name);
	size_t crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, hid);
	aml_name(a, "_UID");
	aml_int(a, uid);
	aml_name(a, "_CRS");
	crs = aml_open_template(a);
	aml_io(a, port, ports);
	aml_irq(a, irq);
	aml_close_template(a, crs);
	aml_close(a, device);
}

static size_t dsdt_open_device(struct aml *a, const char *name, const char *hid)
{
	size_t device = aml_open_device(a, name);

	aml_name(a, "_HID");
	aml_eisa_id(a, hid);
	aml_name(a, "_UID");
	aml_int(a, 0);
	return device;
}

/* Pin A of every device goes to an I/O APIC input of its own kind (6.2.13). */
static void dsdt_pci_routing(struct aml *a)
{
	size_t all, one;

	aml_name(a, "_PRT");
	all = aml_open_package(a, PCI_DEVICES - 1);
	for (u32 device = 1; device < PCI_DEVICES; device++) {
		one = aml_open_package(a, 4);
		aml_int(a, device << 16 | 0xffff);
		aml_int(a, 0); /* INTA# */
		aml_int(a, 0); /* not a link device: a global line */
		aml_int(a, PCI_INTX_GSI(device));
		aml_close(a, one);
	}
	aml_close(a, all);
}

/* PNP0A03, not PNP0A08: the functions are conventional ones, and there is
 * nothing of PCI Express that _OSC could hand over. */
static void dsdt_pci(struct aml *a)
{
	size_t device = dsdt_open_device(a, "PCI0", "PNP0A03");
	size_t crs;

	aml_name(a, "_CRS");
	crs = aml_open_template(a);
	aml_bus_window(a, 0, 0);
	aml_io(a, 0xcf8, 8);
	aml_memory_window(a, PCI_MEM_BASE, PCI_MEM_SIZE);
	aml_close_template(a, crs);
	dsdt_pci_routing(a);
	aml_close(a, device);

	device = dsdt_open_device(a, "ECAM", "PNP0C02");
	aml_name(a, "_CRS");
	crs = aml_open_template(a);
	aml_memory_fixed(a, PCI_ECAM_BASE, PCI_ECAM_SIZE);
	aml_close_template(a, crs);
	aml_close(a, device);
}

static u32 build_dsdt(struct tables *t)
{
	u8 code[2048];
	struct aml a = { .buf = code, .size = sizeof code };
	size_t mark;
	u32 addr;
	u8 *p;

	aml_name(&a, "\\_S5_");
	mark = aml_open_package(&a, 4);
	aml_int(&a, ACPI_S5_SLP_TYP);
	aml_int(&a, ACPI_S5_SLP_TYP);
	aml_int(&a, 0);
	aml_int(&a, 0);
	aml_close(&a, mark);
	mark = aml_open_scope(&a, "\\_SB_");
	dsdt_device(&a, "COM1", "PNP0501", 1, COM1_PORT, 8, COM1_IRQ);
	dsdt_device(&a, "RTC_", "PNP0B00", 0, 0x70, 2, 8);
	dsdt_pci(&a);
	aml_close(&a, mark);

	p = reserve(t, HEADER_SIZE + a.len, &addr);
	if (!p || a.full) {
		t->full = true;
		return 0;
	}
	memcpy(p + HEADER_SIZE, code, a.len);
	finish_table(p, "DSDT", 2, HEADER_SIZE + a.len);
	return addr;
}

/* Firmware ACPI Control Structure, 5.2.10: no checksum. */
static u32 build_facs(struct tables *t)
{
	u32 addr;
	u8 *p = reserve(t, FACS_SIZE, &addr);

	if (!p)
		return 0;
	memcpy(p, "FACS", 4);
	put_le32(p + 4, FACS_SIZE);
	p[32] = 2;
	return addr;
}

/* Generic address structure in I/O space, 5.2.3.2. */
static void put_gas_io(u8 *p, u16 port, u8 bytes, u8 access)
{
	p[0] = 1;
	p[1] = (u8)(bytes * 8);
	p[2] = 0;
	p[3] = access;
	put_le64(p + 4, port);
}

enum { ACCESS_BYTE = 1, ACCESS_WORD = 2, ACCESS_DWORD = 3 };

enum { /* FADT flags, table 5.10 */
	FADT_WBINVD = 1 << 0,
	FADT_PROC_C1 = 1 << 2,
	FADT_NO_FIXED_SLEEP_BUTTON = 1 << 5,
	FADT_NO_FIXED_RTC_WAKE = 1 << 6,
	FADT_TMR_VAL_32 = 1 << 8,
	FADT_RESET_REG = 1 << 10,
};

/*
 * IA-PC boot architecture flags, table 5.11: user-visible ISA devices, no VGA.
 * The keyboard controller is not announced: it has no keyboard behind it, and
 * guests would probe for one; resets through it work all the same.
 */
#define BOOT_LEGACY_DEVICES BIT(0)
#define BOOT_NO_VGA BIT(2)

static void fadt_fixed_hardware(u8 *p)
{
	put_le16(p + 46, ACPI_SCI_IRQ);
	put_le32(p + 48, ACPI_SMI_CMD_PORT);
	put_le32(p + 56, ACPI_PM1_EVT_PORT);
	put_le32(p + 64, ACPI_PM1_CNT_PORT);
	put_le32(p + 76, ACPI_PM_TMR_PORT);
	p[88] = 4; /* PM1_EVT_LEN */
	p[89] = 2; /* PM1_CNT_LEN */
	p[91] = 4; /* PM_TMR_LEN */
	put_gas_io(p + 148, ACPI_PM1_EVT_PORT, 4, ACCESS_WORD);
	put_gas_io(p + 172, ACPI_PM1_CNT_PORT, 2, ACCESS_WORD);
	put_gas_io(p + 208, ACPI_PM_TMR_PORT, 4, ACCESS_DWORD);
	put_gas_io(p + 116, ACPI_RESET_PORT, 1, ACCESS_BYTE);
	p[128] = ACPI_RESET_VALUE;
}

static u32 build_fadt(struct tables *t, u32 facs, u32 dsdt)
{
	u32 addr;
	u8 *p = reserve(t, FADT_SIZE, &addr);

	if (!p)
		return 0;
	put_le32(p + 36, facs);
	put_le32(p + 40, dsdt);
	p[45] = 4;		 /* preferred profile: enterprise server */
	put_le16(p + 96, 101);	 /* P_LVL2_LAT: no C2 */
	put_le16(p + 98, 1001);	 /* P_LVL3_LAT: no C3 */
	p[108] = 0x32;		 /* century byte in CMOS RAM */
	put_le16(p + 109, (u16)(BOOT_LEGACY_DEVICES | BOOT_NO_VGA));
	put_le32(p + 112, FADT_WBINVD | FADT_PROC_C1 | FADT_NO_FIXED_SLEEP_BUTTON |
				  FADT_NO_FIXED_RTC_WAKE | FADT_TMR_VAL_32 |
				  FADT_RESET_REG);
	p[131] = 5; /* minor version: 6.5 */
	put_le64(p + 140, dsdt);
	fadt_fixed_hardware(p);
	finish_table(p, "FACP", 6, FADT_SIZE);
	return addr;
}

/* One interrupt controller structure of the MADT (5.2.12). */
static u8 *madt_entry(u8 *p, u8 type, u8 len)
{
	p[0] = type;
	p[1] = len;
	return p;
}

static u8 *madt_override(u8 *p, u8 source, u32 gsi, u16 flags)
{
	madt_entry(p, 2, 10);
	p[3] = source;
	put_le32(p + 4, gsi);
	put_le16(p + 8, flags);
	return p + 10;
}

static u32 build_madt(struct tables *t, unsigned cpus)
{
	size_t n = HEADER_SIZE + 8 + cpus * 8 + 12 + 10 + 10 + 6;
	u32 addr;
	u8 *p = reserve(t, n, &addr), *e;

	if (!p)
		return 0;
	put_le32(p + 36, LAPIC_BASE);
	put_le32(p + 40, 1); /* PCAT_COMPAT: there are 8259s */
	e = p + 44;
	for (unsigned i = 0; i < cpus; i++, e += 8) { /* local APIC */
		madt_entry(e, 0, 8);
		e[2] = (u8)i;
		e[3] = (u8)i;
		put_le32(e + 4, 1); /* enabled */
	}
	madt_entry(e, 1, 12); /* I/O APIC */
	e[2] = IOAPIC_ID;
	put_le32(e + 4, IOAPIC_BASE);
	e += 12;
	e = madt_override(e, 0, 2, 0); /* the PIT arrives at input 2 */
	e = madt_override(e, ACPI_SCI_IRQ, ACPI_SCI_IRQ,
			  0xd); /* active high, level */
	madt_entry(e, 4, 6); /* NMI at LINT1 of all processors */
	e[2] = 0xff;
	e[5] = 1;
	finish_table(p, "APIC", 5, n);
	return addr;
}

/* PCI Firmware specification 3.0, 4.1.2: where ECAM is. */
static u32 build_mcfg(struct tables *t)
{
	u32 addr;
	u8 *p = reserve(t, MCFG_SIZE, &addr);

	if (!p)
		return 0;
	put_le64(p + 44, PCI_ECAM_BASE); /* segment 0, buses 0 to 0 */
	finish_table(p, "MCFG", 1, MCFG_SIZE);
	return addr;
}

/* RSDT (4-byte entries) or XSDT (8-byte entries), 5.2.7 and 5.2.8. */
static u32 build_root(struct tables *t, bool wide, u32 fadt, u32 madt, u32 mcfg)
{
	size_t entry = wide ? 8 : 4;
	size_t n = HEADER_SIZE + 3 * entry;
	u32 addr;
	u8 *p = reserve(t, n, &addr);

	if (!p)
		return 0;
	put_le32(p + HEADER_SIZE, fadt);
	put_le32(p + HEADER_SIZE + entry, madt);
	put_le32(p + HEADER_SIZE + 2 * entry, mcfg);
	finish_table(p, wide ? "XSDT" : "RSDT", 1, n);
	return addr;
}

static void fill_rsdp(u8 *p, u32 rsdt, u32 xsdt)
{
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "TRIVET", 6);
	p[15] = 2;
	put_le32(p + 16, rsdt);
	put_le32(p + 20, RSDP_SIZE);
	put_le64(p + 24, xsdt);
	p[8] = checksum(p, RSDP_V1_SIZE);
	p[32] = checksum(p, RSDP_SIZE);
}

size_t acpi_build(u8 *buf, size_t size, u32 base, unsigned cpus)
{
	struct tables t = { .buf = buf, .size = size, .base = base };
	u32 rsdp_addr, facs, fadt, madt, mcfg, rsdt, xsdt;
	u8 *rsdp = reserve(&t, RSDP_SIZE, &rsdp_addr);

	facs = build_facs(&t);
	fadt = build_fadt(&t, facs, build_dsdt(&t));
	madt = build_madt(&t, cpus);
	mcfg = build_mcfg(&t);
	rsdt = build_root(&t, false, fadt, madt, mcfg);
	xsdt = build_root(&t, true, fadt, madt, mcfg);
	if (t.full)
		return 0;
	fill_rsdp(rsdp, rsdt, xsdt);
	return t.len;
}
