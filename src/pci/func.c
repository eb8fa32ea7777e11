/* SPDX-License-Identifier: Apache-2.0 */
/* One function: configuration space, BARs, INTx. PCI Local Bus 3.0, chapter 6. */
#include <trivet/bits.h>
#include <trivet/string.h>

#include "private.h"

#define STATUS_INTX 0x08u
#define STATUS_CAPS 0x10u
#define INTERRUPT_LINE 0x3c
#define INTERRUPT_PIN 0x3d
#define FIRST_CAP 0x40
#define BAR_WIDE 0x4u

void pci_func_init(struct pci_func *f, const struct pci_id *id,
		   const struct pci_func_ops *ops)
{
	f->ops = ops;
	f->name = id->name;
	f->cap_end = FIRST_CAP;
	put_le16(f->config, id->vendor);
	put_le16(f->config + 2, id->device);
	put_le32(f->config + 8, id->class_code << 8 | id->revision);
	put_le16(f->config + 0x2c, id->subsystem_vendor);
	put_le16(f->config + 0x2e, id->subsystem);
	f->config[INTERRUPT_PIN] = id->intx;
	put_le16(f->writable + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
					    PCI_COMMAND_INTX_OFF);
	f->writable[INTERRUPT_LINE] = 0xff;
	f->writable[0x0c] = 0xff; /* cache line size: kept, without effect */
}

int pci_func_bar(struct pci_func *f, unsigned index, u64 size, bool wide,
		 const struct bus_ops *ops, void *ctx)
{
	unsigned reg = PCI_BAR0 + 4 * index;

	if (index + wide >= PCI_BARS || size < 16 || size & (size - 1) ||
	    size > PCI_MEM_SIZE || f->bars[index].size)
		return -EINVAL;
	f->bars[index] = (struct pci_bar){ .func = f, .size = size, .wide = wide,
					   .ops = ops, .ctx = ctx };
	put_le32(f->writable + reg, (u32)~(size - 1));
	put_le32(f->config + reg, wide ? BAR_WIDE : 0);
	if (wide)
		put_le32(f->writable + reg + 4, ~(u32)0);
	return 0;
}

int pci_func_doorbells(struct pci_func *f, unsigned bar, u64 offset, unsigned step,
		       unsigned count)
{
	struct pci_bar *b = &f->bars[bar < PCI_BARS ? bar : 0];

	if (bar >= PCI_BARS || b->mapped || !count ||
	    !range_within(offset, (u64)step * count, 0, b->size))
		return -EINVAL;
	b->bell_at = offset;
	b->bell_step = step;
	b->bells = count;
	return 0;
}

int pci_func_cap(struct pci_func *f, u8 id, const void *body, unsigned size)
{
	unsigned at = f->cap_end;

	if (size < 2 || size > PCI_CONFIG_SIZE - at)
		return -ENOSPC;
	f->config[at] = id;
	f->config[at + 1] = 0;
	memcpy(f->config + at + 2, body, size - 2);
	if (f->cap_last)
		f->config[f->cap_last + 1] = (u8)at;
	else
		f->config[PCI_CAP_PTR] = (u8)at;
	f->config[PCI_STATUS] |= STATUS_CAPS;
	f->cap_last = at;
	f->cap_end = (unsigned)align_up(at + size, 4);
	return (int)at;
}

static u64 bar_access_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct pci_bar *b = ctx;

	if (pci_msix_owns(b->func, (unsigned)(b - b->func->bars), offset))
		return pci_msix_bar_read(b->func, offset, size);
	return b->ops->read(b->ctx, v, offset, size);
}

static void bar_access_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			     u64 value)
{
	struct pci_bar *b = ctx;

	if (pci_msix_owns(b->func, (unsigned)(b - b->func->bars), offset))
		pci_msix_bar_write(b->func, offset, size, value);
	else
		b->ops->write(b->ctx, v, offset, size, value);
}

static const struct bus_ops bar_ops = { bar_access_read, bar_access_write };

static u64 bar_address(const struct pci_bar *b)
{
	const u8 *reg = b->func->config + PCI_BAR0 + 4 * (b - b->func->bars);
	u64 high = b->wide ? get_le32(reg + 4) : 0;

	return (high << 32 | get_le32(reg)) & ~(b->size - 1);
}

