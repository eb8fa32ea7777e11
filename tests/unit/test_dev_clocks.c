/* SPDX-License-Identifier: Apache-2.0 */
/* The 8254 and the real-time clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/device/pit.h>
#include <trivet/device/rtc.h>

#include "dev_fixture.h"

#define PIT_HZ 1193182u

struct clocks {
	struct dev_fixture f;
	struct pit *pit;
	struct rtc *rtc;
};

static int setup(void **state)
{
	static struct clocks clocks;
	struct clocks *c = &clocks;

	dev_init(&c->f, 1);
	fake.wallclock_ns = 1767225600ull * NS_PER_SEC; /* 2026-01-01 + 1000 s */
	assert_int_equal(pit_create(&c->f.vm, &c->pit), 0);
	assert_int_equal(rtc_create(&c->f.vm, GIB(5), &c->rtc), 0);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct clocks *c = *state;

	pit_destroy(c->pit);
	rtc_destroy(c->rtc);
	assert_true(timers_next(&c->f.vm) == TIMER_NEVER);
	assert_int_equal(c->f.vm.pio.count, 0);
	dev_fini(&c->f);
	return 0;
}

/* --- 8254 ------------------------------------------------------------------- */

static void pit_load(struct clocks *c, unsigned n, u8 control, u16 count)
{
	dev_outb(&c->f, 0x43, (u8)(n << 6 | 0x30 | control));
	dev_outb(&c->f, (u16)(0x40 + n), (u8)count);
	dev_outb(&c->f, (u16)(0x40 + n), (u8)(count >> 8));
}

static u16 pit_count(struct clocks *c, unsigned n)
{
	u8 low;

	dev_outb(&c->f, 0x43, (u8)(n << 6));
	low = dev_inb(&c->f, (u16)(0x40 + n));
	return (u16)(low | dev_inb(&c->f, (u16)(0x40 + n)) << 8);
}

/* Time for n ticks, rounded up. */
static u64 ticks(u64 n)
{
	return n * NS_PER_SEC / PIT_HZ + 1;
}

static void test_pit_one_shot(void **state)
{
	struct clocks *c = *state;

	pit_load(c, 0, 0, 1000);
	assert_false(dev_line(&c->f, 0));
	dev_advance(&c->f, ticks(400));
	assert_int_equal(pit_count(c, 0), 600);
	assert_false(dev_line(&c->f, 0));
	dev_advance(&c->f, ticks(600));
	assert_true(dev_line(&c->f, 0));
	assert_int_equal(c->f.lines.rises[0], 1);
	dev_advance(&c->f, ticks(100000));
	assert_int_equal(c->f.lines.rises[0], 1);
	dev_outb(&c->f, 0x43, 0xe2); /* read back the status */
	assert_int_equal(dev_inb(&c->f, 0x40), 0xb0);
	dev_outb(&c->f, 0x43, 0x30);
	dev_outb(&c->f, 0x43, 0xe2);
	assert_int_equal(dev_inb(&c->f, 0x40), 0x70); /* null count */
	assert_false(dev_line(&c->f, 0));
}

/* 1000 s of a 1000 Hz tick: not one too many or too few. */
static void test_pit_periodic(void **state)
{
	struct clocks *c = *state;
	unsigned before;

	pit_load(c, 0, 4, 1193);
	before = c->f.lines.rises[0];
	dev_advance(&c->f, 100 * NS_PER_SEC);
	assert_int_equal(c->f.lines.rises[0] - before, 100ull * PIT_HZ / 1193);
	dev_outb(&c->f, 0x43, 0x36); /* mode 3 */
	dev_outb(&c->f, 0x40, 0);
	dev_outb(&c->f, 0x40, 0); /* 65536 */
	before = c->f.lines.rises[0];
	dev_advance(&c->f, 60 * NS_PER_SEC);
	assert_int_equal(c->f.lines.rises[0] - before, 60ull * PIT_HZ / 65536);
}

static void test_pit_late_host(void **state)
{
	struct clocks *c = *state;
	unsigned before;

	pit_load(c, 0, 4, 1193);
	dev_advance(&c->f, NS_PER_SEC / 10);
	before = c->f.lines.rises[0];
	dev_jump(&c->f, NS_PER_SEC); /* a thousand ticks late */
	dev_advance(&c->f, 100000);
	assert_in_range(c->f.lines.rises[0] - before, 1, 6);
	dev_advance(&c->f, NS_PER_SEC / 10); /* and in step again */
	assert_in_range(c->f.lines.rises[0] - before, 99, 106);
	before = c->f.lines.rises[0];
	dev_jump(&c->f, 3100000); /* three late: made up for */
	dev_advance(&c->f, 6900000);
	assert_in_range(c->f.lines.rises[0] - before, 9, 11);
	pit_load(c, 0, 4, 2); /* 600 kHz: not at the host's cost */
	before = c->f.lines.rises[0];
	dev_advance(&c->f, NS_PER_SEC / 100);
	assert_in_range(c->f.lines.rises[0] - before, 50, 1000);
}

