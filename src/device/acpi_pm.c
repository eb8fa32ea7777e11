/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI fixed hardware: ACPI 6.4, 4.8.3 (registers) and 4.8.2.1 (PM timer); the
 * reset control register of Intel's ICH. */
#include <trivet/bits.h>
#include <trivet/device/acpi_pm.h>

#include "port8.h"

#define PM_TIMER_HZ 3579545u
/* TMR_STS follows changes of the timer's top bit: every 2^31 ticks. */
#define PM_TIMER_HALF BIT(31)

#define PM1_TMR 0x0001
#define PM1_GBL 0x0020
#define PM1_PWRBTN 0x0100
#define PM1_RTC 0x0400
#define PM1_WAK 0x8000
#define PM1_EVENTS (PM1_TMR | PM1_GBL | PM1_PWRBTN | 0x8610) /* and BM, SLPBTN, RTC, WAK */

#define PM1_CNT_SCI_EN 0x0001
#define PM1_CNT_WRITABLE 0x1c06 /* SLP_TYP, GBL_RLS, BM_RLD */
#define PM1_CNT_SLP_EN 0x2000

/* The reset register shares its double word with PCI's CONFIG_ADDRESS. */
#define CF8_PORT 0xcf8
#define RESET_CPU 4

struct acpi_pm {
	struct vm *vm;
	u16 status, enable, control;
	bool asleep; /* S3 */
	u8 reset_control;
	u64 next_change; /* in ticks: when the top bit changes next */
	struct timer timer;
};

static u64 pm_ticks(void)
{
	return mul_div(platform_clock_ns(), PM_TIMER_HZ, NS_PER_SEC);
}

/* TMR_STS is looked at when asked for; a timer runs only while it interrupts. */
static void pm_update(struct acpi_pm *a)
{
	u64 now = pm_ticks();

	if (now >= a->next_change) {
		a->status |= PM1_TMR;
		a->next_change = align_down(now, PM_TIMER_HALF) + PM_TIMER_HALF;
	}
	if ((a->enable & PM1_TMR) && !(a->status & PM1_TMR))
		timer_set(&a->timer, mul_div(a->next_change, NS_PER_SEC,
					     PM_TIMER_HZ) + 1);
	else
		timer_cancel(&a->timer);
	irq_set(a->vm, ACPI_SCI_IRQ, (a->status & a->enable & PM1_EVENTS) != 0);
}

static void pm_timer_fired(struct timer *t)
{
	pm_update(CONTAINER_OF(t, struct acpi_pm, timer));
}

/* 4.8.3.1: WAK_STS, and the processor goes on at the waking vector. */
static void pm_wake(struct acpi_pm *a)
{
	if (!a->asleep)
		return;
	a->asleep = false;
	a->status |= PM1_WAK;
	vcpu_post(a->vm->vcpus[0], VCPU_EVENT_WAKE, 0);
}

bool acpi_pm_sleeping(const struct acpi_pm *a)
{
	return a->asleep;
}

void acpi_pm_rtc_alarm(void *acpi_pm)
{
	struct acpi_pm *a = acpi_pm;

	if (!a->asleep || !(a->enable & PM1_RTC))
		return;
	a->status |= PM1_RTC;
	pm_wake(a);
}

void acpi_pm_power_button(struct acpi_pm *a)
{
	a->status |= PM1_PWRBTN;
	pm_wake(a);
	pm_update(a);
}

static u8 event_read8(void *ctx, unsigned offset)
{
	const struct acpi_pm *a = ctx;
	u16 reg = offset < 2 ? a->status : a->enable;

	return (u8)(reg >> (8 * (offset & 1)));
}

/* Status bits are cleared by writing 1. */
static void event_write8(void *ctx, unsigned offset, u8 v)
{
	struct acpi_pm *a = ctx;
	unsigned shift = 8 * (offset & 1);
	u16 bits = (u16)(v << shift);

	if (offset < 2)
		a->status &= (u16)~bits;
	else
		a->enable = (u16)(((a->enable & ~(0xff << shift)) | bits) & PM1_EVENTS);
}

static u64 event_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	pm_update(ctx);
	return port8_read(event_read8, ctx, offset, size);
}

static void event_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			u64 value)
{
	(void)v;
	pm_update(ctx);
	port8_write(event_write8, ctx, offset, size, value);
	pm_update(ctx);
}

