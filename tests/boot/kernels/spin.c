/* SPDX-License-Identifier: Apache-2.0 */
/* Never ends: halt=1 sleeps with interrupts off, else a busy loop. */
#include "kernel.h"

void kmain(const struct multiboot *mb)
{
	puts("going on for ever\n");
	while (option(mb, "halt", 0))
		__asm__ volatile("cli; hlt");
	for (;;)
		__asm__ volatile("pause");
}
