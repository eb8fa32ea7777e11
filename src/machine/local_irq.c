/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUs' side of interrupts: local APICs that are devices of ours, or those of
 * an engine that has its own. With the latter only the 8259 pair is left here: it
 * interrupts the boot CPU through LINT0 (virtual wire), which the engine looks at.
 */
#include "devices.h"

#include <trivet/device/ioapic.h>
#include <trivet/device/lapic.h>
#include <trivet/device/pic.h>

static bool extint_pending(void *ctx)
{
	return pic_pending(ctx);
}

static int extint_ack(void *ctx)
{
	return pic_pending(ctx) ? pic_ack(ctx) : -EAGAIN;
}

/* The engine's own controllers have these. */
static u64 extint_get_tpr(void *ctx)
{
	(void)ctx;
	return 0;
}

static void extint_set_tpr(void *ctx, u64 cr8)
{
	(void)ctx;
	(void)cr8;
}

static int extint_msr_read(void *ctx, u32 index, u64 *value)
{
	(void)ctx;
	(void)index;
	(void)value;
	return -EINVAL;
}

static int extint_msr_write(void *ctx, u32 index, u64 value)
{
	(void)ctx;
	(void)index;
	(void)value;
	return -EINVAL;
}

static void extint_reset(void *ctx, bool init)
{
	(void)ctx;
	(void)init;
}

static const struct vcpu_irq_ops extint_ops = {
	.pending = extint_pending,
	.ack = extint_ack,
	.get_tpr = extint_get_tpr,
	.set_tpr = extint_set_tpr,
	.msr_read = extint_msr_read,
	.msr_write = extint_msr_write,
	.reset = extint_reset,
};

static int engine_send_msi(void *ctx, u64 address, u32 data)
{
	struct vm *vm = ctx;

	return vm->engine->irqchip->send_msi(vm, address, data);
}

int local_irq_create(struct devices *d)
{
	struct vm *vm = d->vm;

	if (!vm->engine->irqchip)
		return lapic_create(vm, d->pic, platform_counter_hz(), vcpu_guest_tsc,
				    &d->lapic);
	vm->vcpus[0]->irq_ctx = d->pic;
	vm->vcpus[0]->irq = &extint_ops;
	irq_set_msi_sink(vm, &(struct msi_sink){ .send = engine_send_msi, .ctx = vm });
	return vm->engine->irqchip->reset(vm);
}

void local_irq_connect(struct devices *d)
{
	if (d->lapic)
		lapic_set_eoi_sink(d->lapic, ioapic_eoi, d->ioapic);
	else
		irq_set_eoi_sink(d->vm, &(struct eoi_sink){ .eoi = ioapic_eoi,
							    .ctx = d->ioapic });
}

void local_irq_extint(void *ctx, bool level)
{
	struct devices *d = ctx;

	if (d->lapic)
		lapic_extint(d->lapic, level);
	else if (d->vm->engine->irqchip && level)
		vcpu_post(d->vm->vcpus[0], VCPU_EVENT_IRQ, 0);
}

void local_irq_reset(struct devices *d)
{
	int r;

	if (d->lapic) {
		lapic_reset_all(d->lapic);
		return;
	}
	r = d->vm->engine->irqchip->reset(d->vm);
	if (r)
		platform_log(LOG_ERROR, "engine %s: the local APICs do not reset (error %d)",
			     d->vm->engine->name, -r);
}

void local_irq_destroy(struct devices *d)
{
	if (d->lapic)
		lapic_destroy(d->lapic);
	d->lapic = NULL;
	for (unsigned i = 0; i < d->vm->vcpu_count; i++) {
		d->vm->vcpus[i]->irq = NULL;
		d->vm->vcpus[i]->irq_ctx = NULL;
	}
}
