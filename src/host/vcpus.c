/* SPDX-License-Identifier: Apache-2.0 */
/* vCPU threads: step, and sleep when there is nothing to do. */
#include "vcpus.h"
#include "sandbox.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * No wake-up is lost: the count is read before the step that decides to block,
 * and the kernel compares it again before it sleeps. The system call is spared
 * while the thread does not wait; `waiting` and `wakes` are sequentially
 * consistent, so that either the waker sees the waiter or the waiter the wake.
 */
static void thread_wait(struct vcpu_thread *t, u32 seen)
{
	__atomic_store_n(&t->waiting, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->wakes, __ATOMIC_SEQ_CST) == seen)
		syscall(SYS_futex, &t->wakes, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
	__atomic_store_n(&t->waiting, 0, __ATOMIC_SEQ_CST);
}

void platform_vcpu_wake(struct vcpu *v)
{
	struct vcpu_thread *t = __atomic_load_n(&v->host_data, __ATOMIC_ACQUIRE);

	if (!t)
		return; /* no thread yet: it will look when it starts */
	__atomic_add_fetch(&t->wakes, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&t->waiting, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &t->wakes, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* The guest writes faster than the console takes: let it drain. */
static void thread_throttle(struct vcpu_thread *t)
{
	struct console *c = t->all->console;

	while (console_congested(c) && vm_stop_reason(t->v->vm) == VM_RUNS)
		console_pause(c);
}

static void wait_to_go(struct vcpus *all)
{
	while (!__atomic_load_n(&all->go, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &all->go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

void vcpus_go(struct vcpus *all)
{
	__atomic_store_n(&all->go, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &all->go, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void thread_done(struct vcpus *all)
{
	const u64 one = 1;
	int fd = all->done_fd;

	if (__atomic_sub_fetch(&all->running, 1, __ATOMIC_SEQ_CST) == 0)
		(void)!write(fd, &one, sizeof one);
}

static void *thread_main(void *arg)
{
	struct vcpu_thread *t = arg;
	enum vcpu_step step = VCPU_RUNNABLE;

	sandbox_thread(SANDBOX_VCPU, "vcpu %u", t->v->index);
	wait_to_go(t->all);
	while (step != VCPU_STOPPED) {
		u32 seen = __atomic_load_n(&t->wakes, __ATOMIC_SEQ_CST);

		thread_throttle(t);
		step = vcpu_step(t->v);
		if (step == VCPU_BLOCKED)
			thread_wait(t, seen);
	}
	thread_done(t->all);
	return NULL;
}

static int thread_start(struct vcpu_thread *t)
{
	return sandbox_thread_create(&t->thread, thread_main, t);
}

int vcpus_start(struct vcpus *all, struct vm *vm, struct console *console,
		int done_fd, struct error *err)
{
	all->console = console;
	all->done_fd = done_fd;
	all->count = 0;
	all->go = 0;
	all->running = vm->vcpu_count;
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct vcpu_thread *t = &all->threads[i];

		*t = (struct vcpu_thread){ .all = all, .v = vm->vcpus[i] };
		__atomic_store_n(&t->v->host_data, t, __ATOMIC_RELEASE);
	}
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		int r = thread_start(&all->threads[i]);

		if (!r) {
			all->count++;
			continue;
		}
		vm_stop(vm, VM_QUIT, 0, "no thread for vCPU %u", i);
		vcpus_go(all);
		vcpus_join(all);
		return error_set(err, r, "no thread for vCPU %u: %s", i, strerror(-r));
	}
	return 0;
}

bool vcpus_running(const struct vcpus *all)
{
	return __atomic_load_n(&all->running, __ATOMIC_SEQ_CST) != 0;
}

void vcpus_join(struct vcpus *all)
{
	for (unsigned i = 0; i < all->count; i++)
		pthread_join(all->threads[i].thread, NULL);
	all->count = 0;
}
