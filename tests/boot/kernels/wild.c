/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes random values of random sizes to every port and every device register,
 * in random order: rounds=N passes with seed=S. careful=1 leaves out what ends or
 * resets the machine, or sends this CPU an NMI or INIT, so that the kernel reaches
 * its own end.
 */
#include "kernel.h"

static int ends_machine(u16 port)
{
	return (port >= 0xf0 && port <= 0xf8) || (port >= 0x5f8 && port <= 0x60f) ||
	       (port >= 0xcf0 && port <= 0xcff) || (port >= 0x88f8 && port <= 0x8908) ||
	       port == 0x64 || port == 0x92 || (port >= 0x5d && port <= 0x64);
}

/* The interrupt command and local vectors, and the I/O APIC's data window. */
static int interrupts_cpu(u32 at)
{
	return (at >= 0xfee002e8 && at <= 0xfee0037f) || (at >= 0xfee003e0 && at < 0xfee00400) ||
	       (at >= 0xfec00000 && at < 0xfec01000);
}

static void wild_port(u64 *seed, int careful)
{
	u16 port = (u16)random_next(seed);
	u32 value = random_next(seed);

	if (careful && ends_machine(port))
		return;
	switch (random_next(seed) % 6) {
	case 0: outb(port, (u8)value); break;
	case 1: outw(port, (u16)value); break;
	case 2: outl(port, value); break;
	case 3: (void)inb(port); break;
	case 4: (void)inl(port); break;
	default:
		if (!careful) {
			u32 count = value & 15;
			const char *p = "0123456789abcdef";

			__asm__ volatile("rep outsb" : "+S"(p), "+c"(count) : "d"(port));
		}
	}
}

/* I/O APIC, local APIC, the test device, and holes between them. */
static const u32 windows[] = { 0xfec00000, 0xfee00000, 0xff000000, 0xfed00000,
			       0xfffff000, 0xe0000000 };

static void wild_memory(u64 *seed, int careful)
{
	u32 base = windows[random_next(seed) % (sizeof windows / sizeof *windows)];
	u32 at = base + (random_next(seed) & 0xfff);
	u32 value = random_next(seed);

	/* mostly aligned registers with small values, as devices know them */
	if (value & 0x80000000)
		at &= ~15u;
	if (value & 0x40000000)
		value &= 0xff;
	if (careful && interrupts_cpu(at))
		return;
	switch (random_next(seed) % 5) {
	case 0: *(volatile u8 *)at = (u8)value; break;
	case 1: *(volatile u16 *)at = (u16)value; break;
	case 2: *(volatile u32 *)at = value; break;
	case 3: (void)*(volatile u32 *)at; break;
	default: *(volatile u64 *)at = (u64)value << 32 | value; break;
	}
}

/* Every port once, in order, every size: what random numbers would miss. */
static void sweep_ports(u64 *seed, int careful)
{
	for (u32 port = 0; port < 0x10000; port++) {
		if (careful && ends_machine((u16)port))
			continue;
		outb((u16)port, (u8)random_next(seed));
		(void)inb((u16)port);
		if (port % 7 == 0)
			outl((u16)port, random_next(seed));
	}
}

static void sweep_memory(u64 *seed, int careful)
{
	for (u32 w = 0; w < 3; w++)
		for (u32 at = windows[w]; at < windows[w] + 0x1000; at += 4) {
			if (!careful || !interrupts_cpu(at))
				*(volatile u32 *)at = random_next(seed);
			(void)*(volatile u32 *)at;
		}
}

void kmain(const struct multiboot *mb)
{
	u64 seed = 0x9e3779b97f4a7c15ull ^ option(mb, "seed", 1);
	u32 rounds = option(mb, "rounds", 20000);
	int careful = (int)option(mb, "careful", 0);

	for (u32 i = 0; i < rounds; i++) {
		wild_port(&seed, careful);
		wild_memory(&seed, careful);
	}
	sweep_memory(&seed, careful);
	sweep_ports(&seed, careful);
	sweep_memory(&seed, careful);
	finish(5);
}