static u64 control_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct acpi_pm *a = ctx;

	(void)v, (void)size;
	return (a->control | PM1_CNT_SCI_EN) >> (8 * offset);
}

static void control_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			  u64 value)
{
	struct acpi_pm *a = ctx;
	u16 mask = (u16)(bits_mask(8 * size) << (8 * offset));
	u16 bits = (u16)(value << (8 * offset)) & mask;

	(void)v;
	a->control = (u16)(((a->control & ~mask) | bits) & PM1_CNT_WRITABLE);
	if (!(bits & PM1_CNT_SLP_EN))
		return;
	switch ((a->control >> 10) & 7) {
	case ACPI_S5_SLP_TYP:
		vm_stop(a->vm, VM_POWEROFF, 0, "ACPI power-off");
		break;
	case ACPI_S3_SLP_TYP:
		a->asleep = true;
		vm_stop(a->vm, VM_RESET, 0, "ACPI sleep");
		break;
	default:
		break;
	}
}

static u64 timer_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)size;
	return (u32)pm_ticks() >> (8 * offset);
}

static void timer_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			u64 value)
{
	(void)ctx, (void)v, (void)offset, (void)size, (void)value;
}

/* Only byte accesses at cf9h; a wider one is meant for PCI configuration. */
static u64 cf8_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct acpi_pm *a = ctx;

	(void)v;
	if (offset != ACPI_RESET_PORT - CF8_PORT || size != 1)
		return ~(u64)0;
	return a->reset_control;
}

static void cf8_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		      u64 value)
{
	struct acpi_pm *a = ctx;
	bool rise = (value & RESET_CPU) && !(a->reset_control & RESET_CPU);

	(void)v;
	if (offset != ACPI_RESET_PORT - CF8_PORT || size != 1)
		return;
	a->reset_control = (u8)value & 0xe;
	if (rise)
		vm_stop(a->vm, VM_RESET, 0, "reset by port cf9h");
}

static const struct bus_ops event_ops = { event_read, event_write };
static const struct bus_ops control_ops = { control_read, control_write };
static const struct bus_ops pm_timer_ops = { timer_read, timer_write };
static const struct bus_ops cf8_ops = { cf8_read, cf8_write };

static const struct bus_range acpi_pm_ports[] = {
	{ .base = ACPI_PM1_EVT_PORT, .size = 4, .name = "pm1 events", .ops = &event_ops },
	{ .base = ACPI_PM1_CNT_PORT, .size = 2, .name = "pm1 control", .ops = &control_ops },
	{ .base = ACPI_PM_TMR_PORT, .size = 4, .name = "pm timer", .ops = &pm_timer_ops },
	{ .base = CF8_PORT, .size = 4, .name = "reset", .ops = &cf8_ops },
};

static void acpi_pm_remove_ports(struct acpi_pm *a, size_t count)
{
	while (count--)
		bus_remove(&a->vm->pio, acpi_pm_ports[count].base);
}

static void acpi_pm_power_up(struct acpi_pm *a)
{
	timer_cancel(&a->timer);
	a->status = a->enable = a->control = 0;
	a->reset_control = 0;
	a->asleep = false;
	a->next_change = align_down(pm_ticks(), PM_TIMER_HALF) + PM_TIMER_HALF;
}

void acpi_pm_reset(struct acpi_pm *a)
{
	acpi_pm_power_up(a);
	pm_update(a);
}

int acpi_pm_create(struct vm *vm, struct acpi_pm **out)
{
	struct acpi_pm *a = platform_alloc(sizeof *a);
	size_t n;
	int err;

	if (!a)
		return -ENOMEM;
	a->vm = vm;
	timer_init(&a->timer, vm, pm_timer_fired);
	acpi_pm_power_up(a);
	for (n = 0; n < ARRAY_SIZE(acpi_pm_ports); n++) {
		struct bus_range range = acpi_pm_ports[n];

		range.ctx = a;
		err = bus_add(&vm->pio, &range);
		if (err) {
			acpi_pm_remove_ports(a, n);
			platform_free(a, sizeof *a);
			return err;
		}
	}
	*out = a;
	return 0;
}

void acpi_pm_destroy(struct acpi_pm *a)
{
	if (!a)
		return;
	timer_cancel(&a->timer);
	acpi_pm_remove_ports(a, ARRAY_SIZE(acpi_pm_ports));
	platform_free(a, sizeof *a);
}
