/* SPDX-License-Identifier: Apache-2.0 */
/* Quicksort of 32-bit numbers; one iteration sorts a fresh array of COUNT. */
#include "bench.h"

#define COUNT 50000

static int32_t array[COUNT];

static void sort(int32_t *a, long low, long high)
{
	while (low < high) {
		int32_t pivot = a[low + (high - low) / 2];
		long i = low, j = high;

		while (i <= j) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i <= j) {
				int32_t t = a[i];

				a[i++] = a[j];
				a[j--] = t;
			}
		}
		if (j - low < high - i) {
			sort(a, low, j);
			low = i;
		} else {
			sort(a, i, high);
			high = j;
		}
	}
}

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 8);
	uint64_t seed = 0x2545f4914f6cdd1du, check = 0;
	uint64_t start = bench_now();

	for (uint64_t i = 0; i < n; i++) {
		for (int j = 0; j < COUNT; j++)
			array[j] = (int32_t)bench_random(&seed);
		sort(array, 0, COUNT - 1);
		for (int j = 1; j < COUNT; j++)
			if (array[j - 1] > array[j])
				bench_fail("quicksort: not sorted");
		check = bench_mix(check, (uint32_t)array[COUNT / 2]);
	}
	bench_report("quicksort", n, start, check);
	return 0;
}
