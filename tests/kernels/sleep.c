/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI S3: the RTC's alarm wakes the machine, which goes on in real mode at the
 * FACS's waking vector with its memory as it was. ACPI 6.5, 5.2.10 and 16.1.3.
 */
#include "lib/lib.h"

#define VECTOR 0x1010u /* not page aligned: CS 101h, IP 0 */

static u8 cmos(u8 index)
{
	outb(0x70, index);
	return inb(0x71);
}

static void cmos_set(u8 index, u8 v)
{
	outb(0x70, index);
	outb(0x71, v);
}

static ulong find_rsdp(void)
{
	for (ulong a = 0xe0000; a < 0x100000; a += 16)
		if (memcmp((void *)a, "RSD PTR ", 8) == 0)
			return a;
	return 0;
}

static u32 word(ulong a)
{
	return *(volatile u32 *)a;
}

/* 0x1234 at 500h, the marker from 504h at 508h; then the value for port f4h. */
extern const u8 waking_code[], waking_code_end[];
__asm__(".section .rodata\n.code16\nwaking_code:\n"
	"	xor %ax, %ax; mov %ax, %ds\n"
	"	cmpl $0x5afe5afe, 0x504; jne 1f\n"
	"	mov $done - waking_code, %si; mov $0x3f8, %dx; mov %cs, %ax; mov %ax, %ds\n"
	"	cld\n"
	"2:	lodsb; test %al, %al; jz 3f; outb %al, %dx; jmp 2b\n"
	"3:	xor %eax, %eax; outl %eax, $0xf4\n"
	"1:	mov $7, %eax; outl %eax, $0xf4\n"
	"done:	.ascii \"PASS sleep-woken\\nDONE 3 passed, 0 failed\\n\\0\"\n"
	"waking_code_end:\n.code64\n.text\n");

void test_main(void)
{
	ulong rsdp = find_rsdp(), rsdt, fadt, facs;
	u16 event, control;

	check(rsdp, "rsdp-found");
	if (!rsdp)
		return;
	rsdt = word(rsdp + 16);
	fadt = word(rsdt + 36);
	facs = word(fadt + 36);
	event = (u16)word(fadt + 56);
	control = (u16)word(fadt + 64);
	check(memcmp((void *)facs, "FACS", 4) == 0, "facs-found");
	*(volatile u32 *)(facs + 12) = VECTOR;
	memcpy((void *)VECTOR, waking_code, (size_t)(waking_code_end - waking_code));
	*(volatile u32 *)0x504 = 0x5afe5afe;
	__asm__ volatile("outw %w0, %w1" : : "a"(0x400), "d"(event + 2));
	cmos(12);
	for (u8 n = 1; n <= 5; n += 2)
		cmos_set(n, 0xc0); /* any second, minute, hour */
	cmos_set(11, cmos(11) | 0x20);
	__asm__ volatile("outw %w0, %w1" : : "a"(0x2400), "d"(control));
	for (;;)
		*(volatile u32 *)0x504 = 0; /* the store may not happen any more */
}
