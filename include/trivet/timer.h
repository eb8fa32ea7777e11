/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual machine timers: a sorted queue per VM. Every function here is called
 * with vm->lock held, and callbacks run with it held.
 */
#ifndef TRIVET_TIMER_H
#define TRIVET_TIMER_H

#include <trivet/types.h>

struct vm;
struct timer;

typedef void (*timer_fn)(struct timer *t);

/* Embedded in its owner; zero-initialise, then timer_init. */
struct timer {
	struct vm *vm;
	timer_fn fn;
	u64 deadline_ns;
	struct timer *next;
	bool queued;
};

#define TIMER_NEVER (~(u64)0)

void timer_init(struct timer *t, struct vm *vm, timer_fn fn);
/* (Re)arms t for deadline_ns on the platform_clock_ns scale; TIMER_NEVER cancels. */
void timer_set(struct timer *t, u64 deadline_ns);
void timer_cancel(struct timer *t);
/* Runs what is due; returns the next deadline or TIMER_NEVER. */
u64 timers_run(struct vm *vm);
/* The next deadline or TIMER_NEVER. */
u64 timers_next(const struct vm *vm);

/* (a * num) / den without overflow in between; den is not 0. */
static inline u64 mul_div(u64 a, u64 num, u64 den)
{
	return (u64)(((unsigned __int128)a * num) / den);
}

#endif
