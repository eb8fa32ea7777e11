/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines: from devices to every controller that listens. */
#include <trivet/bits.h>
#include <trivet/error.h>
#include <trivet/vm.h>

int irq_add_sink(struct vm *vm, const struct irq_sink *sink)
{
	struct irq_router *r = &vm->irqs;

	if (r->sink_count == IRQ_MAX_SINKS)
		return -ENOSPC;
	r->sinks[r->sink_count++] = *sink;
	return 0;
}

void irq_set_msi_sink(struct vm *vm, const struct msi_sink *sink)
{
	vm->irqs.msi = *sink;
}

void irq_set_eoi_sink(struct vm *vm, const struct eoi_sink *sink)
{
	vm->irqs.eoi = *sink;
}

void irq_end(struct vm *vm, u8 vector)
{
	if (vm->irqs.eoi.eoi)
		vm->irqs.eoi.eoi(vm->irqs.eoi.ctx, vector);
}

void irq_route_level(struct vm *vm, unsigned input, bool on, u64 address, u32 data)
{
	const struct engine_irqchip_ops *chip = vm->engine ? vm->engine->irqchip : NULL;

	if (chip)
		chip->route_level(vm, input, on, address, data);
}

static __attribute__((noinline)) void line_changed(struct irq_router *r, unsigned line, bool level)
{
	r->levels ^= BIT(line);
	for (unsigned i = 0; i < r->sink_count; i++)
		r->sinks[i].set(r->sinks[i].ctx, line, level);
}

void irq_set(struct vm *vm, unsigned line, bool level)
{
	struct irq_router *r = &vm->irqs;

	if (line < IRQ_MAX_LINES && ((r->levels >> line) & 1) != level)
		line_changed(r, line, level);
}

void irq_pulse(struct vm *vm, unsigned line)
{
	irq_set(vm, line, true);
	irq_set(vm, line, false);
}

int irq_send_msi(struct vm *vm, u64 address, u32 data)
{
	if (!vm->irqs.msi.send)
		return -ENODEV;
	return vm->irqs.msi.send(vm->irqs.msi.ctx, address, data);
}
