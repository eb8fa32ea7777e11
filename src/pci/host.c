/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host bridge and the bus behind it: configuration mechanism #1 (PCI Local
 * Bus 3.0, 3.2.2.3.2), ECAM (PCI Express Base 4.0, 7.2.2), who is where, lines.
 */
#include <trivet/bits.h>

#include "private.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE BIT(31)
#define ADDRESS_VALID 0x80fffffcu
#define ECAM_FUNCTION_SHIFT 12
#define ECAM_DEVICE_SHIFT 15

struct pci_host {
	struct vm *vm;
	u32 address;
	struct bus_range under; /* whoever was at cf8h; ops NULL: nobody */
	struct pci_func bridge;
	struct pci_func *funcs[PCI_DEVICES];
	u32 intx[PCI_INTX_LINES]; /* devices that pull the line, one bit each */
	u64 window_used;
};

void pci_host_intx(struct pci_host *p, unsigned device, bool level)
{
	unsigned line = device % PCI_INTX_LINES;
	u32 bit = (u32)BIT(device);

	p->intx[line] = level ? p->intx[line] | bit : p->intx[line] & ~bit;
	irq_set(p->vm, PCI_INTX_GSI_BASE + line, p->intx[line] != 0);
}

void pci_host_retry_bars(struct pci_host *p)
{
	for (unsigned i = 0; i < PCI_DEVICES; i++)
		if (p->funcs[i])
			(void)pci_func_map_bars(p->funcs[i]);
}

/* All ones where nobody answers: a master abort. */
static u32 config_read(struct pci_host *p, unsigned device, unsigned function,
		       unsigned reg, unsigned size)
{
	struct pci_func *f = p->funcs[device];

	if (!f || function)
		return ~(u32)0;
	/* no extended capabilities (PCI Express Base 4.0, 7.9.1) */
	return reg < PCI_CONFIG_SIZE ? pci_config_read(f, reg, size) : 0;
}

static void config_write(struct pci_host *p, unsigned device, unsigned function,
			 unsigned reg, unsigned size, u32 value)
{
	struct pci_func *f = p->funcs[device];

	if (f && !function && reg < PCI_CONFIG_SIZE)
		pci_config_write(f, reg, size, value);
}

static u64 address_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct pci_host *p = ctx;

	if (size == 4)
		return p->address;
	return p->under.ops ?
		       p->under.ops->read(p->under.ctx, v, offset, size) :
		       ~(u64)0;
}

static void address_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			  u64 value)
{
	struct pci_host *p = ctx;

	if (size == 4)
		p->address = (u32)value & ADDRESS_VALID;
	else if (p->under.ops)
		p->under.ops->write(p->under.ctx, v, offset, size, value);
}

/* Enabled, and bus 0? */
static bool selected(const struct pci_host *p)
{
	return (p->address & ADDRESS_ENABLE) && !(p->address & 0x00ff0000);
}

static u64 data_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct pci_host *p = ctx;

	(void)v;
	if (!selected(p))
		return ~(u64)0;
	return config_read(p, p->address >> 11 & 31, p->address >> 8 & 7,
			   (p->address & 0xfc) + (unsigned)offset, size);
}

static void data_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		       u64 value)
{
	struct pci_host *p = ctx;

	(void)v;
	if (selected(p))
		config_write(p, p->address >> 11 & 31, p->address >> 8 & 7,
			     (p->address & 0xfc) + (unsigned)offset, size,
			     (u32)value);
}

/* An access that crosses a dword, or is wider than one, is not one of ECAM's. */
static bool ecam_legal(u64 offset, unsigned size)
{
	return (offset & 3) + size <= 4;
}

static u64 ecam_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	if (!ecam_legal(offset, size))
		return ~(u64)0;
	return config_read(ctx, offset >> ECAM_DEVICE_SHIFT & 31,
			   offset >> ECAM_FUNCTION_SHIFT & 7, offset & 0xfff, size);
}

static void ecam_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		       u64 value)
{
	(void)v;
	if (ecam_legal(offset, size))
		config_write(ctx, offset >> ECAM_DEVICE_SHIFT & 31,
			     offset >> ECAM_FUNCTION_SHIFT & 7, offset & 0xfff,
			     size, (u32)value);
}

