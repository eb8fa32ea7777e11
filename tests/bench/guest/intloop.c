/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer loop: ten instructions an iteration (INSTRUCTIONS_PER_ITERATION in
 * bench.py), one of them a multiply, one a load, one a store, one a branch. In assembly so that
 * the number does not depend on the compiler.
 */
#include "bench.h"

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 15000000);
	uint64_t a = 0x243f6a8885a308d3u, b = 0x13198a2e03707344u, left = n;
	uint64_t cell[2] = { 1, 2 };
	uint64_t start = bench_now();

	__asm__ volatile("1:\n\t"
			 "imul $0x5851f42d, %0, %0\n\t"
			 "add %1, %0\n\t"
			 "mov (%3), %%rdx\n\t"
			 "xor %%rdx, %0\n\t"
			 "ror $17, %1\n\t"
			 "lea 5(%0,%1,2), %%rdx\n\t"
			 "mov %%rdx, 8(%3)\n\t"
			 "sub %%rdx, %1\n\t"
			 "dec %2\n\t"
			 "jnz 1b"
			 : "+r"(a), "+r"(b), "+r"(left)
			 : "r"(cell)
			 : "rdx", "cc", "memory");
	bench_report("intloop", n, start, bench_mix(bench_mix(a, b), cell[1]));
	return 0;
}
