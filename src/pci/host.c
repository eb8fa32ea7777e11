/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI host bridge and configuration mechanism #1: PCI Local Bus 3.0,
 * 3.2.2.3.2 and chapter 6.
 */
#include <trivet/bits.h>
#include <trivet/pci.h>

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE BIT(31)
#define ADDRESS_VALID 0x80fffffcu

struct pci_host {
	struct vm *vm;
	u32 address;
	struct bus_range under; /* whoever was at cf8h; ops NULL: nobody */
};

/* Dwords of the bridge's header: a DRAM controller without any resource. */
static u32 bridge_dword(unsigned reg)
{
	switch (reg) {
	case 0x00:
		return 0x0d578086; /* device, vendor */
	case 0x08:
		return 0x06000000; /* class: host bridge; revision 0 */
	default:
		return 0;
	}
}

static u32 selected_dword(const struct pci_host *p)
{
	if (!(p->address & ADDRESS_ENABLE) || p->address & 0x00ffff00)
		return ~(u32)0; /* no such function: master abort */
	return bridge_dword(p->address & 0xfc);
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

static u64 data_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	(void)size;
	return selected_dword(ctx) >> (8 * offset);
}

/* The bridge has no register that keeps what is written. */
static void data_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		       u64 value)
{
	(void)ctx;
	(void)v;
	(void)offset;
	(void)size;
	(void)value;
}

static const struct bus_ops address_ops = { address_read, address_write };
static const struct bus_ops data_ops = { data_read, data_write };

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
	struct pci_host *p = platform_alloc(sizeof *p);
	const struct bus_range data = { DATA_PORT, 4, "pci data", &data_ops, p };
	int r;

	if (!p)
		return -ENOMEM;
	p->vm = vm;
	r = bus_add(&vm->pio, &data);
	if (r)
		goto fail;
	r = take_address_port(p);
	if (r)
		goto fail_data;
	*out = p;
	return 0;

fail_data:
	bus_remove(&vm->pio, DATA_PORT);
fail:
	platform_free(p, sizeof *p);
	return r;
}

void pci_host_reset(struct pci_host *p)
{
	p->address = 0;
}

void pci_host_destroy(struct pci_host *p)
{
	if (!p)
		return;
	give_address_port_back(p);
	bus_remove(&p->vm->pio, DATA_PORT);
	platform_free(p, sizeof *p);
}
