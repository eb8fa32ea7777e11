/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the freestanding rooms need from the program they are linked into.
 * Implemented once in src/host/, once in src/metal/ and once as a fake for the
 * unit tests (tests/unit/fake_platform.c); chosen at link time.
 */
#ifndef TRIVET_PLATFORM_H
#define TRIVET_PLATFORM_H

#include <trivet/types.h>

struct vm;
struct vcpu;

/* Zeroed memory, 64-byte aligned; NULL when there is none. Any thread. */
void *platform_alloc(size_t size);
/* size as given to platform_alloc; p may be NULL. */
void platform_free(void *p, size_t size);

/*
 * Guest RAM: zeroed, page aligned, costs host memory only once touched. size
 * is a multiple of PAGE_SIZE. NULL when refused.
 */
void *platform_ram_alloc(u64 size);
void platform_ram_free(void *p, u64 size);
/*
 * The contents of part of guest RAM, whole pages, matter no more: gives its
 * memory back where the platform can. It may read as zero or as before. Any
 * thread, even while a guest touches it.
 */
void platform_ram_discard(void *p, u64 size);

/* Monotonic nanoseconds, and nanoseconds since 1970-01-01 UTC. Any thread. */
u64 platform_clock_ns(void);
u64 platform_wallclock_ns(void);

/*
 * The CPU's constant-rate counter (x86: TSC) and its rate in Hz. The rate is
 * measured at start-up and never changes.
 */
u64 platform_counter(void);
u64 platform_counter_hz(void);

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line to the operator, without newline. Any thread. */
void platform_log(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Fills buf with random bytes from a cryptographic source. Any thread. */
void platform_random(void *buf, size_t n);

/* A plain, not recursive, mutual exclusion lock. */
struct platform_mutex {
	u64 opaque[8];
};
void platform_mutex_init(struct platform_mutex *m);
void platform_mutex_fini(struct platform_mutex *m);
void platform_mutex_lock(struct platform_mutex *m);
void platform_mutex_unlock(struct platform_mutex *m);

/* A spinning thread lets others run. */
void platform_relax(void);

/* v, blocked by its thread or scheduler after VCPU_BLOCKED, must step again. */
void platform_vcpu_wake(struct vcpu *v);

/*
 * The earliest timer of vm is now due at deadline_ns (platform_clock_ns scale;
 * ~0 for none): call timers_run(vm) then or soon after. Called with vm->lock
 * held.
 */
void platform_timer_arm(struct vm *vm, u64 deadline_ns);

#endif
