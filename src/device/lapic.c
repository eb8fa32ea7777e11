/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: acceptance and delivery of interrupts, life and death. */
#include "lapic_internal.h"

#include <trivet/device/pic.h>
#include <trivet/string.h>

int lapic_highest(const u32 reg[8])
{
	for (int i = 7; i >= 0; i--)
		if (reg[i])
			return i * 32 + 31 - __builtin_clz(reg[i]);
	return -1;
}

static void vector_set(u32 reg[8], u8 vector, bool on)
{
	u32 bit = (u32)1 << (vector & 31);

	if (on)
		reg[vector >> 5] |= bit;
	else
		reg[vector >> 5] &= ~bit;
}

static bool vector_test(const u32 reg[8], u8 vector)
{
	return (reg[vector >> 5] >> (vector & 31)) & 1;
}

/* 11.8.3.1: the higher class of task priority and vector in service. */
u32 lapic_ppr(const struct lapic *l)
{
	int isr = lapic_highest(l->isr);
	u32 in_service = isr < 0 ? 0 : (u32)isr & 0xf0;

	return (l->tpr & 0xf0) >= in_service ? l->tpr : in_service;
}

/* The vector that may be delivered now, or -1. */
static int lapic_deliverable(const struct lapic *l)
{
	int irr;

	if (!lapic_hw_enabled(l) || !lapic_sw_enabled(l))
		return -1;
	irr = lapic_highest(l->irr);
	return irr >= 0 && ((u32)irr & 0xf0) > (lapic_ppr(l) & 0xf0) ? irr : -1;
}

/* Does the 8259 behind LINT0 reach this vCPU? (virtual wire, or no APIC) */
static bool lapic_takes_extint(const struct lapic *l)
{
	u32 lint0 = l->lvt[LVT_LINT0];

	if (l->v->index != 0 || !l->set->pic)
		return false;
	return !lapic_hw_enabled(l) ||
	       (!(lint0 & LVT_MASKED) && APIC_DM(lint0) == DM_EXTINT);
}

static bool lapic_pending(void *ctx)
{
	const struct lapic *l = ctx;

	return (lapic_takes_extint(l) && pic_pending(l->set->pic)) ||
	       lapic_deliverable(l) >= 0;
}

void lapic_notify(struct lapic *l)
{
	if (lapic_pending(l))
		vcpu_post(l->v, VCPU_EVENT_IRQ, 0);
}

static int lapic_ack(void *ctx)
{
	struct lapic *l = ctx;
	int vector;

	if (lapic_takes_extint(l) && pic_pending(l->set->pic)) {
		vector = pic_ack(l->set->pic);
	} else {
		vector = lapic_deliverable(l);
		if (vector < 0)
			return -EAGAIN;
		vector_set(l->irr, (u8)vector, false);
		vector_set(l->isr, (u8)vector, true);
	}
	return vector;
}

void lapic_accept(struct lapic *l, u8 vector, bool level)
{
	if (vector < 16) {
		lapic_error(l, ESR_RECEIVE_ILLEGAL);
		return;
	}
	if (!lapic_hw_enabled(l) || !lapic_sw_enabled(l))
		return;
	vector_set(l->irr, vector, true);
	vector_set(l->tmr, vector, level);
	vcpu_post(l->v, VCPU_EVENT_IRQ, 0);
}

void lapic_local(struct lapic *l, enum lapic_lvt which)
{
	u32 lvt = l->lvt[which];

	if (!lapic_hw_enabled(l) || (lvt & LVT_MASKED))
		return;
	if (which == LVT_TIMER || which == LVT_ERROR) {
		lapic_accept(l, (u8)lvt, false);
		return;
	}
	switch (APIC_DM(lvt)) {
	case DM_FIXED:
		lapic_accept(l, (u8)lvt, false);
		break;
	case DM_NMI:
		vcpu_post(l->v, VCPU_EVENT_NMI, 0);
		break;
	case DM_INIT:
		vcpu_post(l->v, VCPU_EVENT_INIT, 0);
		break;
	case DM_EXTINT:
		lapic_notify(l);
		break;
	default:
		break; /* SMI: there is none */
	}
}

void lapic_error(struct lapic *l, u32 esr_bit)
{
	u8 vector = (u8)l->lvt[LVT_ERROR];

	if (l->esr_pending & esr_bit)
		return;
	l->esr_pending |= esr_bit;
	if (vector >= 16) /* an illegal one here must not recurse */
		lapic_local(l, LVT_ERROR);
}

