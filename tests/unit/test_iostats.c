/* SPDX-License-Identifier: Apache-2.0 */
/* Histograms of latencies: bounds, quantiles, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <trivet/iostats.h>
#include <trivet/vm.h>

#include "fake_platform.h"

static void test_buckets(void **state)
{
	unsigned last = 0;

	(void)state;
	for (u64 ns = 0; ns < 100000; ns++) {
		unsigned b = io_hist_bucket(ns);

		assert_in_range(b, last, last + 1); /* no gap, no step back */
		last = b;
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		assert_in_range(io_hist_bucket((u64)1 << bit), 0, IO_HIST_BUCKETS - 1);
		assert_in_range(io_hist_bucket(((u64)2 << bit) - 1), 0, IO_HIST_BUCKETS - 1);
	}
	assert_int_equal(io_hist_bucket(((u64)1 << IO_HIST_OCTAVES) - 1), IO_HIST_BUCKETS - 1);
	assert_int_equal(io_hist_bucket(~(u64)0), IO_HIST_BUCKETS - 1);
}

/* What a quantile says is at most an eighth above the truth, and never below. */
static void test_quantiles(void **state)
{
	static const unsigned asked[] = { 1, 10, 500, 900, 990, 999, 1000 };
	struct io_stats s = { 0 };

	(void)state;
	for (u64 i = 1; i <= 10000; i++)
		io_stats_record(&s, i * 100, 512, true);
	for (unsigned i = 0; i < ARRAY_SIZE(asked); i++) {
		u64 truth = (u64)asked[i] * 1000;

		assert_in_range(io_stats_quantile(&s, asked[i]), truth, truth + truth / 8);
	}
	assert_int_equal(io_stats_quantile(&s, 1000), 1000000);
	assert_int_equal(s.max_ns, 1000000);
	assert_int_equal(s.bytes, 5120000);
	assert_int_equal(s.total_ns, 100ull * 10000 * 10001 / 2);
}

static void test_few(void **state)
{
	struct io_stats s = { 0 };

	(void)state;
	assert_int_equal(io_stats_quantile(&s, 990), 0);
	io_stats_record(&s, 12345, 4096, true);
	assert_int_equal(io_stats_quantile(&s, 500), 12345);
	assert_int_equal(io_stats_quantile(&s, 990), 12345);
	/* beyond the last bucket: the maximum is still right */
	io_stats_record(&s, (u64)1 << 50, 0, true);
	assert_int_equal(io_stats_quantile(&s, 1000), (u64)1 << 50);
	assert_int_equal(io_stats_quantile(&s, 0), io_stats_quantile(&s, 1));
}

static void test_counts(void **state)
{
	struct io_stats s = { 0 };

	(void)state;
	io_stats_record(&s, 0, 4096, true);
	io_stats_record(&s, 5, 4096, false);
	io_stats_count(&s, 100, true);
	assert_int_equal(s.count, 3);
	assert_int_equal(s.errors, 1);
	assert_int_equal(s.bytes, 4196);
	assert_int_equal(s.timed, 2);
	assert_int_equal(io_stats_quantile(&s, 500), 0);
	assert_int_equal(io_stats_quantile(&s, 1000), 5);
}

static void test_groups(void **state)
{
	struct vm vm = { 0 };
	struct io_group g[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		vm_io_add(&vm, &g[i]);
	assert_ptr_equal(vm.io, &g[0]);
	assert_ptr_equal(g[0].next, &g[1]);
	vm_io_remove(&vm, &g[1]);
	vm_io_remove(&vm, &g[1]);
	assert_ptr_equal(g[0].next, &g[2]);
	vm_io_remove(&vm, &g[0]);
	vm_io_remove(&vm, &g[2]);
	assert_null(vm.io);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),	  cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_few),	  cmocka_unit_test(test_counts),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
