/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time-stamp counter and its rate: what the CPU or the hypervisor below
 * says when a short measurement agrees with it, else a longer measurement
 * against CLOCK_MONOTONIC_RAW.
 */
#include "counter.h"

#include <cpuid.h>
#include <pthread.h>
#include <time.h>
#include <x86intrin.h>

#include <trivet/types.h>

static u64 raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

struct sample {
	u64 tsc, ns;
};

/* The tightest of a few brackets: the clock was read between two counters. */
static struct sample sample_take(void)
{
	struct sample best = { 0 };
	u64 narrowest = ~(u64)0;

	for (int i = 0; i < 64; i++) {
		u64 before = __rdtsc();
		u64 ns = raw_ns();
		u64 width = __rdtsc() - before;

		if (width < narrowest) {
			narrowest = width;
			best = (struct sample){ before + width / 2, ns };
		}
	}
	return best;
}

/* Counter ticks a second over at least ns nanoseconds. */
static u64 measure_hz(u64 ns)
{
	struct sample from = sample_take(), to;

	while (raw_ns() - from.ns < ns)
		__builtin_ia32_pause();
	to = sample_take();
	return (u64)((unsigned __int128)(to.tsc - from.tsc) * NS_PER_SEC /
		     (to.ns - from.ns));
}

/* SDM vol. 2A CPUID leaf 15h: crystal Hz * EBX / EAX. 0 when not told. */
static u64 cpu_says_hz(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid_max(0, NULL) < 0x15)
		return 0;
	__cpuid(0x15, a, b, c, d);
	return a && b && c ? (u64)c * b / a : 0;
}

/* The hypervisors' common timing leaf 40000010h: EAX is the rate in kHz. */
static u64 hypervisor_says_hz(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 31)))
		return 0;
	__cpuid(0x40000000, a, b, c, d);
	if (a < 0x40000010 || a > 0x4000ffff)
		return 0;
	__cpuid(0x40000010, a, b, c, d);
	return (u64)a * 1000;
}

/* Within 200 parts in a million. */
static bool agrees(u64 said, u64 measured)
{
	u64 diff = said > measured ? said - measured : measured - said;

	return said && diff < measured / 5000;
}

static u64 find_hz(void)
{
	u64 quick = measure_hz(2000000), said;

	said = cpu_says_hz();
	if (agrees(said, quick))
		return said;
	said = hypervisor_says_hz();
	if (agrees(said, quick))
		return said;
	return measure_hz(12000000);
}

/* One counter per machine, and platform.h asks for its rate without a handle. */
static pthread_once_t hz_once = PTHREAD_ONCE_INIT;
static u64 hz_value;

static void hz_init(void)
{
	hz_value = find_hz();
}

u64 counter_hz(void)
{
	pthread_once(&hz_once, hz_init);
	return hz_value;
}
