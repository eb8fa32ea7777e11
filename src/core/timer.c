/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's timers: a list sorted by deadline; there are few. */
#include <trivet/vm.h>

void timer_init(struct timer *t, struct vm *vm, timer_fn fn)
{
	*t = (struct timer){ .vm = vm, .fn = fn, .deadline_ns = TIMER_NEVER };
}

static void timer_unlink(struct timer *t)
{
	struct timer **p = &t->vm->timers;

	while (*p && *p != t)
		p = &(*p)->next;
	if (*p)
		*p = t->next;
	t->queued = false;
	t->next = NULL;
}

static void timer_link(struct timer *t)
{
	struct timer **p = &t->vm->timers;

	while (*p && (*p)->deadline_ns <= t->deadline_ns)
		p = &(*p)->next;
	t->next = *p;
	*p = t;
	t->queued = true;
}

/* Only a change of the earliest deadline concerns the platform. */
static void timer_rearm(struct vm *vm, u64 before)
{
	u64 next = timers_next(vm);

	if (next != before)
		platform_timer_arm(vm, next);
}

void timer_set(struct timer *t, u64 deadline_ns)
{
	u64 before = timers_next(t->vm);

	if (t->queued)
		timer_unlink(t);
	t->deadline_ns = deadline_ns;
	if (deadline_ns != TIMER_NEVER)
		timer_link(t);
	timer_rearm(t->vm, before);
}

void timer_cancel(struct timer *t)
{
	if (t->queued)
		timer_set(t, TIMER_NEVER);
}

u64 timers_next(const struct vm *vm)
{
	return vm->timers ? vm->timers->deadline_ns : TIMER_NEVER;
}

u64 timers_run(struct vm *vm)
{
	u64 now = platform_clock_ns();

	/* A callback may re-arm its timer in the past: `now` is read once, so a
	 * timer that follows the clock cannot keep this loop for ever. */
	for (unsigned budget = 64; budget && timers_next(vm) <= now; budget--) {
		struct timer *t = vm->timers;

		timer_unlink(t);
		t->fn(t);
	}
	platform_timer_arm(vm, timers_next(vm));
	return timers_next(vm);
}
