/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks agree: TSC, PM timer, 8254, RTC. ACPI 6.5 section 4.8.3.3 (PM
 * timer, 3.579545 MHz), MC146818A data sheet.
 */
#include "lib/apic.h"

#define PM_HZ 3579545u

/* The PM timer's port, from the FADT found through the RSDP; 0 if none. */
static const u8 *find_rsdp(void)
{
	for (const u8 *p = (u8 *)0xe0000; p < (u8 *)0x100000; p += 16)
		if (!memcmp(p, "RSD PTR ", 8))
			return p;
	return NULL;
}

static u8 sum(const u8 *p, u32 n)
{
	u8 s = 0;

	while (n--)
		s = (u8)(s + *p++);
	return s;
}

static const u8 *find_fadt(void)
{
	const u8 *rsdp = find_rsdp(), *root;
	u32 n;

	if (!rsdp)
		return NULL;
	check(sum(rsdp, 20) == 0, "acpi-rsdp-checksum");
	root = (const u8 *)(ulong)(rsdp[15] >= 2 ? *(u64 *)(rsdp + 24) :
				   *(u32 *)(rsdp + 16));
	n = *(u32 *)(root + 4);
	check(sum(root, n) == 0, "acpi-root-checksum");
	for (u32 at = 36; at < n; at += root[0] == 'X' ? 8 : 4) {
		const u8 *t = (const u8 *)(ulong)(root[0] == 'X' ?
			*(u64 *)(root + at) : *(u32 *)(root + at));

		if (!memcmp(t, "FACP", 4))
			return t;
	}
	return NULL;
}

/* TSC ticks per 1000 s of PM timer, over about 200 ms. */
static void test_pm_timer(u16 port)
{
	u32 a = inl(port) & 0xffffff, b;
	u64 t0 = rdtsc(), t1, khz, want = tsc_khz(), diff;

	do {
		b = inl(port) & 0xffffff;
		t1 = rdtsc();
	} while (((b - a) & 0xffffff) < PM_HZ / 5);
	khz = (t1 - t0) * (PM_HZ / 1000) / ((b - a) & 0xffffff);
	/* PM_HZ is not a multiple of 1000 */
	khz += khz * (PM_HZ % 1000) / PM_HZ;
	diff = khz > want ? khz - want : want - khz;
	check(diff * 1000 <= want, "pm-timer-agrees-with-tsc");
	if (diff * 1000 > want) {
		print("  kHz by PM timer ");
		print_dec(khz);
		print(", by CPUID or 8254 ");
		print_dec(want);
		print("\n");
	}
}

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static unsigned bcd(u8 v)
{
	return v / 16 * 10u + v % 16;
}

static void test_rtc(void)
{
	u8 b = cmos(0x0b);
	unsigned year, month, day, hour, second;
	u64 end = rdtsc() + tsc_khz() * 3000;

	while (cmos(0x0a) & 0x80 && rdtsc() < end)
		;
	check(cmos(0x0d) & 0x80, "rtc-power-good");
	check(b & 2, "rtc-24-hours");
	year = b & 4 ? cmos(9) : bcd(cmos(9));
	month = b & 4 ? cmos(8) : bcd(cmos(8));
	day = b & 4 ? cmos(7) : bcd(cmos(7));
	hour = b & 4 ? cmos(4) : bcd(cmos(4));
	check(year >= 24 && year < 90, "rtc-year");
	check(month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24,
	      "rtc-date");
	second = cmos(0);
	end = rdtsc() + tsc_khz() * 2500;
	while (cmos(0) == second && rdtsc() < end)
		;
	check(cmos(0) != second, "rtc-ticks");
}

/* Counter 0 counts at 1.193182 MHz: 40 ms of TSC against the latch. */
static void test_pit(void)
{
	u64 start, ticks, want;
	unsigned a, b;

	outb(0x43, 0x30); /* counter 0, mode 0 */
	outb(0x40, 0xff);
	outb(0x40, 0xff);
	start = rdtsc();
	outb(0x43, 0);
	a = inb(0x40);
	a |= inb(0x40) * 256u;
	while (rdtsc() - start < tsc_khz() * 40)
		;
	ticks = rdtsc() - start;
	outb(0x43, 0);
	b = inb(0x40);
	b |= inb(0x40) * 256u;
	want = ticks * 1193182 / (tsc_khz() * 1000);
	check(a > b && a - b > want * 98 / 100 && a - b < want * 102 / 100,
	      "pit-agrees-with-tsc");
}

static void test_tsc(void)
{
	u64 last = rdtsc();
	bool ok = true;

	for (int i = 0; i < 10000; i++) {
		u64 now = rdtsc();

		ok = ok && now >= last;
		last = now;
	}
	check(ok, "tsc-monotonic");
	check(cpuid(0x80000007, 0).edx & 1u << 8, "tsc-invariant");
}

void test_main(void)
{
	const u8 *fadt = find_fadt();

	check(fadt != NULL, "acpi-fadt");
	test_tsc();
	test_pit();
	if (fadt) {
		check(sum(fadt, *(u32 *)(fadt + 4)) == 0, "acpi-fadt-checksum");
		test_pm_timer((u16)*(u32 *)(fadt + 76));
	}
	test_rtc();
}