static void test_pit_strobe(void **state)
{
	struct clocks *c = *state;

	pit_load(c, 0, 8, 500); /* mode 4: Linux's one-shot */
	assert_true(dev_line(&c->f, 0));
	dev_advance(&c->f, ticks(499));
	assert_int_equal(c->f.lines.rises[0], 1); /* by the control word */
	dev_advance(&c->f, ticks(3));
	assert_int_equal(c->f.lines.rises[0], 2);
	dev_advance(&c->f, ticks(100000));
	assert_int_equal(c->f.lines.rises[0], 2);
}

static void test_pit_latches(void **state)
{
	struct clocks *c = *state;

	pit_load(c, 0, 4, 50000);
	dev_advance(&c->f, ticks(1000));
	dev_outb(&c->f, 0x43, 0);
	dev_advance(&c->f, ticks(1000));
	dev_outb(&c->f, 0x43, 0); /* a second latch is ignored */
	assert_int_equal(dev_inb(&c->f, 0x40), 49000 & 0xff);
	assert_int_equal(dev_inb(&c->f, 0x40), 49000 >> 8);
	assert_int_equal(dev_inb(&c->f, 0x40), 48000 & 0xff);
	assert_int_equal(dev_inb(&c->f, 0x40), 48000 >> 8);
	dev_outb(&c->f, 0x43, 0xc2); /* status and count */
	assert_int_equal(dev_inb(&c->f, 0x40), 0xb4);
	assert_int_equal(dev_inb(&c->f, 0x40), 48000 & 0xff);
	dev_outb(&c->f, 0x43, 0x14); /* low byte only, mode 2 */
	dev_outb(&c->f, 0x40, 100);
	dev_advance(&c->f, ticks(30));
	assert_int_equal(dev_inb(&c->f, 0x40), 70);
	assert_int_equal(dev_inb(&c->f, 0x40), 70);
	dev_outb(&c->f, 0x43, 0x31); /* BCD, mode 0 */
	dev_outb(&c->f, 0x40, 0x00);
	dev_outb(&c->f, 0x40, 0x10); /* 1000 */
	dev_advance(&c->f, ticks(1));
	assert_int_equal(pit_count(c, 0), 0x0999);
}

/* As Linux calibrates the TSC: counter 2, its gate, and its output. */
static void test_pit_port61(void **state)
{
	struct clocks *c = *state;

	dev_outb(&c->f, 0x61, 1);
	pit_load(c, 2, 0, 11931); /* 10 ms */
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x23, 1);
	dev_advance(&c->f, 9990000);
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0);
	dev_advance(&c->f, 20000);
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0x20);
	pit_load(c, 2, 0, 1000);
	dev_advance(&c->f, ticks(100));
	dev_outb(&c->f, 0x61, 0); /* the gate holds the count */
	dev_advance(&c->f, ticks(5000));
	assert_int_equal(pit_count(c, 2), 900);
	dev_outb(&c->f, 0x61, 1);
	dev_advance(&c->f, ticks(300));
	assert_in_range(pit_count(c, 2), 599, 600);
	pit_load(c, 2, 2, 1000); /* mode 1: the gate starts it */
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0x20);
	dev_outb(&c->f, 0x61, 0);
	dev_outb(&c->f, 0x61, 1);
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0);
	dev_advance(&c->f, ticks(1000));
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0x20);
	pit_load(c, 2, 6, 1000); /* mode 3: high for half, counting by two */
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0x20);
	dev_advance(&c->f, ticks(100));
	assert_int_equal(pit_count(c, 2), 800);
	dev_advance(&c->f, ticks(450));
	assert_int_equal(dev_inb(&c->f, 0x61) & 0x20, 0);
	assert_in_range(pit_count(c, 2), 898, 900);
}

static void test_pit_reset(void **state)
{
	struct clocks *c = *state;

	pit_load(c, 0, 4, 1193);
	pit_reset(c->pit);
	assert_false(dev_line(&c->f, 0));
	dev_advance(&c->f, NS_PER_SEC);
	assert_int_equal(c->f.lines.rises[0], 1);
}

/* --- RTC -------------------------------------------------------------------- */

static u8 cmos(struct clocks *c, u8 reg)
{
	dev_outb(&c->f, 0x70, reg);
	return dev_inb(&c->f, 0x71);
}

