/* SPDX-License-Identifier: Apache-2.0 */
/* One iteration is one getpid system call. */
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

int main(int argc, char **argv)
{
	uint64_t n = bench_iterations(argc, argv, 50000);
	long pid = getpid();
	uint64_t start = bench_now();

	for (uint64_t i = 0; i < n; i++)
		if (syscall(SYS_getpid) != pid)
			bench_fail("getpid");
	bench_report("getpid", n, start, n);
	return 0;
}
