/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts for two seconds of the machine's clock how often it gets round a loop: what a
 * scheduler gave it. "COUNT n", in thousands.
 */
#include "lib/apic.h"

#define SECONDS 2

void test_main(void)
{
	u64 until = rdtsc() + tsc_khz() * 1000 * SECONDS, count = 0;

	while (rdtsc() < until)
		for (volatile unsigned i = 0; i < 1000; i++)
			;
	until = rdtsc() + tsc_khz() * 1000 * SECONDS;
	while (rdtsc() < until) {
		for (volatile unsigned i = 0; i < 1000; i++)
			;
		count++;
	}
	/* others count on: what ends first must not leave its share to them */
	until = rdtsc() + tsc_khz() * 1000 * SECONDS;
	while (rdtsc() < until)
		;
	print("COUNT ");
	print_dec(count);
	print("\n");
	check(count > 0, "got-some-time");
}
