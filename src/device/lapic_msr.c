/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC's MSRs: IA32_APIC_BASE, IA32_TSC_DEADLINE, x2APIC registers. */
#include "lapic_internal.h"

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff

/*
 * Address bits 35:12. The SDM allows up to MAXPHYADDR; nothing that runs puts the
 * page above the 64 GiB of the first processors that had this MSR.
 */
#define APIC_BASE_ADDRESS ((BIT(36) - 1) & PAGE_MASK)
#define APIC_BASE_VALID \
	(APIC_BASE_ADDRESS | APIC_BASE_BSP | APIC_BASE_EXTD | APIC_BASE_EN)
#define APIC_BASE_MODE (APIC_BASE_EXTD | APIC_BASE_EN)

/* Figure 11-27: which mode may follow which. */
static bool base_transition_ok(u64 from, u64 to)
{
	from &= APIC_BASE_MODE;
	to &= APIC_BASE_MODE;
	if (to == APIC_BASE_EXTD)
		return false; /* the invalid state */
	if (from == APIC_BASE_MODE)
		return to != APIC_BASE_EN;
	if (from == 0)
		return to != APIC_BASE_MODE;
	return true;
}

/*
 * Registers survive a disable, which 11.4.3 allows ("may be lost"): test
 * kernels switch off and on and expect to go on as before.
 */
static int write_base(struct lapic *l, u64 value)
{
	if ((value & ~APIC_BASE_VALID) || !base_transition_ok(l->base_msr, value))
		return -EINVAL;
	l->base_msr = value;
	lapic_window_move(l, value & APIC_BASE_ADDRESS);
	lapic_notify(l);
	return 0;
}

int lapic_msr_read(void *ctx, u32 index, u64 *value)
{
	struct lapic *l = ctx;
	unsigned reg = (index - MSR_X2APIC_FIRST) << 4;
	u32 low;

	if (index == MSR_APIC_BASE) {
		*value = l->base_msr;
		return 0;
	}
	if (index == MSR_TSC_DEADLINE) {
		*value = lapic_timer_get_deadline(l);
		return 0;
	}
	if (index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST || !lapic_x2(l))
		return -EINVAL;
	if (reg == APIC_ICR) {
		*value = l->icr;
		return 0;
	}
	if (!lapic_reg_read(l, reg, &low))
		return -EINVAL;
	*value = low;
	return 0;
}

int lapic_msr_write(void *ctx, u32 index, u64 value)
{
	struct lapic *l = ctx;
	unsigned reg = (index - MSR_X2APIC_FIRST) << 4;

	if (index == MSR_APIC_BASE)
		return write_base(l, value);
	if (index == MSR_TSC_DEADLINE) {
		lapic_timer_set_deadline(l, value);
		return 0;
	}
	if (index < MSR_X2APIC_FIRST || index > MSR_X2APIC_LAST || !lapic_x2(l))
		return -EINVAL;
	if (reg == APIC_ICR) { /* 11.12.9: one 64-bit register, one write */
		if ((u32)value & ~(u32)ICR_VALID)
			return -EINVAL;
		l->icr = value & ~(u64)ICR_BUSY;
		lapic_send_ipi(l, l->icr);
		return 0;
	}
	if (value & ~(u64)lapic_reg_valid(reg))
		return -EINVAL;
	return lapic_reg_write(l, reg, (u32)value) ? 0 : -EINVAL;
}
