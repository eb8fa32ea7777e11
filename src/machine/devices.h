/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's devices, made and wired together. */
#ifndef MACHINE_DEVICES_H
#define MACHINE_DEVICES_H

#include <trivet/machine.h>

struct devices {
	struct vm *vm;
	struct pic *pic;
	struct lapic_set *lapic;
	struct ioapic *ioapic;
	struct pit *pit;
	struct rtc *rtc;
	struct serial *com1;
	struct i8042 *i8042;
	struct ferr *ferr;
	struct acpi_pm *acpi_pm;
	struct pci_host *pci_host;
	struct debug_exit *debug_exit;
	struct fw_cfg *fw_cfg;
	struct testdev *testdev;
	struct virtio_rng *rng;
	struct virtio_console *hvc;
	struct virtio_balloon *balloon;
	struct virtio_vsock *vsock;
	struct virtio_blk *disks[MACHINE_MAX_DISKS];
	struct virtio_net *nets[MACHINE_MAX_NETS];
};

#define COM1_PORT 0x3f8
#define COM1_IRQ 4
#define IOAPIC_ID 0

/* d must not move afterwards. All vCPUs have been added. On error nothing is left. */
int devices_create(struct devices *d, struct vm *vm,
		   const struct machine_config *config, struct error *err);
/* Power-up state. With vm->lock held. */
void devices_reset(struct devices *d, bool asleep);
void devices_destroy(struct devices *d);

/*
 * local_irq.c: what takes interrupts on the CPUs' side: local APICs that are
 * devices of ours, or the engine's own (engine_irqchip_ops). With vm->lock, or
 * before vCPUs run.
 */
int local_irq_create(struct devices *d);
/* Once the I/O APIC is there: it hears of the end of interrupts. */
void local_irq_connect(struct devices *d);
/* The 8259 pair's INTR pin, which goes to LINT0. ctx is struct devices. */
void local_irq_extint(void *ctx, bool level);
void local_irq_reset(struct devices *d);
void local_irq_destroy(struct devices *d);

#endif
