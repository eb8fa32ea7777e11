/* SPDX-License-Identifier: Apache-2.0 */
/* Local and I/O APIC and the rate of the TSC, for the kernels that need them. */
#ifndef KERNELS_APIC_H
#define KERNELS_APIC_H

#include "lib.h"

/* xAPIC offsets; in x2APIC mode MSR 800h + offset / 16 (SDM vol. 3A 11.12.1). */
#define APIC_ID 0x20
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_PPR 0xa0
#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_IRR 0x200
#define APIC_ICR 0x300
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_LINT0 0x350
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_DIVIDE 0x3e0

#define ICR_SELF 0x40000u
#define ICR_OTHERS 0xc0000u
#define ICR_NMI 0x400u
#define ICR_INIT 0x4500u
#define ICR_SIPI 0x4600u

static inline bool apic_is_x2(void)
{
	return rdmsr(MSR_APIC_BASE) >> 10 & 1;
}

static inline u32 apic_read(unsigned reg)
{
	if (apic_is_x2())
		return (u32)rdmsr(0x800 + reg / 16);
	return *(volatile u32 *)(0xfee00000ul + reg);
}

static inline void apic_write(unsigned reg, u32 v)
{
	if (apic_is_x2())
		wrmsr(0x800 + reg / 16, v);
	else
		*(volatile u32 *)(0xfee00000ul + reg) = v;
}

static inline u32 apic_id(void)
{
	return apic_is_x2() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

static inline void apic_ipi(u32 target, u32 command)
{
	if (apic_is_x2()) {
		__asm__ volatile("mfence" : : : "memory");
		wrmsr(0x830, (u64)target << 32 | command);
		return;
	}
	apic_write(APIC_ICR + 0x10, target << 24);
	apic_write(APIC_ICR, command);
	while (apic_read(APIC_ICR) & 1u << 12)
		__asm__ volatile("pause");
}

static inline void apic_enable(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
}

static inline void apic_enable_x2(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	apic_enable();
}

static inline u32 ioapic_read(u32 reg)
{
	*(volatile u32 *)0xfec00000ul = reg;
	return *(volatile u32 *)0xfec00010ul;
}

static inline void ioapic_write(u32 reg, u32 v)
{
	*(volatile u32 *)0xfec00000ul = reg;
	*(volatile u32 *)0xfec00010ul = v;
}

/* Of leaf 15h when it is there, else measured against the 8254. */
u64 tsc_khz(void);

#endif
