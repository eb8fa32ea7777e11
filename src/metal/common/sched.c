/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: a queue of ready vCPUs per processor; a halted vCPU is on none. A vCPU
 * stays on its processor. Next is who has had the least time for its weight (virtual
 * time, as in fair queueing), so weights 1 and 3 share one to three. Who slept starts
 * at most one slice behind the others: it is served soon, and saves nothing up.
 */
#include "metal.h"

#define SLICE_NS (10 * 1000 * 1000)
#define LEAD_NS (1000 * 1000) /* who wakes goes before who is that far ahead */

/* --- queues --------------------------------------------------------------------------- */

/* With cpu->lock held. Behind those of the same time. */
static void queue_put(struct cpu *cpu, struct task *t)
{
	struct task **at = &cpu->head;

	while (*at && (*at)->vtime <= t->vtime)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

/* With cpu->lock held: t comes from elsewhere than the queue. */
static void queue_join(struct cpu *cpu, struct task *t)
{
	u64 least = cpu->vtime > SLICE_NS ? cpu->vtime - SLICE_NS : 0;

	t->state = TASK_READY;
	if (t->vtime < least)
		t->vtime = least;
	queue_put(cpu, t);
}

static struct task *queue_take(struct cpu *cpu)
{
	struct task *t;

	platform_mutex_lock(&cpu->lock);
	t = cpu->head;
	if (t) {
		cpu->head = t->next;
		if (cpu->vtime < t->vtime)
			cpu->vtime = t->vtime;
	}
	cpu->current = t;
	platform_mutex_unlock(&cpu->lock);
	return t;
}

void sched_poke(struct cpu *cpu)
{
	__atomic_store_n(&cpu->look, 1, __ATOMIC_SEQ_CST);
	arch_ipi(cpu); /* to ourselves too: out of the guest that we run */
}

void sched_add(struct task *t)
{
	platform_mutex_lock(&t->cpu->lock);
	t->vtime = 0;
	queue_join(t->cpu, t);
	platform_mutex_unlock(&t->cpu->lock);
	sched_poke(t->cpu);
}

/*
 * No wake-up is lost: `wakes` is raised before the state is looked at, and the task
 * compares it under the same lock before it blocks. One that runs elsewhere gets
 * the IPI all the same: its engine is to leave the guest.
 */
void platform_vcpu_wake(struct vcpu *v)
{
	struct task *t = __atomic_load_n(&v->host_data, __ATOMIC_ACQUIRE);
	bool poke;

	if (!t)
		return;
	__atomic_add_fetch(&t->wakes, 1, __ATOMIC_SEQ_CST);
	platform_mutex_lock(&t->cpu->lock);
	poke = t->cpu->current == t;
	if (t->state == TASK_BLOCKED) {
		queue_join(t->cpu, t);
		poke = true;
	}
	platform_mutex_unlock(&t->cpu->lock);
	if (poke && t->cpu != cpu_this())
		sched_poke(t->cpu);
}

/* --- pausing ------------------------------------------------------------------------------ */

static bool paused(const struct task *t)
{
	return __atomic_load_n(&t->owner->paused, __ATOMIC_SEQ_CST);
}

void sched_pause(struct metal_vm *m)
{
	__atomic_store_n(&m->paused, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < m->vm.vcpu_count; i++)
		vcpu_kick(m->vm.vcpus[i]);
}

/* Who parks looks at `paused` under the lock that is taken here: none is left behind. */
void sched_resume(struct metal_vm *m)
{
	__atomic_store_n(&m->paused, 0, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < m->vm.vcpu_count; i++) {
		struct task *t = &m->tasks[i];

		platform_mutex_lock(&t->cpu->lock);
		if (t->state == TASK_PARKED)
			queue_join(t->cpu, t);
		platform_mutex_unlock(&t->cpu->lock);
		sched_poke(t->cpu);
	}
	sched_poke(m->home); /* its timers went by */
}

/* --- a processor's life ------------------------------------------------------------------ */

/* What interrupts asked for; the timer is set for what comes next. */
static void serve(struct cpu *cpu, u64 slice_end)
{
	u64 next, from = platform_clock_ns();

	__atomic_store_n(&cpu->look, 0, __ATOMIC_SEQ_CST);
	if (cpu->index == 0)
		console_serve(cpu->metal);
	__atomic_store_n(&cpu->armed_ns, NEVER, __ATOMIC_SEQ_CST);
	next = vms_serve(cpu);
	next = next < slice_end ? next : slice_end;
	__atomic_store_n(&cpu->armed_ns, next, __ATOMIC_SEQ_CST);
	arch_timer_set(next);
	cpu->served_ns += platform_clock_ns() - from;
}

static void idle(struct cpu *cpu)
{
	u64 from = platform_clock_ns();

	arch_idle(cpu);
	cpu->idle_ns += platform_clock_ns() - from;
}

/* A turn at the processor. */
struct turn {
	u64 since_ns, served_ns; /* when it began; cpu->served_ns then */
	u64 end_ns;
};

/* How much further the turn has brought t. */
static u64 turn_vtime(const struct cpu *cpu, const struct task *t, const struct turn *turn,
		      u64 now)
{
	u64 ran = now - turn->since_ns, served = cpu->served_ns - turn->served_ns;

	return ran > served ? (ran - served) * METAL_WEIGHT / t->owner->weight : 0;
}

/* Somebody else waits for the processor, and t had its turn. The head of the queue
 * stays a task whatever others do: only this processor takes from it. */
static bool turn_over(struct cpu *cpu, struct task *t, const struct turn *turn)
{
	const struct task *head = __atomic_load_n(&cpu->head, __ATOMIC_ACQUIRE);
	u64 now;

	if (!head)
		cpu->yield = false;
	if (!head || cpu->yield)
		return head;
	now = platform_clock_ns();
	return now >= turn->end_ns ||
	       __atomic_load_n(&head->vtime, __ATOMIC_RELAXED) + LEAD_NS <
		       t->vtime + turn_vtime(cpu, t, turn, now);
}

/* Runs t for its turn. What it did last, seen is t->wakes from before that. */
static enum vcpu_step run_turn(struct cpu *cpu, struct task *t, struct turn *turn, u32 *seen)
{
	enum vcpu_step step;

	serve(cpu, turn->end_ns);
	do {
		if (paused(t))
			return VCPU_RUNNABLE;
		*seen = __atomic_load_n(&t->wakes, __ATOMIC_SEQ_CST);
		step = vcpu_step(t->v);
		if (__atomic_load_n(&cpu->look, __ATOMIC_SEQ_CST)) {
			u64 now = platform_clock_ns();

			if (now >= turn->end_ns && !cpu->head)
				turn->end_ns = now + SLICE_NS;
			serve(cpu, turn->end_ns);
		}
	} while (step == VCPU_RUNNABLE && !turn_over(cpu, t, turn));
	return step;
}

/* The last vCPU to stop has its VM's home clear up. */
static void task_stopped(struct task *t)
{
	struct metal_vm *vm = t->owner;

	if (vm->metal->engine->put)
		vm->metal->engine->put(t->v);
	if (__atomic_sub_fetch(&vm->running, 1, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&vm->ended, 1, __ATOMIC_SEQ_CST);
	sched_poke(vm->home);
}

/* t's time counts; one that spins goes behind the next. With cpu->lock held. */
static void charge(struct cpu *cpu, struct task *t, const struct turn *turn)
{
	t->vtime += turn_vtime(cpu, t, turn, platform_clock_ns());
	if (cpu->yield && cpu->head && cpu->head->vtime > t->vtime)
		t->vtime = cpu->head->vtime;
	cpu->yield = false;
}

static void settle(struct cpu *cpu, struct task *t, const struct turn *turn,
		   enum vcpu_step step, u32 seen)
{
	platform_mutex_lock(&cpu->lock);
	cpu->current = NULL;
	charge(cpu, t, turn);
	if (step == VCPU_STOPPED) {
		t->state = TASK_STOPPED;
	} else if (paused(t)) {
		t->state = TASK_PARKED;
	} else if (step == VCPU_BLOCKED &&
		   __atomic_load_n(&t->wakes, __ATOMIC_SEQ_CST) == seen) {
		t->state = TASK_BLOCKED;
	} else {
		queue_put(cpu, t);
	}
	platform_mutex_unlock(&cpu->lock);
	if (step == VCPU_STOPPED)
		task_stopped(t);
}

void sched_run(struct cpu *cpu)
{
	for (;;) {
		struct task *t;
		u32 seen = 0;

		arch_irq_window();
		serve(cpu, NEVER);
		t = queue_take(cpu);
		if (t) {
			u64 now = platform_clock_ns();
			struct turn turn = { now, cpu->served_ns, now + SLICE_NS };
			enum vcpu_step step = run_turn(cpu, t, &turn, &seen);

			settle(cpu, t, &turn, step, seen);
		} else {
			idle(cpu);
		}
	}
}
