/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC's timer: SDM vol. 3A 11.5.4. */
#include "lapic_internal.h"

/* One tick of the undivided timer is this many nanoseconds. */
#define TICK_NS (NS_PER_SEC / LAPIC_TIMER_HZ)
_Static_assert(TICK_NS * LAPIC_TIMER_HZ == NS_PER_SEC, "a tick is whole nanoseconds");

/* The host is asked no more often than this, however short the period. */
#define TIMER_FLOOR_NS 50000

/* Nanoseconds for one count. */
static u64 timer_step(const struct lapic *l)
{
	unsigned shift = (l->timer_divide & 3) | (l->timer_divide & 8) >> 1;

	return TICK_NS << ((shift + 1) & 7); /* 111b divides by 1 */
}

static void timer_arm_count(struct lapic *l, u64 not_before)
{
	u64 at = l->zero_ns > not_before ? l->zero_ns : not_before;

	timer_set(&l->timer, l->running ? at : TIMER_NEVER);
}

static void timer_arm_deadline(struct lapic *l);

/* Brings the counter up to now: fires what is due. Once for many periods. */
static void timer_sync(struct lapic *l, u64 now)
{
	u64 period = l->timer_initial * timer_step(l);

	if (!l->running || now < l->zero_ns)
		return;
	if (lapic_timer_mode(l) == TIMER_PERIODIC && period) {
		l->zero_ns += ((now - l->zero_ns) / period + 1) * period;
		timer_arm_count(l, now + TIMER_FLOOR_NS);
	} else {
		l->running = false;
		timer_cancel(&l->timer);
	}
	lapic_local(l, LVT_TIMER);
}

static void timer_fired(struct timer *t)
{
	struct lapic *l = CONTAINER_OF(t, struct lapic, timer);

	if (lapic_timer_mode(l) == TIMER_DEADLINE)
		timer_arm_deadline(l);
	else
		timer_sync(l, platform_clock_ns());
}

void lapic_timer_init(struct lapic *l)
{
	timer_init(&l->timer, l->set->vm, timer_fired);
}

void lapic_timer_reset(struct lapic *l)
{
	timer_cancel(&l->timer);
	l->timer_initial = l->timer_divide = 0;
	l->zero_ns = 0;
	l->running = false;
	l->tsc_deadline = 0;
}

u32 lapic_timer_count(struct lapic *l)
{
	u64 now = platform_clock_ns(), step = timer_step(l);

	timer_sync(l, now);
	return l->running ? (u32)((l->zero_ns - now + step - 1) / step) : 0;
}

void lapic_timer_set_initial(struct lapic *l, u32 count)
{
	u64 now = platform_clock_ns();

	if (lapic_timer_mode(l) == TIMER_DEADLINE)
		return;
	timer_sync(l, now);
	l->timer_initial = count;
	l->running = count != 0;
	l->zero_ns = now + count * timer_step(l);
	timer_arm_count(l, 0);
}

/* The count goes on from where it is, at the new pace. */
void lapic_timer_set_divide(struct lapic *l, u32 divide)
{
	u32 count = lapic_timer_count(l);

	l->timer_divide = divide & 0xb;
	if (!l->running)
		return;
	l->zero_ns = platform_clock_ns() + count * timer_step(l);
	timer_arm_count(l, 0);
}

/* 11.5.4.1: entering or leaving TSC-deadline mode disarms the timer; between
 * the others the count goes on. */
void lapic_timer_set_lvt(struct lapic *l, u32 lvt)
{
	enum lapic_timer_mode before = lapic_timer_mode(l), after;

	timer_sync(l, platform_clock_ns());
	l->lvt[LVT_TIMER] = lvt;
	after = lapic_timer_mode(l);
	if (before == after)
		return;
	if (before == TIMER_DEADLINE || after == TIMER_DEADLINE) {
		timer_cancel(&l->timer);
		l->timer_initial = 0;
		l->running = false;
		l->tsc_deadline = 0;
	}
}

/* Fires when the guest's TSC is there, else asks for the time it will be. */
static void timer_arm_deadline(struct lapic *l)
{
	u64 tsc, left, hz = l->set->tsc_hz;

	if (!l->tsc_deadline) {
		timer_cancel(&l->timer);
		return;
	}
	tsc = l->set->guest_tsc(l->v);
	if (tsc >= l->tsc_deadline) {
		l->tsc_deadline = 0;
		timer_cancel(&l->timer);
		lapic_local(l, LVT_TIMER);
		return;
	}
	left = l->tsc_deadline - tsc;
	if (left / hz > (u64)1 << 31) { /* decades away: beyond the clock's range */
		timer_cancel(&l->timer);
		return;
	}
	timer_set(&l->timer, platform_clock_ns() + mul_div(left, NS_PER_SEC, hz) + 1);
}

u64 lapic_timer_get_deadline(struct lapic *l)
{
	if (lapic_timer_mode(l) != TIMER_DEADLINE || !l->tsc_deadline)
		return 0;
	timer_arm_deadline(l); /* it may have passed unnoticed */
	return l->tsc_deadline;
}

void lapic_timer_set_deadline(struct lapic *l, u64 tsc)
{
	if (lapic_timer_mode(l) != TIMER_DEADLINE || !lapic_hw_enabled(l))
		return;
	l->tsc_deadline = tsc;
	timer_arm_deadline(l);
}
