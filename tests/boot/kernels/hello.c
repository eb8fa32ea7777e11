/* SPDX-License-Identifier: Apache-2.0 */
/* Says what the loader gave it, then ends with exit=N of the command line. */
#include "kernel.h"

void kmain(const struct multiboot *mb)
{
	const struct module *m = (const struct module *)mb->mods_addr;

	puts("hello from a multiboot kernel\n");
	if (mb->flags & 4) {
		puts("cmdline: ");
		puts((const char *)mb->cmdline);
		putc('\n');
	}
	puts("mem_upper: ");
	put_number(mb->mem_upper);
	putc('\n');
	if ((mb->flags & 8) && mb->mods_count == 1) {
		puts("module: ");
		for (const char *p = (const char *)m->start; p != (const char *)m->end; p++)
			putc(*p);
		putc('\n');
	}
	finish(option(mb, "exit", 0));
}
