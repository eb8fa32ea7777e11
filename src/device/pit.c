/* SPDX-License-Identifier: Apache-2.0 */
/* 8254 interval timer and the port 61h that goes with it: Intel 8254 data sheet;
 * IBM AT Technical Reference for port 61h. */
#include "pit_internal.h"
#include "port8.h"

#define PIT_PORT 0x40
#define PIT_PORTS 4
#define PORT61 0x61

#define PORT61_GATE2 1
#define PORT61_WRITABLE 0xf
#define PORT61_REFRESH 0x10
#define PORT61_OUT2 0x20
#define REFRESH_HALF_NS 15085u

/* Ticks the guest could not be given in time: this many are made up for. */
#define CATCH_UP_PERIODS 4
#define TIMER_FLOOR_NS 20000u

struct pit {
	struct vm *vm;
	struct pit_counter counter[3];
	u8 port61;
	struct timer timer;
	u64 next_rise; /* tick at which OUT 0 rises next, or TIMER_NEVER */
};

static void pit_arm(struct pit *p, u64 not_before)
{
	u64 at;

	if (p->next_rise == TIMER_NEVER) {
		timer_cancel(&p->timer);
		return;
	}
	at = pit_counter_tick_ns(&p->counter[0], p->next_rise);
	timer_set(&p->timer, at > not_before ? at : not_before);
}

/* After the guest changed counter 0: line and timer start anew. */
static void pit_restart(struct pit *p, u64 now)
{
	irq_set(p->vm, 0, pit_counter_out(&p->counter[0], now));
	p->next_rise = pit_counter_first_rise(&p->counter[0]);
	pit_arm(p, 0);
}

/* Of what was missed, only the last few periods count. They come spaced out, so
 * that a guest has time to take each. */
static void pit_next_period(struct pit *p, u64 ticks, u64 now)
{
	u64 period = p->counter[0].count;

	p->next_rise += period;
	if (p->next_rise > ticks) {
		pit_arm(p, now + TIMER_FLOOR_NS);
		return;
	}
	if ((ticks - p->next_rise) / period >= CATCH_UP_PERIODS)
		p->next_rise = ticks / period * period;
	pit_arm(p, now + TIMER_FLOOR_NS + mul_div(period, NS_PER_SEC, PIT_HZ) / 4);
}

static void pit_fired(struct timer *t)
{
	struct pit *p = CONTAINER_OF(t, struct pit, timer);
	struct pit_counter *c = &p->counter[0];
	u64 now = platform_clock_ns(), ticks = pit_counter_ticks(c, now);

	if (ticks < p->next_rise) {
		pit_arm(p, 0);
		return;
	}
	irq_set(p->vm, 0, false);
	irq_set(p->vm, 0, true);
	if (pit_counter_periodic(c))
		pit_next_period(p, ticks, now);
	else
		p->next_rise = TIMER_NEVER;
}

/* Read-back: latch count and status of any of the counters. */
static void pit_read_back(struct pit *p, u8 v, u64 now)
{
	for (unsigned i = 0; i < 3; i++) {
		if (!(v & (2u << i)))
			continue;
		if (!(v & 0x20))
			pit_counter_latch(&p->counter[i], now);
		if (!(v & 0x10))
			pit_counter_latch_status(&p->counter[i], now);
	}
}

static void pit_control(struct pit *p, u8 v, u64 now)
{
	unsigned n = v >> 6;

	if (n == 3)
		pit_read_back(p, v, now);
	else if (!(v & 0x30))
		pit_counter_latch(&p->counter[n], now);
	else
		pit_counter_control(&p->counter[n], v & 0x3f);
	if (n == 0 && (v & 0x30))
		pit_restart(p, now);
}

static u8 pit_read8(void *ctx, unsigned offset)
{
	struct pit *p = ctx;

	if (offset >= 3)
		return 0xff; /* the control register cannot be read */
	return pit_counter_read(&p->counter[offset], platform_clock_ns());
}

static void pit_write8(void *ctx, unsigned offset, u8 v)
{
	struct pit *p = ctx;
	u64 now = platform_clock_ns();
	struct pit_counter *c;

	if (offset >= 3) {
		pit_control(p, v, now);
		return;
	}
	c = &p->counter[offset];
	pit_counter_write(c, v, now);
	/* half a count changes nothing, but in mode 0 it stops the counter */
	if (offset == 0 && (!c->write_high || c->mode == 0))
		pit_restart(p, now);
}

static u64 pit_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	return port8_read(pit_read8, ctx, offset, size);
}

static void pit_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		      u64 value)
{
	(void)v;
	port8_write(pit_write8, ctx, offset, size, value);
}

static u64 port61_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct pit *p = ctx;
	u64 now = platform_clock_ns();

	(void)v, (void)offset, (void)size;
	return p->port61 | (now / REFRESH_HALF_NS % 2 ? PORT61_REFRESH : 0u) |
	       (pit_counter_out(&p->counter[2], now) ? PORT61_OUT2 : 0u);
}

static void port61_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	struct pit *p = ctx;

	(void)v, (void)offset, (void)size;
	p->port61 = value & PORT61_WRITABLE;
	pit_counter_set_gate(&p->counter[2], value & PORT61_GATE2,
			     platform_clock_ns());
}

static const struct bus_ops pit_ops = { pit_read, pit_write };
static const struct bus_ops port61_ops = { port61_read, port61_write };

static void pit_power_up(struct pit *p)
{
	timer_cancel(&p->timer);
	p->next_rise = TIMER_NEVER;
	p->port61 = 0;
	for (unsigned i = 0; i < 3; i++)
		pit_counter_reset(&p->counter[i], i != 2);
}

void pit_reset(struct pit *p)
{
	pit_power_up(p);
	irq_set(p->vm, 0, false);
}

int pit_create(struct vm *vm, struct pit **out)
{
	struct pit *p = platform_alloc(sizeof *p);
	int err;

	if (!p)
		return -ENOMEM;
	p->vm = vm;
	timer_init(&p->timer, vm, pit_fired);
	pit_power_up(p);
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = PIT_PORT, .size = PIT_PORTS, .name = "pit",
		.ops = &pit_ops, .ctx = p });
	if (err)
		goto fail;
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = PORT61, .size = 1, .name = "port 61h",
		.ops = &port61_ops, .ctx = p });
	if (err)
		goto fail_bus;
	*out = p;
	return 0;
fail_bus:
	bus_remove(&vm->pio, PIT_PORT);
fail:
	platform_free(p, sizeof *p);
	return err;
}

void pit_destroy(struct pit *p)
{
	if (!p)
		return;
	timer_cancel(&p->timer);
	bus_remove(&p->vm->pio, PORT61);
	bus_remove(&p->vm->pio, PIT_PORT);
	platform_free(p, sizeof *p);
}
