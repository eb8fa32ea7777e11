/* SPDX-License-Identifier: Apache-2.0 */
/* memcpy of the C library; one iteration copies 1 MiB. */
#include "bench.h"

#define SIZE (1024 * 1024)

static unsigned char from[SIZE], to[SIZE];

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 800);
	uint64_t seed = 42, check = 0, start;

	for (size_t i = 0; i < SIZE; i += 8) {
		bench_random(&seed);
		memcpy(from + i, &seed, 8);
	}
	memset(to, 1, SIZE); /* touched before it is timed */
	start = bench_now();
	for (uint64_t i = 0; i < n; i++) {
		from[i % SIZE]++;
		memcpy(to, from, SIZE);
		__asm__ volatile("" : : "r"(to) : "memory");
		check = bench_mix(check, to[(i * 4099) % SIZE]);
	}
	bench_report("memcopy", n, start, check);
	return 0;
}
