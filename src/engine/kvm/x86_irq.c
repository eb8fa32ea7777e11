/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts: the local APICs are KVM's, the I/O APIC and the 8259 pair ours
 * ("split": api.rst 7.5). Messages go by KVM_SIGNAL_MSI; KVM learns by the routes
 * of the I/O APIC's inputs which vectors' ends it must tell.
 */
#include "x86.h"

#include <trivet/bits.h>

#include <errno.h>
#include <string.h>

/* xAPIC registers, SDM vol. 3A table 11-1. */
enum { APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_DFR = 0xe0, APIC_SVR = 0xf0,
       APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360,
       APIC_LVT_ERROR = 0x370 };
#define LVT_MASKED 0x10000u
#define APIC_BASE 0xfee00000u
#define APIC_BASE_BSP 0x100u
#define APIC_BASE_EN 0x800u

/* --- the local APICs --------------------------------------------------------- */

/* Power-up values, 11.4.7.1; the boot CPU's in virtual-wire mode (MP specification
 * 1.4, 3.6.2.2), as firmware leaves it. */
static void lapic_power_up(struct kvm_lapic_state *s, unsigned index)
{
	char *r = s->regs;

	memset(s, 0, sizeof *s);
	put_le32(r + APIC_ID, index << 24);
	put_le32(r + APIC_VERSION, 0x50014);
	put_le32(r + APIC_DFR, ~0u);
	put_le32(r + APIC_SVR, index ? 0xff : 0x1ff);
	for (unsigned lvt = APIC_LVT_TIMER; lvt <= APIC_LVT_ERROR; lvt += 0x10)
		put_le32(r + lvt, LVT_MASKED);
	if (index)
		return;
	put_le32(r + APIC_LVT_LINT0, 0x700);
	put_le32(r + APIC_LVT_LINT1, 0x400);
}

static int reset_lapic(struct kvm_cpu *c, unsigned index)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs s;
	int r = kvm_ioctl(c->fd, KVM_GET_SREGS, &s);

	if (r)
		return r;
	s.apic_base = APIC_BASE | APIC_BASE_EN | (index ? 0 : APIC_BASE_BSP);
	s.cr8 = 0;
	memset(s.interrupt_bitmap, 0, sizeof s.interrupt_bitmap);
	r = kvm_ioctl(c->fd, KVM_SET_SREGS, &s);
	if (r)
		return r;
	lapic_power_up(&lapic, index);
	return kvm_ioctl(c->fd, KVM_SET_LAPIC, &lapic);
}

static int reset_vcpu(struct vcpu *v)
{
	struct kvm_cpu *c = v->engine_data;
	struct kvm_mp_state mp = { v->index ? KVM_MP_STATE_UNINITIALIZED :
					      KVM_MP_STATE_RUNNABLE };
	int r = kvm_vcpu_finish(c, true);

	if (!r)
		r = reset_lapic(c, v->index);
	if (!r)
		r = kvm_ioctl(c->fd, KVM_SET_MP_STATE, &mp);
	c->run->ready_for_interrupt_injection = 0;
	c->run->request_interrupt_window = 0;
	return r;
}

static int irqchip_reset(struct vm *vm)
{
	int r = 0;

	for (unsigned i = 0; i < vm->vcpu_count && !r; i++)
		r = reset_vcpu(vm->vcpus[i]);
	return r;
}

/* api.rst 4.66: above 0 when somebody took it. */
static int irqchip_send_msi(struct vm *vm, u64 address, u32 data)
{
	struct kvm_guest *g = vm->engine_data;
	struct kvm_msi msi = { .address_lo = (u32)address,
			       .address_hi = (u32)(address >> 32), .data = data };
	int r = kvm_ioctl(g->fd, KVM_SIGNAL_MSI, &msi);

	return r > 0 ? 0 : -ENODEV;
}

/* --- level-triggered inputs ----------------------------------------------------- */

/*
 * KVM tells the end of exactly the level-triggered vectors that its routes have.
 * All routes are given anew each time: there are few, and few changes.
 */
static void routes_update(struct kvm_guest *g)
{
	u64 room[(sizeof(struct kvm_irq_routing) +
		  KVM_LEVEL_INPUTS * sizeof(struct kvm_irq_routing_entry)) / 8 + 1] = { 0 };
	struct kvm_irq_routing *t = (struct kvm_irq_routing *)(void *)room;
	int r;

	for (u32 n = 0; n < KVM_LEVEL_INPUTS; n++) {
		struct kvm_irq_routing_entry *e = &t->entries[t->nr];

		if (!g->inputs[n].on)
			continue;
		e->gsi = n;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = (u32)g->inputs[n].address;
		e->u.msi.address_hi = (u32)(g->inputs[n].address >> 32);
		e->u.msi.data = g->inputs[n].data;
		t->nr++;
	}
	r = kvm_ioctl(g->fd, KVM_SET_GSI_ROUTING, t);
	if (r)
		platform_log(LOG_ERROR, "KVM refuses the routes of the I/O APIC: %s",
			     strerror(-r));
}

static void irqchip_route_level(struct vm *vm, unsigned input, bool on, u64 address,
				u32 data)
{
	struct kvm_guest *g = vm->engine_data;

	if (input >= KVM_LEVEL_INPUTS)
		return;
	g->inputs[input] = (struct kvm_input_route){ on, address, data };
	routes_update(g);
}

const struct engine_irqchip_ops kvm_arch_irqchip = {
	.reset = irqchip_reset,
	.send_msi = irqchip_send_msi,
	.route_level = irqchip_route_level,
};

/* --- the 8259's interrupts, through LINT0 ------------------------------------------ */

bool kvm_arch_irq_ready(struct vcpu *v)
{
	const struct kvm_cpu *c = v->engine_data;

	return c->run->ready_for_interrupt_injection;
}

void kvm_arch_irq_inject(struct vcpu *v, u8 vector)
{
	struct kvm_cpu *c = v->engine_data;
	struct kvm_interrupt irq = { .irq = vector };
	int r = kvm_ioctl(c->fd, KVM_INTERRUPT, &irq);

	c->run->ready_for_interrupt_injection = 0;
	if (r)
		platform_log(LOG_ERROR, "KVM refuses interrupt %u: %s", vector,
			     strerror(-r));
}

void kvm_arch_irq_window(struct vcpu *v, bool wanted)
{
	struct kvm_cpu *c = v->engine_data;

	c->run->request_interrupt_window = wanted;
}

int kvm_arch_nmi_inject(struct vcpu *v)
{
	struct kvm_cpu *c = v->engine_data;

	return kvm_ioctl_num(c->fd, KVM_NMI, 0); /* KVM queues them itself */
}
