/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_platform.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_platform fake = { .counter_hz = 1000000000 };

void *platform_alloc(size_t size)
{
	void *p;

	if (fake.alloc_budget_on && fake.alloc_budget-- == 0)
		return NULL;
	p = aligned_alloc(64, (size + 63) & ~(size_t)63);
	return p ? memset(p, 0, size) : NULL;
}

void platform_free(void *p, size_t size)
{
	(void)size;
	free(p);
}

void *platform_ram_alloc(u64 size)
{
	void *p = aligned_alloc(PAGE_SIZE, size);

	return p ? memset(p, 0, size) : NULL;
}

void platform_ram_free(void *p, u64 size)
{
	(void)size;
	free(p);
}

void platform_ram_discard(void *p, u64 size)
{
	if (((uintptr_t)p | size) & ~PAGE_MASK)
		__builtin_trap();
	fake.discards++;
	memset(p, 0, size);
}

u64 platform_clock_ns(void)
{
	return fake.clock_ns;
}

u64 platform_wallclock_ns(void)
{
	return fake.wallclock_ns + fake.clock_ns;
}

u64 platform_counter(void)
{
	return (u64)((unsigned __int128)fake.clock_ns * fake.counter_hz / NS_PER_SEC);
}

u64 platform_counter_hz(void)
{
	return fake.counter_hz;
}

void platform_log(enum log_level level, const char *format, ...)
{
	va_list ap;

	fake.log_count[level]++;
	va_start(ap, format);
	vsnprintf(fake.last_log, sizeof fake.last_log, format, ap);
	va_end(ap);
}

void platform_random(void *buf, size_t n)
{
	u8 *p = buf;

	for (size_t i = 0; i < n; i++)
		p[i] = (u8)(fake.random = fake.random * 6364136223846793005u + 1442695040888963407u) >> 3;
}

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct platform_mutex), "mutex fits");

void platform_mutex_init(struct platform_mutex *m)
{
	pthread_mutex_init((pthread_mutex_t *)(void *)m, NULL);
}

void platform_mutex_fini(struct platform_mutex *m)
{
	pthread_mutex_destroy((pthread_mutex_t *)(void *)m);
}

void platform_mutex_lock(struct platform_mutex *m)
{
	pthread_mutex_lock((pthread_mutex_t *)(void *)m);
}

void platform_mutex_unlock(struct platform_mutex *m)
{
	pthread_mutex_unlock((pthread_mutex_t *)(void *)m);
}

void platform_relax(void)
{
	sched_yield();
}

void platform_vcpu_wake(struct vcpu *v)
{
	(void)v;
	fake.wakes++;
}

void platform_timer_arm(struct vm *vm, u64 deadline_ns)
{
	(void)vm;
	fake.armed_ns = deadline_ns;
}
