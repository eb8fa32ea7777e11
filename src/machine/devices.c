/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices the machine has, and how their lines run. */
#include "devices.h"

#include <trivet/device/acpi_pm.h>
#include <trivet/device/debug_exit.h>
#include <trivet/device/ferr.h>
#include <trivet/device/fw_cfg.h>
#include <trivet/device/hypercall.h>
#include <trivet/device/i8042.h>
#include <trivet/device/ioapic.h>
#include <trivet/device/pic.h>
#include <trivet/device/pit.h>
#include <trivet/device/rtc.h>
#include <trivet/device/serial.h>
#include <trivet/device/testdev.h>
#include <trivet/pci.h>
#include <trivet/string.h>
#include <trivet/virtio/balloon.h>
#include <trivet/virtio/blk.h>
#include <trivet/virtio/console.h>
#include <trivet/virtio/net.h>
#include <trivet/virtio/rng.h>
#include <trivet/virtio/vsock.h>

static void testdev_flush(void *ctx, gpa_t page)
{
	vm_flush_page(ctx, page);
}

static int create_irq_chips(struct devices *d, struct vm *vm, const char **what)
{
	int r;

	*what = "8259 interrupt controller";
	r = pic_create(vm, local_irq_extint, d, &d->pic);
	if (r)
		return r;
	*what = "local APIC";
	r = local_irq_create(d);
	if (r)
		return r;
	*what = "I/O APIC";
	r = ioapic_create(vm, IOAPIC_ID, &d->ioapic);
	if (r)
		return r;
	local_irq_connect(d);
	return 0;
}

static int create_legacy(struct devices *d, struct vm *vm,
			 const struct machine_config *c, const char **what)
{
	int r;

	*what = "8254 timer";
	r = pit_create(vm, &d->pit);
	if (r)
		return r;
	*what = "real-time clock";
	r = rtc_create(vm, c->memory, &d->rtc);
	if (r)
		return r;
	*what = "serial port";
	r = serial_create(vm, COM1_PORT, COM1_IRQ, c->hvc ? NULL : c->console,
			  &d->com1);
	if (r)
		return r;
	*what = "keyboard controller";
	r = i8042_create(vm, &d->i8042);
	if (r)
		return r;
	*what = "ACPI power management";
	r = acpi_pm_create(vm, &d->acpi_pm);
	if (r)
		return r;
	*what = "x87 error port";
	r = ferr_create(vm, &d->ferr);
	if (r)
		return r;
	rtc_set_alarm_hook(d->rtc, acpi_pm_rtc_alarm, d->acpi_pm);
	*what = "PCI host bridge";
	return pci_host_create(vm, &d->pci_host);
}

static int create_test_aids(struct devices *d, struct vm *vm,
			    const struct machine_config *c, const char **what)
{
	int r;

	*what = "debug-exit port";
	r = debug_exit_create(vm, &d->debug_exit);
	if (r)
		return r;
	*what = "fw_cfg";
	r = fw_cfg_create(vm, c->memory, c->cpus, &d->fw_cfg);
	if (r || !c->testdev)
		return r;
	vm->hypercall = kvm_hypercall;
	*what = "test device";
	return testdev_create(vm, testdev_flush, vm, &d->testdev);
}

/* Console and named ports, balloon, vsock: those that were asked for. */
static int create_channels(struct devices *d, struct vm *vm,
			   const struct machine_config *c, const char **what)
{
	struct chardev *console = c->hvc ? c->console : NULL;
	int r = 0;

	*what = "virtio console";
	if (console || c->port_count)
		r = virtio_console_create(vm, d->pci_host, console, c->ports,
					  c->port_count, &d->hvc);
	if (r)
		return r;
	*what = "virtio balloon";
	if (c->balloon)
		r = virtio_balloon_create(vm, d->pci_host, c->balloon_size, &d->balloon);
	if (r)
		return r;
	*what = "virtio vsock";
	return c->vsock ? virtio_vsock_create(vm, d->pci_host, c->vsock, &d->vsock) : 0;
}

