/* SPDX-License-Identifier: Apache-2.0 */
/* The rate of the TSC. */
#include "apic.h"

static u64 khz;

/* 50 ms of the 8254's counter 2, gated by port 61h. 8254 data sheet, mode 0. */
static u64 measure(void)
{
	u16 count = 59659;
	u64 start;

	outb(0x61, (u8)((inb(0x61) & ~2u) | 1u));
	outb(0x43, 0xb0);
	outb(0x42, (u8)count);
	outb(0x42, (u8)(count >> 8));
	start = rdtsc();
	while (!(inb(0x61) & 0x20))
		;
	return (rdtsc() - start) / 50;
}

u64 tsc_khz(void)
{
	struct cpuid r = { 0, 0, 0, 0 };

	if (khz)
		return khz;
	if (cpuid(0, 0).eax >= 0x15)
		r = cpuid(0x15, 0);
	khz = r.eax && r.ebx && r.ecx ? (u64)r.ecx * r.ebx / r.eax / 1000 : measure();
	return khz;
}
