/* SPDX-License-Identifier: Apache-2.0 */
/* Product of two SIZE x SIZE matrices of doubles; one iteration is one product. */
#include "bench.h"

#define SIZE 96

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void multiply(void)
{
	for (int i = 0; i < SIZE; i++) {
		for (int j = 0; j < SIZE; j++) {
			double sum = 0;

			for (int k = 0; k < SIZE; k++)
				sum += a[i][k] * b[k][j];
			c[i][j] = sum;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 90);
	uint64_t check = 0, bits, start;

	for (int i = 0; i < SIZE; i++) {
		for (int j = 0; j < SIZE; j++) {
			a[i][j] = 1.0 / (1 + i + j);
			b[i][j] = (i - j) * 0.125 + 1.0 / (1 + j);
		}
	}
	start = bench_now();
	for (uint64_t i = 0; i < n; i++) {
		a[0][0] = (double)i;
		multiply();
		memcpy(&bits, &c[i % SIZE][i / SIZE % SIZE], sizeof(bits));
		check = bench_mix(check, bits);
	}
	bench_report("matrix", n, start, check);
	return 0;
}
