/* SPDX-License-Identifier: Apache-2.0 */
/* Time from the counter. */
#include <trivet/bits.h>

#include "metal.h"

void clock_init(struct metal *m, u64 counter_hz)
{
	m->counter_hz = counter_hz;
	m->counter_base = arch_counter();
	m->ns_mult = mul_div(NS_PER_SEC, BIT(32), counter_hz);
}

u64 platform_clock_ns(void)
{
	const struct metal *m = cpu_this()->metal;
	u64 ticks = arch_counter() - m->counter_base;

	return (u64)((unsigned __int128)ticks * m->ns_mult >> 32);
}

u64 platform_wallclock_ns(void)
{
	return arch_boot_wallclock_ns() + platform_clock_ns();
}

u64 platform_counter(void)
{
	return arch_counter();
}

u64 platform_counter_hz(void)
{
	return cpu_this()->metal->counter_hz;
}
