/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the TSC runs: measured by the PM timer or the PIT, and CPUID's word taken
 * when it agrees. */
#include "asm.h"
#include "x86.h"

#define PM_HZ 3579545u
#define PIT_HZ 1193182u
#define TRIES 5

struct reading {
	u64 tsc;
	u32 pm;
	u64 width; /* how long the reading took */
};

/* The PM timer with the TSC around it: the closest of a few. */
static struct reading read_both(u16 port)
{
	struct reading best = { .width = ~(u64)0 };

	for (unsigned i = 0; i < TRIES; i++) {
		u64 before = rdtsc();
		u32 pm = inl(port) & 0xffffff; /* 24 bits are always there */
		u64 after = rdtsc();

		if (after - before < best.width)
			best = (struct reading){ before + (after - before) / 2, pm,
						 after - before };
	}
	return best;
}

static u64 by_pm_timer(u16 port)
{
	struct reading from = read_both(port), to;
	u32 ticks;

	for (unsigned wait = 0; wait < 100000000; wait++) {
		ticks = (inl(port) - from.pm) & 0xffffff;
		if (ticks >= PM_HZ / 20) /* 50 ms */
			break;
	}
	to = read_both(port);
	ticks = (to.pm - from.pm) & 0xffffff;
	return ticks >= PM_HZ / 20 ? mul_div(to.tsc - from.tsc, PM_HZ, ticks) : 0;
}

/* Channel 2 in mode 0, its gate and output at port 61h. */
static u64 by_pit(void)
{
	const u16 count = 59659; /* 50 ms */
	u8 old = inb(0x61);
	u64 from, to;

	outb(0x61, (u8)((old & ~2) | 1));
	outb(0x43, 0xb0);
	outb(0x42, (u8)count);
	outb(0x42, (u8)(count >> 8));
	from = rdtsc();
	for (unsigned wait = 0; wait < 100000000 && !(inb(0x61) & 0x20); wait++)
		;
	to = rdtsc();
	outb(0x61, old);
	return mul_div(to - from, PIT_HZ, count);
}

/* Leaf 15h: TSC = crystal * EBX / EAX. 0 when it does not say. */
static u64 by_cpuid(void)
{
	struct cpuid_out v;

	if (cpuid(0, 0).a < 0x15)
		return 0;
	v = cpuid(0x15, 0);
	return v.a && v.b && v.c ? mul_div(v.c, v.b, v.a) : 0;
}

static bool agree(u64 a, u64 b)
{
	u64 d = a > b ? a - b : b - a;

	return d < a / 100;
}

u64 tsc_measure(const struct acpi_info *a, const char **how)
{
	u64 measured = a->pm_timer ? by_pm_timer(a->pm_timer) : 0, said = by_cpuid();

	*how = "the ACPI PM timer";
	if (!measured) {
		*how = "the PIT";
		measured = by_pit();
	}
	if (said && agree(said, measured)) {
		*how = "CPUID";
		return said;
	}
	return measured;
}
