/* SPDX-License-Identifier: Apache-2.0 */
/* No interrupt table, then an exception: a triple fault. */
#include "kernel.h"

void kmain(const struct multiboot *mb)
{
	static const struct __attribute__((packed)) {
		u16 limit;
		u32 base;
	} none;

	(void)mb;
	puts("about to fault\n");
	__asm__ volatile("lidt %0; movl $0x12345678, %%eax; ud2" : : "m"(none));
}
