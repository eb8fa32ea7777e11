/* SPDX-License-Identifier: Apache-2.0 */
/* trivet/platform.h on metal: memory, locks, randomness. Time is in clock.c, the log
 * in console.c, waking in sched.c, timers in vms.c. */
#include <trivet/bits.h>

#include "metal.h"

void *platform_alloc(size_t size)
{
	return heap_alloc(&cpu_this()->metal->heap, size);
}

void platform_free(void *p, size_t size)
{
	heap_free(&cpu_this()->metal->heap, p, size);
}

void *platform_ram_alloc(u64 size)
{
	return (void *)(uintptr_t)pages_alloc(&cpu_this()->metal->pages, size);
}

void platform_ram_free(void *p, u64 size)
{
	pages_free(&cpu_this()->metal->pages, (u64)(uintptr_t)p, size);
}

/* Guest RAM is one run, mapped for good: there is nothing to give back. */
void platform_ram_discard(void *p, u64 size)
{
	(void)p, (void)size;
}

/* Memory is mapped where it is. */
hpa_t metal_hpa(const void *p)
{
	return (hpa_t){ (u64)(uintptr_t)p };
}

unsigned metal_cpu_index(void)
{
	return cpu_this()->index;
}

void *metal_cpu_data(void)
{
	return cpu_this()->engine_data;
}

bool metal_cpu_wanted(void)
{
	return __atomic_load_n(&cpu_this()->look, __ATOMIC_SEQ_CST);
}

/* --- locks: tickets, so that nobody starves ---------------------------------------- */

static u32 *ticket_of(struct platform_mutex *m)
{
	return (u32 *)(void *)m->opaque; /* [0] next ticket, [1] now served */
}

void platform_mutex_init(struct platform_mutex *m)
{
	*m = (struct platform_mutex){ { 0 } };
}

void platform_mutex_fini(struct platform_mutex *m)
{
	(void)m;
}

void platform_mutex_lock(struct platform_mutex *m)
{
	u32 *t = ticket_of(m), mine = __atomic_fetch_add(&t[0], 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&t[1], __ATOMIC_ACQUIRE) != mine)
		arch_pause();
}

void platform_mutex_unlock(struct platform_mutex *m)
{
	u32 *t = ticket_of(m);

	__atomic_store_n(&t[1], t[1] + 1, __ATOMIC_RELEASE);
}

/* The guest spins: whoever else is ready here goes first. */
void platform_relax(void)
{
	cpu_this()->yield = true;
	arch_pause();
}

/*
 * From the processor's own generator. Where there is none, the counter's low bits
 * mixed: no cryptographic source, which start-up says in a line.
 */
static u64 random64(u64 salt)
{
	u64 v = 0;

	if (!arch_random(&v))
		v = (arch_counter() ^ salt) * 0x9e3779b97f4a7c15;
	v ^= v >> 29;
	return v;
}

void platform_random(void *buf, size_t n)
{
	u8 *p = buf;

	for (size_t i = 0; i < n; i += 8) {
		u64 v = random64(i);

		__builtin_memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
}
