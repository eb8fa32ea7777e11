/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One 8254 counter: Intel 8254 data sheet, "Mode definitions". Nothing here
 * ticks: the count and the output are computed from the clock when looked at.
 */
#include "pit_internal.h"

/* A new count in modes 2 and 3 takes effect at once, not at the period's end: as
 * after a control word, the only way PCs use. */

static u32 counter_modulus(const struct pit_counter *c)
{
	return c->bcd ? 10000 : 65536;
}

u64 pit_counter_ticks(const struct pit_counter *c, u64 now)
{
	if (c->paused)
		return c->elapsed;
	return mul_div(now - c->start_ns, PIT_HZ, NS_PER_SEC);
}

/* Rounded up: at that time the tick has happened. */
u64 pit_counter_tick_ns(const struct pit_counter *c, u64 tick)
{
	return c->start_ns + mul_div(tick, NS_PER_SEC, PIT_HZ) + 1;
}

bool pit_counter_periodic(const struct pit_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 start with the gate's edge, not with the count. */
static bool counter_triggered_by_gate(const struct pit_counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

bool pit_counter_out(const struct pit_counter *c, u64 now)
{
	u64 t;

	if (!c->started)
		return c->mode != 0;
	t = pit_counter_ticks(c, now);
	switch (c->mode) {
	case 0:
	case 1:
		return t >= c->count;
	case 2:
		return c->paused || t % c->count != c->count - 1;
	case 3:
		return c->paused || t % c->count < (c->count + 1) / 2;
	default:
		return t != c->count;
	}
}

u64 pit_counter_first_rise(const struct pit_counter *c)
{
	if (!c->started || c->paused)
		return TIMER_NEVER;
	return c->mode >= 4 ? c->count + 1 : c->count;
}

/* Mode 3 counts by two, through each half of the period. */
static u32 square_value(const struct pit_counter *c, u64 t)
{
	u32 at = (u32)(t % c->count), half = (c->count + 1) / 2;

	return (c->count & ~1u) - 2 * (at < half ? at : at - half);
}

static u32 counter_value(const struct pit_counter *c, u64 now)
{
	u32 modulus = counter_modulus(c);
	u64 t = c->started ? pit_counter_ticks(c, now) : 0;

	switch (c->mode) {
	case 2:
		return (c->count - (u32)(t % c->count)) % modulus;
	case 3:
		return square_value(c, t) % modulus;
	default:
		return (c->count + modulus - (u32)(t % modulus)) % modulus;
	}
}

static u16 to_bcd(u32 v)
{
	return (u16)((v / 1000 % 10) << 12 | (v / 100 % 10) << 8 |
		     (v / 10 % 10) << 4 | v % 10);
}

static u32 from_bcd(u16 v)
{
	return (v >> 12) * 1000u + (v >> 8 & 0xf) * 100u + (v >> 4 & 0xf) * 10u +
	       (v & 0xf);
}

static u16 counter_visible(const struct pit_counter *c, u64 now)
{
	u32 v = counter_value(c, now);

	return c->bcd ? to_bcd(v) : (u16)v;
}

static void counter_start(struct pit_counter *c, u64 now)
{
	c->started = true;
	c->start_ns = now;
	c->elapsed = 0;
	c->paused = !c->gate && !counter_triggered_by_gate(c);
}

static void counter_load(struct pit_counter *c, u16 v, u64 now)
{
	u32 n = c->bcd ? from_bcd(v) : v;

	n %= counter_modulus(c) + 1; /* digits above 9 */
	c->count = n ? n : counter_modulus(c);
	c->null = false;
	if (!counter_triggered_by_gate(c))
		counter_start(c, now);
}

void pit_counter_reset(struct pit_counter *c, bool gate)
{
	*c = (struct pit_counter){ .access = PIT_WORD, .gate = gate,
				   .count = 65536, .null = true };
}

void pit_counter_control(struct pit_counter *c, u8 word)
{
	c->access = (word >> 4) & 3;
	c->mode = (word >> 1) & 7;
	if (c->mode > 5)
		c->mode -= 4; /* x10, x11 */
	c->bcd = word & 1;
	c->null = true;
	c->started = c->paused = false;
	c->count = counter_modulus(c);
	c->write_high = c->read_high = false;
	c->latch_bytes = 0;
	c->status_latched = false;
}

void pit_counter_set_gate(struct pit_counter *c, bool gate, u64 now)
{
	bool rise = gate && !c->gate, fall = !gate && c->gate;

	c->gate = gate;
	if (counter_triggered_by_gate(c)) {
		if (rise && !c->null)
			counter_start(c, now);
		return;
	}
	if (!c->started)
		return;
	if (fall && !c->paused) {
		c->elapsed = pit_counter_ticks(c, now);
		c->paused = true;
	} else if (rise && pit_counter_periodic(c)) {
		counter_start(c, now);
	} else if (rise) {
		c->start_ns = now - mul_div(c->elapsed, NS_PER_SEC, PIT_HZ) - 1;
		c->paused = false;
	}
}

void pit_counter_latch(struct pit_counter *c, u64 now)
{
	if (c->latch_bytes)
		return;
	c->latch = counter_visible(c, now);
	c->latch_bytes = c->access == PIT_WORD ? 2 : 1;
	c->read_high = false;
}

void pit_counter_latch_status(struct pit_counter *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status = (u8)((pit_counter_out(c, now) ? 0x80 : 0) |
			 (c->null ? 0x40 : 0) | c->access << 4 | c->mode << 1 |
			 (c->bcd ? 1 : 0));
	c->status_latched = true;
}

u8 pit_counter_read(struct pit_counter *c, u64 now)
{
	bool high = c->access == PIT_HIGH;
	u16 v;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->access == PIT_WORD) {
		high = c->read_high;
		c->read_high = !c->read_high;
	}
	v = c->latch_bytes ? c->latch : counter_visible(c, now);
	if (c->latch_bytes)
		c->latch_bytes--;
	return (u8)(high ? v >> 8 : v);
}

void pit_counter_write(struct pit_counter *c, u8 v, u64 now)
{
	switch (c->access) {
	case PIT_LOW:
		counter_load(c, v, now);
		break;
	case PIT_HIGH:
		counter_load(c, (u16)(v << 8), now);
		break;
	default:
		if (c->write_high) {
			c->write_high = false;
			counter_load(c, (u16)(v << 8 | c->low), now);
			break;
		}
		c->low = v;
		c->write_high = true;
		c->null = true;
		if (c->mode == 0) /* the first byte stops the count */
			c->started = false;
		break;
	}
}