static void cmos_set(struct clocks *c, u8 reg, u8 v)
{
	dev_out(&c->f, 0x70, 2, (u32)(reg | v << 8)); /* index and data at once */
}

static void assert_date(struct clocks *c, unsigned century, unsigned year,
			unsigned month, unsigned day, unsigned hour,
			unsigned min, unsigned sec)
{
	assert_int_equal(cmos(c, 0x32), century);
	assert_int_equal(cmos(c, 9), year);
	assert_int_equal(cmos(c, 8), month);
	assert_int_equal(cmos(c, 7), day);
	assert_int_equal(cmos(c, 4), hour);
	assert_int_equal(cmos(c, 2), min);
	assert_int_equal(cmos(c, 0), sec);
}

static void test_rtc_reads_date(void **state)
{
	struct clocks *c = *state;

	assert_date(c, 0x20, 0x26, 1, 1, 0, 0x16, 0x40);
	assert_int_equal(cmos(c, 6), 5); /* a Thursday */
	dev_advance(&c->f, 31ull * 86400 * NS_PER_SEC);
	assert_date(c, 0x20, 0x26, 2, 1, 0, 0x16, 0x40);
	cmos_set(c, 0x0b, 6); /* binary */
	assert_date(c, 20, 26, 2, 1, 0, 16, 40);
	dev_advance(&c->f, 13ull * 3600 * NS_PER_SEC);
	cmos_set(c, 0x0b, 0); /* BCD, 12 hours */
	assert_int_equal(cmos(c, 4), 0x81);
	dev_advance(&c->f, 11ull * 3600 * NS_PER_SEC);
	assert_int_equal(cmos(c, 4), 0x12);
	assert_int_equal(cmos(c, 0x0d), 0x80);
	assert_int_equal(cmos(c, 0x0a) & 0x7f, 0x26);
	fake.wallclock_ns = 951782400ull * NS_PER_SEC - fake.clock_ns; /* 2000-02-29 */
	cmos_set(c, 0x0b, 2);
	assert_date(c, 0x20, 0, 2, 0x29, 0, 0, 0);
}

static void test_rtc_set_time(void **state)
{
	struct clocks *c = *state;

	cmos_set(c, 0x0b, 0x82); /* SET */
	cmos_set(c, 0x32, 0x19);
	cmos_set(c, 9, 0x99);
	cmos_set(c, 8, 0x12);
	cmos_set(c, 7, 0x31);
	cmos_set(c, 4, 0x23);
	cmos_set(c, 2, 0x59);
	cmos_set(c, 0, 0x58);
	cmos_set(c, 6, 6);
	dev_advance(&c->f, 5 * NS_PER_SEC); /* stands still */
	assert_date(c, 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);
	cmos_set(c, 0x0b, 2);
	assert_date(c, 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);
	assert_int_equal(cmos(c, 6), 6);
	dev_advance(&c->f, 2 * NS_PER_SEC);
	assert_date(c, 0x20, 0, 1, 1, 0, 0, 0);
	assert_int_equal(cmos(c, 6), 7);
	cmos_set(c, 4, 0x12); /* without SET */
	assert_date(c, 0x20, 0, 1, 1, 0x12, 0, 0);
	rtc_reset(c->rtc); /* the battery keeps it */
	assert_date(c, 0x20, 0, 1, 1, 0x12, 0, 0);
	/* nonsense in every field */
	cmos_set(c, 0x0b, 0x82);
	for (u8 reg = 0; reg < 10; reg++)
		cmos_set(c, reg, 0xff);
	cmos_set(c, 0x32, 0xff);
	cmos_set(c, 0x0b, 2);
	cmos(c, 8);
}

/* Linux sets the time half a second before it is due. */
static void test_rtc_divider(void **state)
{
	struct clocks *c = *state;
	u8 sec;

	dev_advance(&c->f, 300000000);
	cmos_set(c, 0x0a, 0x76);
	sec = cmos(c, 0);
	dev_advance(&c->f, 3 * NS_PER_SEC);
	assert_int_equal(cmos(c, 0), sec);
	cmos_set(c, 0x0a, 0x26);
	dev_advance(&c->f, 490000000);
	assert_int_equal(cmos(c, 0), sec);
	dev_advance(&c->f, 20000000);
	assert_int_equal(cmos(c, 0), sec + 1);
}

static void test_rtc_uip(void **state)
{
	struct clocks *c = *state;

	assert_int_equal(cmos(c, 0x0a), 0x26);
	dev_advance(&c->f, 999800000);
	assert_int_equal(cmos(c, 0x0a), 0xa6);
	cmos_set(c, 0x0b, 0x82);
	assert_int_equal(cmos(c, 0x0a), 0x26);
	cmos_set(c, 0x0b, 2);
	dev_advance(&c->f, 300000);
	assert_int_equal(cmos(c, 0x0a), 0x26);
}

