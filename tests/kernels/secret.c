/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills its memory from 16 MiB to 64 MiB with a word that is not all ones, and sleeps for
 * good: what the kernel `space' beside it must not find.
 */
#include "lib/lib.h"

void test_main(void)
{
	for (volatile u64 *p = (u64 *)0x1000000; p < (u64 *)0x4000000; p++)
		*p = 0x5ec4e75ec4e75ec4ull;
	print("FILLED\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}
