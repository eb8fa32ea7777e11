/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: a queue of ready vCPUs per processor, served in turn; a halted vCPU
 * is on none. A vCPU stays on its processor.
 */
#include "metal.h"

#define SLICE_NS (10 * 1000 * 1000)
#define NEVER (~(u64)0)

/* --- queues --------------------------------------------------------------------------- */

/* With cpu->lock held. */
static void queue_put(struct cpu *cpu, struct task *t)
{
	t->next = NULL;
	if (cpu->tail)
		cpu->tail->next = t;
	else
		cpu->head = t;
	cpu->tail = t;
}

static struct task *queue_take(struct cpu *cpu)
{
	struct task *t;

	platform_mutex_lock(&cpu->lock);
	t = cpu->head;
	if (t) {
		cpu->head = t->next;
		if (!cpu->head)
			cpu->tail = NULL;
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
	t->state = TASK_READY;
	queue_put(t->cpu, t);
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
		t->state = TASK_READY;
		queue_put(t->cpu, t);
		poke = true;
	}
	platform_mutex_unlock(&t->cpu->lock);
	if (poke && t->cpu != cpu_this())
		sched_poke(t->cpu);
}

/* --- a processor's life ------------------------------------------------------------------ */

/* What interrupts asked for; the timer is set for what comes next. */
static void serve(struct cpu *cpu, u64 slice_end)
{
	u64 next;

	__atomic_store_n(&cpu->look, 0, __ATOMIC_SEQ_CST);
	if (cpu->index == 0)
		console_serve(cpu->metal);
	__atomic_store_n(&cpu->armed_ns, NEVER, __ATOMIC_SEQ_CST);
	next = vms_serve(cpu);
	next = next < slice_end ? next : slice_end;
	__atomic_store_n(&cpu->armed_ns, next, __ATOMIC_SEQ_CST);
	arch_timer_set(next);
}

static void idle(struct cpu *cpu)
{
	u64 from = platform_clock_ns();

	arch_idle(cpu);
	cpu->idle_ns += platform_clock_ns() - from;
}

/* Somebody else waits for the processor, and t had its turn. */
static bool turn_over(struct cpu *cpu, u64 slice_end)
{
	bool yield = cpu->yield;

	cpu->yield = false;
	if (!__atomic_load_n(&cpu->head, __ATOMIC_RELAXED))
		return false;
	return yield || platform_clock_ns() >= slice_end;
}

/* Runs t for its slice. What it did last, seen is t->wakes from before that. */
static enum vcpu_step run_slice(struct cpu *cpu, struct task *t, u32 *seen)
{
	u64 slice_end = platform_clock_ns() + SLICE_NS;
	enum vcpu_step step;

	serve(cpu, slice_end);
	do {
		*seen = __atomic_load_n(&t->wakes, __ATOMIC_SEQ_CST);
		step = vcpu_step(t->v);
		if (__atomic_load_n(&cpu->look, __ATOMIC_SEQ_CST)) {
			u64 now = platform_clock_ns();

			if (now >= slice_end && !cpu->head)
				slice_end = now + SLICE_NS;
			serve(cpu, slice_end);
		}
	} while (step == VCPU_RUNNABLE && !turn_over(cpu, slice_end));
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

static void settle(struct cpu *cpu, struct task *t, enum vcpu_step step, u32 seen)
{
	platform_mutex_lock(&cpu->lock);
	cpu->current = NULL;
	if (step == VCPU_STOPPED) {
		t->state = TASK_STOPPED;
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
		u32 seen;

		arch_irq_window();
		serve(cpu, NEVER);
		t = queue_take(cpu);
		if (t) {
			enum vcpu_step step = run_slice(cpu, t, &seen);

			settle(cpu, t, step, seen);
		} else {
			idle(cpu);
		}
	}
}
