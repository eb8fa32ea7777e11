/* SPDX-License-Identifier: Apache-2.0 */
/* One iteration maps PAGES pages, writes to each, checks them and unmaps. */
#include <sys/mman.h>

#include "bench.h"

#define PAGES 64
#define PAGE 4096

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 100);
	uint64_t start = bench_now(), sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		unsigned char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			bench_fail("mmap");
		for (size_t j = 0; j < PAGES; j++)
			p[j * PAGE] = (unsigned char)(i + j);
		for (size_t j = 0; j < PAGES; j++)
			sum += p[j * PAGE];
		if (munmap(p, PAGES * PAGE))
			bench_fail("munmap");
	}
	bench_report("mmap", n, start, sum);
	return 0;
}