void lapic_end_of_interrupt(struct lapic *l)
{
	int vector = lapic_highest(l->isr);

	if (vector < 0)
		return;
	vector_set(l->isr, (u8)vector, false);
	if (vector_test(l->tmr, (u8)vector) && l->set->eoi)
		l->set->eoi(l->set->eoi_ctx, (u8)vector);
	lapic_notify(l);
}

static u64 lapic_get_tpr(void *ctx)
{
	const struct lapic *l = ctx;

	return l->tpr >> 4;
}

static void lapic_set_tpr(void *ctx, u64 cr8)
{
	struct lapic *l = ctx;

	l->tpr = (u32)(cr8 & 0xf) << 4;
	lapic_notify(l);
}

void lapic_extint(struct lapic_set *s, bool level)
{
	struct lapic *l = &s->apics[0];

	if (!level || !s->count)
		return;
	if (lapic_hw_enabled(l))
		lapic_local(l, LVT_LINT0);
	else
		lapic_notify(l);
}

/*
 * 11.4.7.1 and 11.4.7.3. INIT keeps IA32_APIC_BASE. LINT0 of vCPU 0 comes up as
 * ExtINT, not masked: firmware sets up virtual wire mode before it hands over,
 * and guests here start without firmware.
 */
static void lapic_reset(void *ctx, bool init)
{
	struct lapic *l = ctx;

	lapic_timer_reset(l);
	if (!init) {
		l->base_msr = LAPIC_BASE | APIC_BASE_EN |
			      (l->v->index == 0 ? APIC_BASE_BSP : 0);
		lapic_window_move(l, LAPIC_BASE);
	}
	l->tpr = 0;
	l->svr = 0xff;
	l->ldr = 0;
	l->dfr = ~(u32)0;
	l->esr = l->esr_pending = 0;
	l->icr = 0;
	for (unsigned i = 0; i < LVT_COUNT; i++)
		l->lvt[i] = LVT_MASKED;
	if (l->v->index == 0)
		l->lvt[LVT_LINT0] = DM_EXTINT << 8;
	memset(l->isr, 0, sizeof l->isr);
	memset(l->tmr, 0, sizeof l->tmr);
	memset(l->irr, 0, sizeof l->irr);
}

static const struct vcpu_irq_ops lapic_irq_ops = {
	.pending = lapic_pending,
	.ack = lapic_ack,
	.get_tpr = lapic_get_tpr,
	.set_tpr = lapic_set_tpr,
	.msr_read = lapic_msr_read,
	.msr_write = lapic_msr_write,
	.reset = lapic_reset,
};

void lapic_reset_all(struct lapic_set *s)
{
	for (unsigned i = 0; i < s->count; i++)
		lapic_reset(&s->apics[i], false);
}

void lapic_set_eoi_sink(struct lapic_set *s, void (*eoi)(void *ctx, u8 vector),
			void *ctx)
{
	s->eoi = eoi;
	s->eoi_ctx = ctx;
}

int lapic_create(struct vm *vm, struct pic *pic, u64 tsc_hz,
		 u64 (*guest_tsc)(struct vcpu *v), struct lapic_set **out)
{
	struct lapic_set *s = platform_alloc(sizeof *s);

	if (!s)
		return -ENOMEM;
	s->vm = vm;
	s->pic = pic;
	s->tsc_hz = tsc_hz ? tsc_hz : 1;
	s->guest_tsc = guest_tsc;
	s->count = vm->vcpu_count;
	for (unsigned i = 0; i < VM_MAX_VCPUS; i++)
		s->windows[i].set = s;
	for (unsigned i = 0; i < s->count; i++) {
		struct lapic *l = &s->apics[i];

		l->set = s;
		l->v = vm->vcpus[i];
		lapic_timer_init(l);
		lapic_reset(l, false);
		if (!l->window) { /* somebody sits at LAPIC_BASE already */
			lapic_destroy(s);
			return -EEXIST;
		}
		l->v->irq_ctx = l;
		l->v->irq = &lapic_irq_ops;
	}
	irq_set_msi_sink(vm, &(struct msi_sink){ .send = lapic_send_msi, .ctx = s });
	*out = s;
	return 0;
}

void lapic_destroy(struct lapic_set *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		struct lapic *l = &s->apics[i];

		if (!l->v)
			continue;
		timer_cancel(&l->timer);
		lapic_window_release(l);
		if (l->v->irq_ctx != l)
			continue;
		l->v->irq = NULL;
		l->v->irq_ctx = NULL;
	}
	if (s->vm->irqs.msi.ctx == s)
		irq_set_msi_sink(s->vm, &(struct msi_sink){ 0 });
	platform_free(s, sizeof *s);
}
