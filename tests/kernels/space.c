/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of guest-physical memory that is not this machine's, up to 512 GiB, an address in
 * each step: nothing but ones is there, whatever lies in the memory of others. (The test
 * beds' processors fault above 40 bits.) Starts when a byte comes on COM1. Run with 64 MiB.
 */
#include "lib/lib.h"

#define V TEST_WINDOW
#define RAM_END 0x4000000ul
#define STEP 0x10000ul
#define FAR_STEP 0x1000000ul
#define END 0x8000000000ul
#define DEVICES 0xe0000000ul /* ECAM, BARs, APICs up to 4 GiB */

static u64 read_at(ulong phys)
{
	page_map(V, phys & ~(PAGE - 1), PTE_P | PTE_W);
	invlpg(V);
	return *(volatile u64 *)(V + (phys & (PAGE - 1)));
}

static void wait_for_key(void)
{
	print("READY\n");
	while (!(inb(0x3fd) & 1))
		;
}

/* Another place within each step, so that all offsets and pages come. */
static ulong place(ulong base, ulong step)
{
	static u64 seed = 1;

	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return base + ((seed >> 20) & (step - 1) & ~7ul);
}

void test_main(void)
{
	unsigned others = 0, looked = 0;

	wait_for_key();
	for (ulong a = RAM_END; a < DEVICES; a += STEP, looked++)
		others += read_at(place(a, STEP)) != ~0ull;
	check_eq(others, 0, "below-4g-nothing-of-others");
	for (ulong a = 0x100000000ul; a < END; a += FAR_STEP, looked++)
		others += read_at(place(a, FAR_STEP)) != ~0ull;
	for (ulong a = 0x100000000ul; a < 0x200000000ul; a += STEP * 16, looked++)
		others += read_at(place(a, STEP)) != ~0ull;
	check_eq(others, 0, "above-4g-nothing-of-others");
	check(looked > 80000, "looked-everywhere");
}