static const struct bus_ops address_ops = { address_read, address_write };
static const struct bus_ops data_ops = { data_read, data_write };
static const struct bus_ops ecam_ops = { ecam_read, ecam_write };

/* Gives each BAR its place in the window, naturally aligned. */
static int place_bars(struct pci_host *p, struct pci_func *f)
{
	u64 used = p->window_used;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &f->bars[i];

		if (!b->size)
			continue;
		used = align_up(used, b->size);
		if (!range_within(used, b->size, 0, PCI_MEM_SIZE))
			return -ENOSPC;
		b->home = PCI_MEM_BASE + used;
		used += b->size;
	}
	p->window_used = used;
	return 0;
}

int pci_func_add(struct pci_host *p, struct pci_func *f)
{
	unsigned device = 0;
	int r;

	while (device < PCI_DEVICES && p->funcs[device])
		device++;
	if (device == PCI_DEVICES)
		return -ENOSPC;
	r = place_bars(p, f);
	if (r)
		return r;
	f->host = p;
	f->vm = p->vm;
	f->device = device;
	p->funcs[device] = f;
	pci_func_reset(f);
	return 0;
}

void pci_func_remove(struct pci_func *f)
{
	struct pci_host *p = f->host;

	if (!p)
		return;
	pci_func_reset(f); /* memory decoding off, line low */
	p->funcs[f->device] = NULL;
	f->host = NULL;
}

/* Takes cf8h..cfbh over from whoever has it. */
static int take_address_port(struct pci_host *p)
{
	struct bus *pio = &p->vm->pio;
	const struct bus_range *at = bus_find(pio, ADDRESS_PORT);
	const struct bus_range mine = { ADDRESS_PORT, 4, "pci address",
					&address_ops, p };

	if (at) {
		if (at->base != ADDRESS_PORT || at->size != 4)
			return -EEXIST;
		p->under = *at;
		bus_remove(pio, ADDRESS_PORT);
	}
	return bus_add(pio, &mine);
}

static void give_address_port_back(struct pci_host *p)
{
	bus_remove(&p->vm->pio, ADDRESS_PORT);
	if (p->under.ops)
		bus_add(&p->vm->pio, &p->under);
}

int pci_host_create(struct vm *vm, struct pci_host **out)
{
	static const struct pci_id bridge = { .name = "pci host bridge",
					      .vendor = 0x8086, .device = 0x0d57,
					      .class_code = 0x060000 };
	struct pci_host *p = platform_alloc(sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	p->vm = vm;
	r = bus_add(&vm->pio, &(struct bus_range){ DATA_PORT, 4, "pci data",
						   &data_ops, p });
	if (r)
		goto fail;
	r = bus_add(&vm->mmio, &(struct bus_range){ PCI_ECAM_BASE, PCI_ECAM_SIZE,
						    "pci ecam", &ecam_ops, p });
	if (r)
		goto fail_data;
	r = take_address_port(p);
	if (r)
		goto fail_ecam;
	pci_func_init(&p->bridge, &bridge, NULL);
	(void)pci_func_add(p, &p->bridge); /* the first has room */
	*out = p;
	return 0;

fail_ecam:
	bus_remove(&vm->mmio, PCI_ECAM_BASE);
fail_data:
	bus_remove(&vm->pio, DATA_PORT);
fail:
	platform_free(p, sizeof *p);
	return r;
}

void pci_host_reset(struct pci_host *p)
{
	p->address = 0;
	for (unsigned i = 0; i < PCI_DEVICES; i++)
		if (p->funcs[i])
			pci_func_reset(p->funcs[i]);
}

void pci_host_destroy(struct pci_host *p)
{
	if (!p)
		return;
	pci_func_remove(&p->bridge);
	give_address_port_back(p);
	bus_remove(&p->vm->mmio, PCI_ECAM_BASE);
	bus_remove(&p->vm->pio, DATA_PORT);
	platform_free(p, sizeof *p);
}
