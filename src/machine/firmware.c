/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There is no BIOS: this leaves in memory and in the CPUs what one would have
 * left, as far as kernels look at it.
 */
#include <trivet/bits.h>
#include <trivet/device/acpi_pm.h>
#include <trivet/device/lapic.h>

#include "acpi.h"
#include "private.h"

#define ACPI_AREA 0xf0000u /* the scan for the RSDP finds it at once */
#define ACPI_AREA_SIZE 0x4000u
#define RESET_STUB 0xfff00u
#define DUMMY_HANDLER 0xff53 /* f000:ff53, where the AT BIOS has its IRET */

static int put(struct machine *m, u64 addr, const void *bytes, u64 n)
{
	return guest_mem_write(m->vm, gpa(addr), bytes, n);
}

static int put16(struct machine *m, u64 addr, u16 v)
{
	u8 le[2];

	put_le16(le, v);
	return put(m, addr, le, sizeof le);
}

/* Interrupts that nobody has taken over do nothing. */
static int install_ivt(struct machine *m)
{
	static const u8 iret = 0xcf;
	u8 ivt[256 * 4];

	for (unsigned n = 0; n < 256; n++)
		put_le32(ivt + n * 4, 0xf0000000u | DUMMY_HANDLER);
	return put(m, 0, ivt, sizeof ivt) | put(m, 0xf0000 + DUMMY_HANDLER, &iret, 1);
}

/* BIOS data area: serial port, EBDA segment, KiB of conventional memory. */
static int install_bda(struct machine *m)
{
	u8 ebda_kib = EBDA_SIZE / 1024;
	int r = put16(m, 0x400, COM1_PORT);

	if (!r)
		r = put16(m, 0x40e, EBDA_BASE >> 4);
	if (!r)
		r = put16(m, 0x413, EBDA_BASE / 1024);
	if (!r)
		r = put(m, EBDA_BASE, &ebda_kib, 1);
	return r;
}

/*
 * A CPU that is INITed by software comes to the reset vector, and finds what an
 * AT BIOS does there: with shutdown status 0Ah, or 05h (which first ends an
 * interrupt of the 8259) in CMOS byte 0Fh it jumps through the far pointer at
 * 40h:67h, else it resets the machine.
 */
static const u8 reset_stub[] = {
	0xfa,			      /*     cli */
	0xfc,			      /*     cld */
	0x31, 0xc0,		      /*     xor ax, ax */
	0x8e, 0xd8,		      /*     mov ds, ax */
	0xb0, 0x0f,		      /*     mov al, 0fh */
	0xe6, 0x70,		      /*     out 70h, al */
	0xe4, 0x71,		      /*     in al, 71h */
	0x88, 0xc4,		      /*     mov ah, al */
	0xb0, 0x0f,		      /*     mov al, 0fh */
	0xe6, 0x70,		      /*     out 70h, al */
	0x30, 0xc0,		      /*     xor al, al */
	0xe6, 0x71,		      /*     out 71h, al */
	0x80, 0xfc, 0x05,	      /*     cmp ah, 5 */
	0x75, 0x06,		      /*     jne next */
	0xb0, 0x20,		      /*     mov al, 20h */
	0xe6, 0x20,		      /*     out 20h, al */
	0xeb, 0x05,		      /*     jmp resume */
	0x80, 0xfc, 0x0a,	      /* next: cmp ah, 0ah */
	0x75, 0x04,		      /*     jne reset */
	0xff, 0x2e, 0x67, 0x04,	      /* resume: jmp far [467h] */
	0xba, ACPI_RESET_PORT & 0xff, ACPI_RESET_PORT >> 8, /* reset: mov dx, cf9h */
	0xb0, ACPI_RESET_VALUE,	      /*     mov al, 6 */
	0xee,			      /*     out dx, al */
	0xf4,			      /* stop: hlt */
	0xeb, 0xfd,		      /*     jmp stop */
};

static int install_reset_stub(struct machine *m)
{
	/* jmp far f000:ff00 */
	static const u8 jump[] = { 0xea, RESET_STUB & 0xff,
				   (RESET_STUB >> 8) & 0xff, 0x00, 0xf0 };
	int r = put(m, RESET_STUB, reset_stub, sizeof reset_stub);

	if (!r)
		r = put(m, 0xffff0, jump, sizeof jump);
	if (!r)
		r = put(m, RESET_PAGE + 0xff0, jump, sizeof jump);
	return r;
}

