/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes the serial port in brackets; '.' ends it, '!' resets the machine. */
#include "kernel.h"

void kmain(const struct multiboot *mb)
{
	(void)mb;
	puts("ready\n");
	for (;;) {
		char c;

		while (!(inb(0x3fd) & 1))
			__asm__ volatile("pause");
		c = (char)inb(0x3f8);
		putc('<');
		putc(c);
		putc('>');
		if (c == '.')
			finish(7);
		if (c == '!')
			outb(0xcf9, 6);
	}
}
