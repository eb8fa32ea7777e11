/* SPDX-License-Identifier: Apache-2.0 */
/* A platform for unit tests: time stands still unless the test moves it. */
#ifndef TESTS_FAKE_PLATFORM_H
#define TESTS_FAKE_PLATFORM_H

#include <trivet/platform.h>

struct fake_platform {
	u64 clock_ns;	  /* what platform_clock_ns returns */
	u64 wallclock_ns; /* added to clock_ns */
	u64 counter_hz;
	u64 armed_ns; /* last platform_timer_arm */
	unsigned wakes;
	unsigned discards; /* calls of platform_ram_discard */
	u64 random;
	bool alloc_budget_on; /* make the nth allocation from now fail */
	u64 alloc_budget;
	unsigned log_count[4];
	char last_log[512];
};

extern struct fake_platform fake;

#endif