static int install_acpi(struct machine *m)
{
	u8 *area = guest_mem_ptr(m->vm, gpa(ACPI_AREA), ACPI_AREA_SIZE);

	m->rsdp = ACPI_AREA;
	if (!area || !acpi_build(area, ACPI_AREA_SIZE, ACPI_AREA, m->config.cpus))
		return -ENOSPC;
	return 0;
}

int firmware_install(struct machine *m, struct error *err)
{
	int r = install_ivt(m);

	if (!r)
		r = install_bda(m);
	if (!r)
		r = install_reset_stub(m);
	if (!r)
		r = install_acpi(m);
	if (r)
		return error_set(err, r, "machine: cannot place the firmware tables (error %d)", -r);
	return 0;
}

/*
 * MTRRs as firmware sets them on every CPU (SDM vol. 3A 12.11): write-back by
 * default, video memory and the hole below 4 GiB uncached, ROMs write-protected.
 */
void firmware_cpu_state(const struct machine *m, struct x86_state *st)
{
	struct x86_mtrr *mtrr = &st->msr.mtrr;
	unsigned phys_bits = x86_cpuid(&m->model, NULL, 0, 0x80000008, 0).eax & 0xff;
	const u64 wb = 0x0606060606060606, wp = 0x0505050505050505;

	if (!(x86_cpuid(&m->model, NULL, 0, 1, 0).edx & BIT(12)))
		return; /* the model has none */
	mtrr->def_type = BIT(11) | BIT(10) | 6;
	mtrr->fixed[0] = wb;
	mtrr->fixed[1] = wb;
	mtrr->fixed[2] = 0;
	for (unsigned i = 3; i < ARRAY_SIZE(mtrr->fixed); i++)
		mtrr->fixed[i] = wp;
	mtrr->base[0] = LOW_RAM_MAX;
	mtrr->mask[0] = (bits_mask(phys_bits) & ~(HIGH_RAM_BASE - LOW_RAM_MAX - 1)) | BIT(11);
}

/* The guest may have written anything to its tables: 0 when they lead nowhere. */
static u32 read32(const struct machine *m, u64 addr)
{
	u8 le[4];

	return guest_mem_read(m->vm, gpa(addr), le, sizeof le) ? 0 : get_le32(le);
}

/* RSDP, RSDT, its first table (the FADT), FACS, and there the waking vector:
 * ACPI 6.5, 5.2.10. */
void firmware_waking_state(const struct machine *m, struct x86_state *st)
{
	u32 rsdt = read32(m, m->rsdp + 16u);
	u32 fadt = read32(m, rsdt + 36ull);
	u32 facs = read32(m, fadt + 36ull);
	u32 vector = read32(m, facs + 12ull);

	st->seg[SEG_CS].sel = (u16)(vector >> 4);
	st->seg[SEG_CS].base = (vector >> 4 & 0xffff) << 4;
	st->rip = vector & 15;
}

/*
 * The 8259 pair at vectors 08h and 70h, all masked but for the cascade and line
 * 11, where PCs route PCI. (The timer, which a BIOS would leave ticking, is off.)
 */
void firmware_init_pic(struct machine *m)
{
	static const struct { u8 port, value; } setup[] = {
		{ 0x20, 0x11 }, { 0x21, 0x08 }, { 0x21, 0x04 }, { 0x21, 0x01 },
		{ 0xa0, 0x11 }, { 0xa1, 0x70 }, { 0xa1, 0x02 }, { 0xa1, 0x01 },
		{ 0x21, 0xfb }, { 0xa1, 0xf7 },
	};

	for (unsigned n = 0; n < ARRAY_SIZE(setup); n++)
		bus_write(&m->vm->pio, NULL, setup[n].port, 1, setup[n].value);
}

/*
 * Virtual wire mode (MP specification 1.4, 3.6.2.2): the APIC is enabled, the
 * 8259 comes in at LINT0, NMI at LINT1. SDM vol. 3A 11.5.1 and 11.9.
 */
void firmware_init_apic(struct machine *m)
{
	struct bus *bus = &m->vm->mmio;
	struct vcpu *v = m->vm->vcpus[0];

	if (m->vm->engine->irqchip)
		return; /* its reset leaves the boot CPU's like this */
	bus_write(bus, v, LAPIC_BASE + 0xf0, 4, 0x1ff);
	bus_write(bus, v, LAPIC_BASE + 0x350, 4, 0x700);
	bus_write(bus, v, LAPIC_BASE + 0x360, 4, 0x400);
}
