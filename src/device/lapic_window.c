/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the local APICs answer in memory. IA32_APIC_BASE is per vCPU, the bus is
 * per VM: a page on the bus lasts as long as some vCPU has its APIC there, and
 * answers those vCPUs only.
 */
#include "lapic_internal.h"

static struct lapic *window_apic(const struct lapic_window *w,
				 const struct vcpu *v)
{
	struct lapic *l;

	if (!v || v->index >= w->set->count)
		return NULL;
	l = &w->set->apics[v->index];
	return l->window == w && lapic_hw_enabled(l) && !lapic_x2(l) ? l : NULL;
}

/* 11.4.1.2: a register is 32 bits at the start of its 16 bytes. */
static u64 window_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct lapic *l = window_apic(ctx, v);
	unsigned byte = (unsigned)offset & 0xf;
	u32 value = 0;

	(void)size;
	if (!l)
		return ~(u64)0;
	if (!lapic_reg_read(l, (unsigned)offset & 0xff0, &value))
		lapic_error(l, ESR_ILLEGAL_REGISTER);
	return byte < 4 ? value >> (8 * byte) : 0;
}

static void window_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	struct lapic *l = window_apic(ctx, v);

	if (!l || size != 4 || (offset & 0xf))
		return;
	if (!lapic_reg_write(l, (unsigned)offset & 0xff0, (u32)value))
		lapic_error(l, ESR_ILLEGAL_REGISTER);
}

static const struct bus_ops window_ops = {
	.read = window_read,
	.write = window_write,
};

void lapic_window_release(struct lapic *l)
{
	struct lapic_window *w = l->window;

	l->window = NULL;
	if (w && --w->users == 0)
		bus_remove(&l->set->vm->mmio, w->base);
}

static struct lapic_window *window_find(struct lapic_set *s, u64 base)
{
	struct lapic_window *free_one = NULL;

	for (unsigned i = 0; i < VM_MAX_VCPUS; i++) {
		struct lapic_window *w = &s->windows[i];

		if (w->users && w->base == base)
			return w;
		if (!w->users && !free_one)
			free_one = w;
	}
	return free_one;
}

void lapic_window_move(struct lapic *l, u64 base)
{
	struct lapic_window *w;

	if (l->window && l->window->base == base)
		return;
	lapic_window_release(l);
	/* never NULL: no more windows in use than other vCPUs */
	w = window_find(l->set, base);
	if (!w->users) {
		struct bus_range range = {
			.base = base,
			.size = PAGE_SIZE,
			.name = "lapic",
			.ops = &window_ops,
			.ctx = w,
		};

		if (bus_add(&l->set->vm->mmio, &range))
			return; /* another device is there, and wins */
		w->base = base;
	}
	w->users++;
	l->window = w;
}
