/* SPDX-License-Identifier: Apache-2.0 */
/* Writes lines=N numbered lines as fast as the port takes them. */
#include "kernel.h"

void kmain(const struct multiboot *mb)
{
	u32 n = option(mb, "lines", 100000);

	for (u32 i = 0; i < n; i++) {
		puts("line ");
		put_number(i);
		putc('\n');
	}
	finish(0);
}
