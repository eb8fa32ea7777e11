/* SPDX-License-Identifier: Apache-2.0 */
/* The battery's clock, read once: MC146818. */
#include "asm.h"
#include "x86.h"

enum { R_SEC = 0, R_MIN = 2, R_HOUR = 4, R_DAY = 7, R_MONTH = 8, R_YEAR = 9, R_A = 10, R_B = 11 };

static u8 cmos(u8 reg)
{
	outb(0x70, reg | 0x80); /* NMIs stay off for the moment: restored below */
	return inb(0x71);
}

static u32 field(u8 reg, bool bcd)
{
	u8 v = cmos(reg);

	return bcd ? (v >> 4) * 10u + (v & 15) : v;
}

/* Days from 1970-01-01; month 1 to 12. Counts years from March, so that leap days
 * come last. */
static u64 days(u32 y, u32 month, u32 day)
{
	u32 m = month < 3 ? month + 9 : month - 3;

	if (month < 3)
		y--;
	return (u64)y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

u64 rtc_read_ns(void)
{
	bool bcd = !(cmos(R_B) & 4), twelve = !(cmos(R_B) & 2);
	u32 sec, hour;
	u64 result;

	do { /* not while it counts on, and the same second twice */
		while (cmos(R_A) & 0x80)
			arch_pause();
		sec = field(R_SEC, bcd);
		hour = cmos(R_HOUR);
		if (twelve)
			hour = (bcd ? (hour >> 4 & 1) * 10 + (hour & 15) : hour & 0x7f) % 12 +
			       (hour & 0x80 ? 12 : 0);
		else
			hour = field(R_HOUR, bcd);
		result = days(2000 + field(R_YEAR, bcd), field(R_MONTH, bcd), field(R_DAY, bcd)) *
			 86400 + hour * 3600 + field(R_MIN, bcd) * 60 + sec;
	} while (sec != field(R_SEC, bcd));
	outb(0x70, 0);
	(void)inb(0x71);
	return result * NS_PER_SEC;
}