static int create_virtio(struct devices *d, struct vm *vm,
			 const struct machine_config *c, const char **what)
{
	int r = 0;

	*what = "virtio disk";
	for (unsigned i = 0; i < c->disk_count && !r; i++)
		r = virtio_blk_create(vm, d->pci_host, c->disks[i].name,
				      c->disks[i].blockdev, &d->disks[i]);
	if (r)
		return r;
	*what = "virtio network card";
	for (unsigned i = 0; i < c->net_count && !r; i++)
		r = virtio_net_create(vm, d->pci_host, c->nets[i].name,
				      c->nets[i].netdev, &d->nets[i]);
	if (r)
		return r;
	*what = "virtio entropy device";
	r = virtio_rng_create(vm, d->pci_host, &d->rng);
	if (r)
		return r;
	return create_channels(d, vm, c, what);
}

int devices_create(struct devices *d, struct vm *vm,
		   const struct machine_config *config, struct error *err)
{
	const char *what = "";
	int r;

	memset(d, 0, sizeof *d);
	d->vm = vm;
	r = create_irq_chips(d, vm, &what);
	if (!r)
		r = create_legacy(d, vm, config, &what);
	if (!r)
		r = create_test_aids(d, vm, config, &what);
	if (!r)
		r = create_virtio(d, vm, config, &what);
	if (r) {
		devices_destroy(d);
		return error_set(err, r, "machine: cannot create the %s (error %d)",
				 what, -r);
	}
	return 0;
}

void devices_reset(struct devices *d, bool asleep)
{
	/* Sources before controllers, so that no line is left pending. */
	for (unsigned i = 0; i < MACHINE_MAX_DISKS; i++)
		if (d->disks[i])
			virtio_blk_reset(d->disks[i]);
	for (unsigned i = 0; i < MACHINE_MAX_NETS; i++)
		if (d->nets[i])
			virtio_net_reset(d->nets[i]);
	virtio_rng_reset(d->rng);
	if (d->hvc)
		virtio_console_reset(d->hvc);
	if (d->balloon)
		virtio_balloon_reset(d->balloon);
	if (d->vsock)
		virtio_vsock_reset(d->vsock);
	pci_host_reset(d->pci_host);
	if (!asleep)
		acpi_pm_reset(d->acpi_pm);
	ferr_reset(d->ferr);
	i8042_reset(d->i8042);
	serial_reset(d->com1);
	if (!asleep)
		rtc_reset(d->rtc);
	pit_reset(d->pit);
	ioapic_reset(d->ioapic);
	pic_reset(d->pic);
	local_irq_reset(d);
}

#define DESTROY(d, field, fn)              \
	do {                               \
		if ((d)->field)            \
			fn((d)->field);    \
		(d)->field = NULL;         \
	} while (0)

void devices_destroy(struct devices *d)
{
	for (unsigned i = 0; i < MACHINE_MAX_DISKS; i++)
		DESTROY(d, disks[i], virtio_blk_destroy);
	for (unsigned i = 0; i < MACHINE_MAX_NETS; i++)
		DESTROY(d, nets[i], virtio_net_destroy);
	DESTROY(d, rng, virtio_rng_destroy);
	DESTROY(d, hvc, virtio_console_destroy);
	DESTROY(d, balloon, virtio_balloon_destroy);
	DESTROY(d, vsock, virtio_vsock_destroy);
	DESTROY(d, testdev, testdev_destroy);
	DESTROY(d, fw_cfg, fw_cfg_destroy);
	DESTROY(d, debug_exit, debug_exit_destroy);
	DESTROY(d, pci_host, pci_host_destroy);
	DESTROY(d, acpi_pm, acpi_pm_destroy);
	DESTROY(d, ferr, ferr_destroy);
	DESTROY(d, i8042, i8042_destroy);
	DESTROY(d, com1, serial_destroy);
	DESTROY(d, rtc, rtc_destroy);
	DESTROY(d, pit, pit_destroy);
	DESTROY(d, ioapic, ioapic_destroy);
	local_irq_destroy(d);
	DESTROY(d, pic, pic_destroy);
	/* The controllers registered here are gone: nobody listens any more. */
	memset(&d->vm->irqs, 0, sizeof d->vm->irqs);
}
