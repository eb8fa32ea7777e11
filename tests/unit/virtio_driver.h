/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for devices of several queues, the way test_virtio.c's is for one: guest
 * memory with a ring for each queue, a device on the bus, interrupts counted.
 */
#ifndef TESTS_VIRTIO_DRIVER_H
#define TESTS_VIRTIO_DRIVER_H

#include <trivet/virtio/pci.h>

#include "dev_fixture.h"

#define VD_RAM MIB(1)
#define VD_SIZE 64u
#define VD_QUEUES 20
/* Of each queue, a page: descriptors, available ring, used ring. */
#define VD_DESC(q) (0x1000u * (1 + (q)))
#define VD_AVAIL(q) (VD_DESC(q) + 0x400)
#define VD_USED(q) (VD_DESC(q) + 0x800)
#define VD_DATA 0x20000u
#define VD_DEVICE 1u

struct vd_queue {
	u16 avail, desc, seen;
};

struct vd {
	struct vm vm;
	struct dev_lines lines;
	struct pci_host *pci;
	u8 *ram;
	u64 written; /* bytes that the engine was told of */
	struct vd_queue queues[VD_QUEUES];
};

static struct vd vd;

static int vd_map(struct vm *vm, const struct mem_slot *slot)
{
	(void)vm, (void)slot;
	return 0;
}

static void vd_mem_written(struct vm *vm, gpa_t a, u64 len)
{
	(void)a;
	CONTAINER_OF(vm, struct vd, vm)->written += len;
}

static const struct engine_ops vd_engine = {
	.name = "none",
	.vm_init = dev_engine_vm_init,
	.vm_fini = dev_engine_vm_fini,
	.vcpu_init = dev_engine_vcpu_init,
	.vcpu_fini = dev_engine_vcpu_fini,
	.map = vd_map,
	.mem_written = vd_mem_written,
};

static inline void vd_init(void)
{
	struct error err;

	memset(&vd, 0, sizeof vd);
	memset(&fake, 0, sizeof fake);
	fake.counter_hz = 1000000000;
	vm_init(&vd.vm, "test", &vd_engine, &err);
	irq_add_sink(&vd.vm, &(struct irq_sink){ dev_line_set, &vd.lines });
	if (guest_mem_add(&vd.vm, gpa(0), VD_RAM, MEM_READ | MEM_WRITE) ||
	    pci_host_create(&vd.vm, &vd.pci))
		__builtin_trap();
	vd.ram = vd.vm.mem.slots[0].host;
}

static inline void vd_fini(void)
{
	pci_host_destroy(vd.pci);
	if (vd.vm.mmio.count || vd.vm.pio.count || vd.vm.timers)
		__builtin_trap();
	vm_fini(&vd.vm);
}

static inline u64 vd_bar(void)
{
	const u64 config = PCI_ECAM_BASE + (VD_DEVICE << 15);

	bus_write(&vd.vm.mmio, NULL, config + PCI_COMMAND, 2,
		  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return bus_read(&vd.vm.mmio, NULL, config + PCI_BAR0, 4) & ~0xfu;
}

static inline u64 vd_rd(u64 at, unsigned size)
{
	return bus_read(&vd.vm.mmio, NULL, vd_bar() + at, size);
}

static inline void vd_wr(u64 at, unsigned size, u64 v)
{
	bus_write(&vd.vm.mmio, NULL, vd_bar() + at, size, v);
}

static inline u8 vd_status(void)
{
	return (u8)vd_rd(0x14, 1);
}

static inline void vd_setup_queue(unsigned q)
{
	vd_wr(0x16, 2, q);
	vd_wr(0x18, 2, VD_SIZE);
	vd_wr(0x20, 4, VD_DESC(q));
	vd_wr(0x28, 4, VD_AVAIL(q));
	vd_wr(0x30, 4, VD_USED(q));
	vd_wr(0x1c, 2, 1);
}

/* 3.1.1, with the first `queues` queues. */
static inline void vd_start(u64 features, unsigned queues)
{
	features |= VIRTIO_F_VERSION_1;
	memset(vd.ram, 0, VD_DATA);
	memset(vd.queues, 0, sizeof vd.queues);
	vd_wr(0x14, 1, 0);
	vd_wr(0x14, 1, 3);
	for (unsigned i = 0; i < 2; i++) {
		vd_wr(0x08, 4, i);
		vd_wr(0x0c, 4, (u32)(features >> (32 * i)));
	}
	vd_wr(0x14, 1, 11);
	for (unsigned q = 0; q < queues; q++)
		vd_setup_queue(q);
	vd_wr(0x14, 1, 15);
}

static inline void vd_notify(unsigned q)
{
	vd_wr(0x3000 + 4 * q, 2, q);
}

/* Offers one buffer, without telling. */
static inline void vd_add(unsigned q, u64 addr, u32 len, bool writable)
{
	struct vd_queue *s = &vd.queues[q];
	u8 *d = vd.ram + VD_DESC(q) + 16 * (s->desc % VD_SIZE);

	put_le64(d, addr);
	put_le32(d + 8, len);
	put_le16(d + 12, writable ? 2 : 0);
	put_le16(vd.ram + VD_AVAIL(q) + 4 + 2 * (s->avail % VD_SIZE),
		 (u16)(s->desc++ % VD_SIZE));
	put_le16(vd.ram + VD_AVAIL(q) + 2, ++s->avail);
}

/* How many buffers came back in all. */
static inline u16 vd_used(unsigned q)
{
	return get_le16(vd.ram + VD_USED(q) + 2);
}

/* The next buffer that came back: where it is, and its length; NULL: none. */
static inline u8 *vd_take(unsigned q, u32 *len)
{
	struct vd_queue *s = &vd.queues[q];
	const u8 *e = vd.ram + VD_USED(q) + 4 + 8 * (s->seen % VD_SIZE);

	if (s->seen == vd_used(q))
		return NULL;
	s->seen++;
	*len = get_le32(e + 4);
	return vd.ram + get_le64(vd.ram + VD_DESC(q) + 16 * get_le32(e));
}

/* The interrupt's cause, which reading takes away: 1 a queue, 2 the config. */
static inline u8 vd_isr(void)
{
	return (u8)vd_rd(0x1000, 1);
}

#endif
