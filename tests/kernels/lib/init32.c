/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up of the 32-bit test kernels. */
#include "lib.h"

struct pointer entry_idt_pointer;

void kernel_main(void);
void kernel_main(void)
{
	u16 iomap = 104;

	__asm__ volatile("sidt %0" : "=m"(entry_idt_pointer));
	for (unsigned v = 0; v < 256; v++)
		idt_reset(v);
	idt_set(VECTOR_LEAVE, (ulong)user_leave, SEL_CODE, 0xee, 0);
	__asm__ volatile("lidt %0" : : "m"(idt_pointer));
	memset(tss + 104, 0xff, 8192 + 1);
	memcpy(tss + 102, &iomap, 2);
	gdt_set_tss(SEL_TSS, tss, 104 + 8192);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
	serial_init();
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	test_main();
	finish();
}
