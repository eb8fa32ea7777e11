/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first program of a Linux guest: prints the TSC as it was on entry and ends the
 * machine. The kernel's boot is all that came before.
 */
#include <stdio.h>
#include <sys/reboot.h>
#include <x86intrin.h>

int main(void)
{
	printf("\nINIT %llu\n", __rdtsc());
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 1;
}