static void test_rtc_update_interrupt(void **state)
{
	struct clocks *c = *state;

	cmos(c, 0x0c);
	dev_advance(&c->f, 3 * NS_PER_SEC);
	assert_int_equal(cmos(c, 0x0c) & 0xf0, 0x50); /* flags without interrupt */
	assert_true(timers_next(&c->f.vm) == TIMER_NEVER);
	cmos_set(c, 0x0b, 0x12);
	for (unsigned i = 1; i <= 5; i++) {
		dev_advance(&c->f, NS_PER_SEC);
		assert_int_equal(c->f.lines.rises[8], i);
		assert_true(dev_line(&c->f, 8));
		assert_int_equal(cmos(c, 0x0c) & 0xb0, 0x90);
		assert_false(dev_line(&c->f, 8));
	}
	dev_advance(&c->f, 10 * NS_PER_SEC); /* not acknowledged: one */
	assert_int_equal(c->f.lines.rises[8], 6);
	cmos_set(c, 0x0b, 2);
	assert_false(dev_line(&c->f, 8));
}

static void test_rtc_periodic(void **state)
{
	struct clocks *c = *state;
	unsigned count = 0;

	cmos_set(c, 0x0a, 0x2a); /* 64 Hz */
	cmos_set(c, 0x0b, 0x42);
	for (unsigned i = 0; i < 10000; i++) {
		dev_advance(&c->f, 1000000);
		if (dev_line(&c->f, 8)) {
			assert_int_equal(cmos(c, 0x0c) & 0xc0, 0xc0);
			count++;
		}
	}
	assert_in_range(count, 639, 641);
}

static void test_rtc_alarm(void **state)
{
	struct clocks *c = *state;

	cmos(c, 0x0c);
	cmos_set(c, 5, 0);
	cmos_set(c, 3, 0x17);
	cmos_set(c, 1, 0x05); /* now it is 0:16:40 */
	cmos_set(c, 0x0b, 0x22);
	dev_advance(&c->f, 24 * NS_PER_SEC);
	assert_false(dev_line(&c->f, 8));
	dev_advance(&c->f, NS_PER_SEC);
	assert_true(dev_line(&c->f, 8));
	assert_int_equal(cmos(c, 0x0c) & 0xa0, 0xa0);
	dev_advance(&c->f, 3600 * NS_PER_SEC);
	assert_false(dev_line(&c->f, 8));
	dev_advance(&c->f, 23ull * 3600 * NS_PER_SEC);
	assert_true(dev_line(&c->f, 8));
	cmos(c, 0x0c);
	cmos_set(c, 5, 0xff);
	cmos_set(c, 3, 0xff); /* every minute */
	dev_advance(&c->f, 59 * NS_PER_SEC);
	assert_false(dev_line(&c->f, 8));
	dev_advance(&c->f, NS_PER_SEC);
	assert_true(dev_line(&c->f, 8));
	cmos(c, 0x0c);
	cmos_set(c, 1, 0x77); /* never */
	dev_advance(&c->f, 3ull * 86400 * NS_PER_SEC);
	assert_false(dev_line(&c->f, 8));
}

static void test_rtc_nvram(void **state)
{
	struct clocks *c = *state;

	assert_int_equal(cmos(c, 0x15) | cmos(c, 0x16) << 8, 640);
	assert_int_equal(cmos(c, 0x17) | cmos(c, 0x18) << 8, 0xffff);
	assert_int_equal(cmos(c, 0x30) | cmos(c, 0x31) << 8, 0xffff);
	assert_int_equal(cmos(c, 0x34) | cmos(c, 0x35) << 8, (GIB(3) - MIB(16)) >> 16);
	assert_int_equal(cmos(c, 0x5b) | cmos(c, 0x5c) << 8 | cmos(c, 0x5d) << 16,
			 GIB(2) >> 16);
	cmos_set(c, 0x0f, 0x55);
	assert_int_equal(cmos(c, 0x8f), 0x55); /* bit 7 is the NMI mask */
	rtc_reset(c->rtc);
	assert_int_equal(cmos(c, 0x0f), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pit_one_shot), T(test_pit_periodic), T(test_pit_late_host),
		T(test_pit_strobe), T(test_pit_latches), T(test_pit_port61),
		T(test_pit_reset), T(test_rtc_reads_date), T(test_rtc_set_time),
		T(test_rtc_divider), T(test_rtc_uip), T(test_rtc_update_interrupt),
		T(test_rtc_periodic), T(test_rtc_alarm), T(test_rtc_nvram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
