/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmark programs share: the iteration count from the command line,
 * the clock, and the one line of result that tests/bench/bench.py reads:
 *   BENCH name iterations nanoseconds check
 * check is a digest of what was computed: it must be the same on every engine.
 */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The first argument, or fallback without one. */
static inline uint64_t bench_iterations(int argc, char **argv, uint64_t fallback)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 0) : fallback;

	return n ? n : 1;
}

static inline void bench_report(const char *name, uint64_t iterations,
				uint64_t start, uint64_t check)
{
	uint64_t ns = bench_now() - start;

	printf("BENCH %s %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", name,
	       iterations, ns, check);
	fflush(stdout);
}

static inline void bench_fail(const char *what)
{
	printf("BENCH-FAIL %s\n", what);
	fflush(stdout);
	exit(1);
}

/* xorshift64: the same numbers everywhere. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* One step of a digest over 64-bit words. */
static inline uint64_t bench_mix(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * 0x9e3779b97f4a7c15u;
	return digest ^ digest >> 29;
}

#endif