static gpa_t bell_address(const struct pci_bar *b, unsigned n)
{
	return gpa(b->mapped_at + b->bell_at + n * b->bell_step);
}

static bool bar_unmap(struct pci_bar *b)
{
	if (!b->mapped)
		return false;
	for (unsigned n = 0; n < b->bells; n++)
		vm_doorbell_remove(b->func->vm, bell_address(b, n));
	bus_remove(&b->func->vm->mmio, b->mapped_at);
	b->mapped = false;
	return true;
}

/*
 * Address 0 is where a BAR without a place is. A place that another device has
 * (the guest's mistake) leaves the BAR unmapped until that one is gone.
 */
static bool bar_map(struct pci_bar *b)
{
	bool on = get_le16(b->func->config + PCI_COMMAND) & PCI_COMMAND_MEMORY;
	u64 at = bar_address(b);
	bool left = false;

	if (b->mapped && (!on || at != b->mapped_at))
		left = bar_unmap(b);
	if (!on || !at || b->mapped)
		return left;
	b->mapped = bus_add(&b->func->vm->mmio,
			    &(struct bus_range){ at, b->size, b->func->name,
						 &bar_ops, b }) == 0;
	b->mapped_at = at;
	for (unsigned n = 0; b->mapped && n < b->bells; n++)
		vm_doorbell_add(b->func->vm, bell_address(b, n));
	return left;
}

bool pci_func_map_bars(struct pci_func *f)
{
	bool left = false;

	for (unsigned i = 0; i < PCI_BARS; i++)
		if (f->bars[i].size && bar_map(&f->bars[i]))
			left = true;
	return left;
}

void pci_func_update_intx(struct pci_func *f)
{
	bool off = (get_le16(f->config + PCI_COMMAND) & PCI_COMMAND_INTX_OFF) ||
		   pci_msix_enabled(f);
	bool drive = f->intx && !off;

	if (!f->host || !f->config[INTERRUPT_PIN])
		return;
	f->config[PCI_STATUS] = (u8)((f->config[PCI_STATUS] & ~STATUS_INTX) |
				     (f->intx ? STATUS_INTX : 0));
	if (drive == f->intx_driven)
		return;
	f->intx_driven = drive;
	pci_host_intx(f->host, f->device, drive);
}

void pci_func_intx(struct pci_func *f, bool level)
{
	f->intx = level;
	pci_func_update_intx(f);
}

u32 pci_config_read(struct pci_func *f, unsigned reg, unsigned size)
{
	u32 value = 0;

	if (f->ops && f->ops->config_reading)
		f->ops->config_reading(f, reg, size);
	memcpy(&value, f->config + reg, size);
	return value;
}

static bool touches(unsigned reg, unsigned size, unsigned first, unsigned n)
{
	return reg < first + n && first < reg + size;
}

void pci_config_write(struct pci_func *f, unsigned reg, unsigned size, u32 value)
{
	for (unsigned i = 0; i < size; i++) {
		u8 keep = f->writable[reg + i];
		u8 byte = (u8)(value >> (8 * i));

		f->config[reg + i] = (u8)((f->config[reg + i] & ~keep) | (byte & keep));
	}
	if (touches(reg, size, PCI_COMMAND, 2))
		pci_func_update_intx(f);
	if (touches(reg, size, PCI_COMMAND, 2) ||
	    touches(reg, size, PCI_BAR0, 4 * PCI_BARS))
		if (pci_func_map_bars(f))
			pci_host_retry_bars(f->host);
	if (f->msix.count && touches(reg, size, f->msix.cap, 4))
		pci_msix_control_written(f);
	if (f->ops && f->ops->config_written)
		f->ops->config_written(f, reg, size);
}

void pci_func_reset(struct pci_func *f)
{
	f->intx = false;
	for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++)
		f->config[i] = (u8)(f->config[i] & ~f->writable[i]);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		u8 *reg = f->config + PCI_BAR0 + 4 * i;

		if (f->bars[i].size)
			put_le32(reg, (u32)f->bars[i].home | (get_le32(reg) & 0xf));
	}
	pci_msix_reset(f);
	pci_func_update_intx(f);
	pci_func_map_bars(f);
}
