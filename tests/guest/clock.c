/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's clocks, for tests/boot/test_time.py.
 *   clock stamp N        N lines "stamp MONOTONIC REALTIME", in ns, 20 ms apart
 *   clock sleep N US     N sleeps of US microseconds:
 *                        "overshoot BEST MEDIAN WORST", in ns
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define MAX_SLEEPS 2000

static long long now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pause_ns(long long ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&t, NULL);
}

static int stamps(int n)
{
	for (int i = 0; i < n; i++) {
		printf("stamp %lld %lld\n", now(CLOCK_MONOTONIC), now(CLOCK_REALTIME));
		fflush(stdout);
		pause_ns(20000000);
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static int sleeps(int n, long long ns)
{
	static long long over[MAX_SLEEPS];

	if (n < 1 || n > MAX_SLEEPS)
		return 2;
	/* Linux adds 50 us of its own to every sleep otherwise */
	prctl(PR_SET_TIMERSLACK, 1UL);
	for (int i = 0; i < n; i++) {
		long long start = now(CLOCK_MONOTONIC);

		pause_ns(ns);
		over[i] = now(CLOCK_MONOTONIC) - start - ns;
	}
	qsort(over, (size_t)n, sizeof over[0], by_value);
	printf("overshoot %lld %lld %lld\n", over[0], over[n / 2], over[n - 1]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "stamp") == 0)
		return stamps(atoi(argv[2]));
	if (argc == 4 && strcmp(argv[1], "sleep") == 0)
		return sleeps(atoi(argv[2]), atoll(argv[3]) * 1000);
	fprintf(stderr, "usage: clock stamp N | clock sleep N US\n");
	return 2;
}
