/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trivet/platform.h on Linux: memory, clocks, log, randomness. Locks are
 * in mutex.c, waking a vCPU in vcpus.c, arming the VM's timer in events.c.
 */
#include <trivet/platform.h>
#include <trivet/timer.h>

#include "counter.h"
#include "log.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

void *platform_alloc(size_t size)
{
	void *p;

	if (size > SIZE_MAX - 63)
		return NULL;
	p = aligned_alloc(64, (size + 63) & ~(size_t)63);
	return p ? memset(p, 0, size) : NULL;
}

void platform_free(void *p, size_t size)
{
	(void)size;
	free(p);
}

#define HUGE_PAGE ((u64)2 << 20)

/*
 * Reserved address space only: pages come with the first touch, in 2 MiB where
 * the kernel can, for which the start must be aligned.
 */
void *platform_ram_alloc(u64 size)
{
	u64 whole, head;
	u8 *p;

	if (__builtin_add_overflow(size, HUGE_PAGE, &whole))
		return NULL;
	p = mmap(NULL, whole, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	head = (HUGE_PAGE - ((uintptr_t)p & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
	if (head)
		munmap(p, head);
	munmap(p + head + size, HUGE_PAGE - head);
	/* advice only: small pages do as well. Core dumps leave the guest out. */
	(void)madvise(p + head, size, MADV_HUGEPAGE);
	(void)madvise(p + head, size, MADV_DONTDUMP);
	return p + head;
}

void platform_ram_free(void *p, u64 size)
{
	/* of huge pages (hugepages.c) only whole ones can be unmapped */
	if (p && munmap(p, size))
		munmap(p, (size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
}

void platform_ram_discard(void *p, u64 size)
{
	(void)madvise(p, size, MADV_DONTNEED); /* huge pages of a pool may refuse */
}

static u64 clock_read(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

u64 platform_clock_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

u64 platform_wallclock_ns(void)
{
	return clock_read(CLOCK_REALTIME);
}

u64 platform_counter(void)
{
	return counter_read();
}

u64 platform_counter_hz(void)
{
	return counter_hz();
}

void platform_log(enum log_level level, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_guest_line(level, format, ap);
	va_end(ap);
}

void platform_random(void *buf, size_t n)
{
	u8 *p = buf;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort(); /* no entropy source: nothing safe is left to do */
		p += got;
		n -= (size_t)got;
	}
}

void platform_relax(void)
{
	sched_yield();
}
