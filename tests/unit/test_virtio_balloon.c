/* SPDX-License-Identifier: Apache-2.0 */
/* The memory balloon, from the driver's side: virtio 1.2, 5.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/virtio/balloon.h>

#include "virtio_driver.h"

#define F_STATS BIT(1)
#define F_OOM BIT(2)
#define F_REPORTING BIT(5)
#define ALL (F_STATS | F_OOM | F_REPORTING)
enum { INFLATE, DEFLATE, STATS, LINUX_REPORTING, REPORTING, QUEUES };

static struct virtio_balloon *balloon;

static int setup(void **state)
{
	(void)state;
	vd_init();
	return virtio_balloon_create(&vd.vm, vd.pci, KIB(64), &balloon);
}

static int teardown(void **state)
{
	(void)state;
	virtio_balloon_destroy(balloon);
	vd_fini();
	return 0;
}

/* Page numbers at 0x1f000, offered to a queue. */
static void give(unsigned q, const u32 *pfns, unsigned n)
{
	memcpy(vd.ram + 0x1f000, pfns, 4 * n);
	vd_add(q, 0x1f000, 4 * n, false);
	vd_notify(q);
}

static bool page_is(unsigned pfn, u8 byte)
{
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		if (vd.ram[pfn * PAGE_SIZE + i] != byte)
			return false;
	return true;
}

static void test_inflate(void **state)
{
	const u32 pages[] = { 0x30, 0x31, 0x32, 0x40, 0x3f, 0x50 };

	(void)state;
	vd_start(ALL, QUEUES);
	assert_int_equal(vd_rd(0x2000, 4), 16);
	memset(vd.ram + 0x30000, 0x5a, 0x30000);
	vd.written = 0;
	give(INFLATE, pages, 6);
	assert_int_equal(vd_used(INFLATE), 1);
	for (unsigned i = 0; i < 6; i++)
		assert_true(page_is(pages[i], 0));
	assert_true(page_is(0x33, 0x5a) && page_is(0x3e, 0x5a) && page_is(0x51, 0x5a));
	assert_int_equal(fake.discards, 3); /* neighbours went together */
	assert_true(vd.written >= 6 * PAGE_SIZE); /* decoded code there is void */
	vd_wr(0x2004, 4, 6);
	struct virtio_balloon_stats s;
	virtio_balloon_stats(balloon, &s);
	assert_int_equal(s.actual, 6 * PAGE_SIZE);
	assert_int_equal(s.target, KIB(64));
	vd_wr(0x2000, 4, 99); /* not the driver's to write */
	vd_wr(0x2004, 2, 99);
	assert_int_equal(vd_rd(0x2000, 4), 16);
	assert_int_equal(vd_rd(0x2004, 4), 6);
	give(DEFLATE, pages, 6);
	assert_int_equal(vd_used(DEFLATE), 1);
	assert_int_equal(vd_status(), 15);
}

static void test_wrong_pages(void **state)
{
	const u32 outside[] = { VD_RAM >> PAGE_SHIFT, ~0u, 0xc0000 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		vd_start(ALL, QUEUES);
		give(INFLATE, &outside[i], 1);
		assert_true(vd_status() & VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(vd_used(INFLATE), 0);
	}
	assert_int_equal(fake.discards, 0);
	vd_start(ALL, QUEUES);
	vd_add(INFLATE, 0x1f000, 6, false); /* half a number */
	vd_notify(INFLATE);
	assert_true(vd_status() & VIRTIO_STATUS_NEEDS_RESET);
}

static void report(unsigned q, u64 addr, u32 len)
{
	vd_add(q, addr, len, true);
	vd_notify(q);
}

/* Linux numbers the queue without what it did not negotiate, the text from 4. */
static void test_reporting(void **state)
{
	struct virtio_balloon_stats s;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		unsigned q = i == 0 ? LINUX_REPORTING : i == 1 ? REPORTING : STATS;

		vd_start(i == 2 ? F_REPORTING : ALL, QUEUES);
		memset(vd.ram + 0x30000, 0x5a, 0x10000);
		report(q, 0x30000, 0x4000);
		report(q, 0x38100, 0x2000); /* one whole page in it */
		report(q, 0x3e001, 0xffe);  /* none */
		assert_int_equal(vd_used(q), 3);
		assert_true(page_is(0x30, 0) && page_is(0x33, 0) && page_is(0x39, 0));
		assert_true(page_is(0x34, 0x5a) && page_is(0x38, 0x5a) &&
			    page_is(0x3a, 0x5a) && page_is(0x3e, 0x5a));
		virtio_balloon_stats(balloon, &s);
		assert_int_equal(s.reported, (i + 1) * 5 * PAGE_SIZE);
	}
	vd_start(F_STATS, QUEUES); /* not negotiated: nobody looks */
	memset(vd.ram + 0x30000, 0x5a, 0x10000);
	report(LINUX_REPORTING, 0x30000, 0x4000);
	assert_true(page_is(0x30, 0x5a));
}

static void put_stat(unsigned i, u16 tag, u64 value)
{
	put_le16(vd.ram + 0x1f000 + 10 * i, tag);
	put_le64(vd.ram + 0x1f000 + 10 * i + 2, value);
}

static void test_stats(void **state)
{
	struct virtio_balloon_stats s;

	(void)state;
	vd_start(ALL, QUEUES);
	put_stat(0, 4, 1000);
	put_stat(1, 5, 2000);
	put_stat(2, 999, 3); /* a tag of the future */
	vd_add(STATS, 0x1f000, 35, false); /* and half a one */
	vd_notify(STATS);
	virtio_balloon_stats(balloon, &s);
	assert_true(s.free == 1000 && s.total == 2000);
	assert_true(s.available == VIRTIO_BALLOON_UNKNOWN);
	/* asked again in a while: the buffer comes back, and is filled anew */
	assert_int_equal(vd_used(STATS), 0);
	fake.clock_ns += 60 * NS_PER_SEC;
	timers_run(&vd.vm);
	assert_int_equal(vd_used(STATS), 1);
	put_stat(0, 4, 500);
	vd_add(STATS, 0x1f000, 10, false);
	vd_notify(STATS);
	virtio_balloon_stats(balloon, &s);
	assert_true(s.free == 500 && s.total == 2000);
	vd_wr(0x14, 1, 0);
	virtio_balloon_stats(balloon, &s);
	assert_int_equal(s.free, 500); /* for the operator's last look */
	assert_null(vd.vm.timers);
}

static void test_target(void **state)
{
	u8 generation;

	(void)state;
	virtio_balloon_target(balloon, KIB(8));
	vd_start(ALL, QUEUES);
	assert_int_equal(vd_rd(0x2000, 4), 2);
	vd_isr();
	generation = (u8)vd_rd(0x15, 1);
	virtio_balloon_target(balloon, KIB(16));
	assert_int_equal(vd_isr(), 2);
	assert_int_not_equal(vd_rd(0x15, 1), generation);
	assert_int_equal(vd_rd(0x2000, 4), 4);
	virtio_balloon_reset(balloon);
	assert_int_equal(vd_rd(0x2000, 4), 4); /* the wish stays */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_inflate), T(test_wrong_pages), T(test_reporting), T(test_stats),
		T(test_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
