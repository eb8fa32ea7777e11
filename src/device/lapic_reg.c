/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC's registers, the same in xAPIC and x2APIC mode but for what
 * SDM vol. 3A table 11-6 lists. */
#include "lapic_internal.h"

/* Figures 11-8 and 11-11: what each LVT entry keeps of a write. */
static const u32 lvt_writable[LVT_COUNT] = {
	[LVT_TIMER] = 0x700ff,	 [LVT_THERMAL] = 0x107ff,
	[LVT_PERF] = 0x107ff,	 [LVT_LINT0] = 0x1a7ff,
	[LVT_LINT1] = 0x1a7ff,	 [LVT_ERROR] = 0x100ff,
};

static bool reg_is_lvt(unsigned reg)
{
	return reg >= APIC_LVT && reg <= APIC_LVT_LAST;
}

static bool reg_is_bitmap(unsigned reg)
{
	return reg >= APIC_ISR && reg < APIC_IRR + 0x80;
}

u32 lapic_x2_ldr(const struct lapic *l)
{
	u32 id = l->v->index;

	return (id >> 4) << 16 | (u32)1 << (id & 0xf);
}

static u32 bitmap_read(const struct lapic *l, unsigned reg)
{
	unsigned word = (reg >> 4) & 7;

	if (reg < APIC_TMR)
		return l->isr[word];
	return reg < APIC_IRR ? l->tmr[word] : l->irr[word];
}

/* Registers that only one of the modes has. */
static bool reg_read_by_mode(const struct lapic *l, unsigned reg, u32 *value)
{
	bool x2 = lapic_x2(l);

	switch (reg) {
	case APIC_ID:
		*value = x2 ? l->v->index : l->v->index << 24;
		return true;
	case APIC_LDR:
		*value = x2 ? lapic_x2_ldr(l) : l->ldr;
		return true;
	case APIC_DFR:
		*value = l->dfr;
		return !x2;
	case APIC_ICR2:
		*value = (u32)(l->icr >> 32);
		return !x2;
	case APIC_ARBPRI:
	case APIC_RRD:
	case APIC_EOI: /* write-only; xAPIC reads give nothing worse than 0 */
		*value = 0;
		return !x2;
	default:
		return false;
	}
}

bool lapic_reg_read(struct lapic *l, unsigned reg, u32 *value)
{
	if (reg_is_bitmap(reg)) {
		*value = bitmap_read(l, reg);
		return true;
	}
	if (reg_is_lvt(reg)) {
		*value = l->lvt[(reg - APIC_LVT) >> 4];
		return true;
	}
	switch (reg) {
	case APIC_VERSION:
		*value = APIC_VERSION_VALUE;
		return true;
	case APIC_TPR:
		*value = l->tpr;
		return true;
	case APIC_PPR:
		*value = lapic_ppr(l);
		return true;
	case APIC_SVR:
		*value = l->svr;
		return true;
	case APIC_ESR:
		*value = l->esr;
		return true;
	case APIC_ICR:
		*value = (u32)l->icr;
		return true;
	case APIC_TMICT:
		*value = l->timer_initial;
		return true;
	case APIC_TMCCT:
		*value = lapic_timer_count(l);
		return true;
	case APIC_TDCR:
		*value = l->timer_divide;
		return true;
	default:
		return reg_read_by_mode(l, reg, value);
	}
}

/* 11.4.7.2: software disable masks every LVT entry. */
static void write_svr(struct lapic *l, u32 value)
{
	l->svr = value & SVR_VALID;
	if (!lapic_sw_enabled(l))
		for (unsigned i = 0; i < LVT_COUNT; i++)
			l->lvt[i] |= LVT_MASKED;
	lapic_notify(l);
}

static void write_lvt(struct lapic *l, enum lapic_lvt which, u32 value)
{
	value &= lvt_writable[which];
	if (!lapic_sw_enabled(l))
		value |= LVT_MASKED;
	if (which == LVT_TIMER)
		lapic_timer_set_lvt(l, value);
	else
		l->lvt[which] = value;
	lapic_notify(l); /* the 8259 may be waiting at LINT0 */
}

/* 11.6.5 and 11.12.11: a write to oneself, edge triggered. */
static void write_self_ipi(struct lapic *l, u8 vector)
{
	if (vector < 16)
		lapic_error(l, ESR_SEND_ILLEGAL);
	else
		lapic_accept(l, vector, false);
}

static bool reg_write_by_mode(struct lapic *l, unsigned reg, u32 value)
{
	bool x2 = lapic_x2(l);

	switch (reg) {
	case APIC_ID: /* read-only, as on current processors */
		return !x2;
	case APIC_LDR:
		if (!x2)
			l->ldr = value & 0xff000000;
		return !x2;
	case APIC_DFR:
		if (!x2)
			l->dfr = value | 0x0fffffff;
		return !x2;
	case APIC_ICR2:
		if (!x2)
			l->icr = (u32)l->icr | (u64)(value & 0xff000000) << 32;
		return !x2;
	case APIC_SELF_IPI:
		if (x2)
			write_self_ipi(l, (u8)value);
		return x2;
	default: /* the read-only registers: xAPIC ignores the write */
		return !x2 && reg_is_bitmap(reg);
	}
}

bool lapic_reg_write(struct lapic *l, unsigned reg, u32 value)
{
	if (reg_is_lvt(reg)) {
		write_lvt(l, (enum lapic_lvt)((reg - APIC_LVT) >> 4), value);
		return true;
	}
	switch (reg) {
	case APIC_TPR:
		l->tpr = value & 0xff;
		lapic_notify(l);
		return true;
	case APIC_EOI:
		lapic_end_of_interrupt(l);
		return true;
	case APIC_SVR:
		write_svr(l, value);
		return true;
	case APIC_ESR: /* 11.5.3: the write brings up what has happened */
		l->esr = l->esr_pending;
		l->esr_pending = 0;
		return true;
	case APIC_ICR:
		l->icr = (l->icr & ~(u64)0xffffffff) | (value & ICR_VALID & ~ICR_BUSY);
		lapic_send_ipi(l, l->icr);
		return true;
	case APIC_TMICT:
		lapic_timer_set_initial(l, value);
		return true;
	case APIC_TDCR:
		lapic_timer_set_divide(l, value);
		return true;
	case APIC_VERSION:
	case APIC_PPR:
	case APIC_TMCCT:
	case APIC_ARBPRI:
	case APIC_RRD:
		return !lapic_x2(l);
	default:
		return reg_write_by_mode(l, reg, value);
	}
}

u32 lapic_reg_valid(unsigned reg)
{
	if (reg_is_lvt(reg))
		return lvt_writable[(reg - APIC_LVT) >> 4] | LVT_READ_ONLY;
	switch (reg) {
	case APIC_TPR:
	case APIC_SELF_IPI:
		return 0xff;
	case APIC_EOI:
	case APIC_ESR:
		return 0;
	case APIC_SVR:
		return SVR_VALID;
	case APIC_TDCR:
		return 0xb;
	default:
		return ~(u32)0;
	}
}
