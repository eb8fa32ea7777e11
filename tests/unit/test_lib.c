/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting, errors and arithmetic: against libc's own answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <trivet/bits.h>
#include <trivet/error.h>
#include <trivet/fmt.h>

#define SAME(...)                                                             \
	do {                                                                  \
		char a_[256], b_[256];                                        \
		int n_ = snprintf(a_, sizeof a_, __VA_ARGS__);                \
		assert_int_equal(fmt_snprintf(b_, sizeof b_, __VA_ARGS__), n_); \
		assert_string_equal(b_, a_);                                  \
	} while (0)

static void test_integers(void **state)
{
	static const s64 values[] = { 0, 1, -1, 42, INT32_MIN, INT32_MAX,
				      INT64_MIN, INT64_MAX, 0x123456789abcdef };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long v = values[i];
		int w = (int)v;

		SAME("%d|%i|%u|%x|%X", w, w, (unsigned)w, (unsigned)w, (unsigned)w);
		SAME("%ld|%lu|%lx|%llX|%zu", v, (unsigned long)v, (unsigned long)v,
		     (unsigned long long)v, (size_t)v);
		SAME("%#x|%#lx|%#X|%td", (unsigned)w, (unsigned long)v, (unsigned)w,
		     (ptrdiff_t)v);
		SAME("%20ld|%-20ld|%020ld|%.5d|%10.5d|%-10.5d", v, v, v, w,
		     w, w);
		SAME("%016lx|%#018lx|%#-12x|%8.4x", (unsigned long)v,
		     (unsigned long)v, (unsigned)w, (unsigned)w);
	}
	SAME("%hhu %hhd %hu %hd", (unsigned char)0xfe, (signed char)-3,
	     (unsigned short)0xfedc, (short)-7);
	SAME("%.0d|%.0x|%5.0u", 0, 0u, 0u);
	SAME("%*d|%-*d|%*d|%.*d|%.*d", 7, 1, 7, 2, -7, 3, 4, 5, -1, 6);
}

static void test_text(void **state)
{
	(void)state;
	SAME("%s|%10s|%-10s|%.2s|%10.2s|%.*s", "abc", "abc", "abc", "abc", "abc", 1, "abc");
	SAME("%c%5c%-5c|%%|100%%", 'x', 'y', 'z');
	SAME("%p", (void *)0x1234);
	SAME("%s", "");
	/* Precision may be all that ends the string. */
	char raw[3] = { 'a', 'b', 'c' };
	char buf[16];
	assert_int_equal(fmt_snprintf(buf, sizeof buf, "%.3s", raw), 3);
	assert_string_equal(buf, "abc");
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
static void test_unknown_conversions(void **state)
{
	char buf[32];
	const char *volatile none = NULL;

	(void)state;
	assert_int_equal(fmt_snprintf(buf, sizeof buf, "%s", none), 6);
	assert_string_equal(buf, "(null)");
	fmt_snprintf(buf, sizeof buf, "a%yb");
	assert_string_equal(buf, "a%yb");
	fmt_snprintf(buf, sizeof buf, "tail%");
	assert_string_equal(buf, "tail%");
	fmt_snprintf(buf, sizeof buf, "tail%-08l");
	assert_string_equal(buf, "tail%-08l");
}
#pragma GCC diagnostic pop

static void test_truncation(void **state)
{
	char buf[8] = "zzzzzzz";

	(void)state;
	assert_int_equal(fmt_snprintf(buf, 4, "%s", "abcdef"), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(buf[4], 'z');
	assert_int_equal(fmt_snprintf(buf, 1, "%d", 12), 2);
	assert_string_equal(buf, "");
	assert_int_equal(fmt_snprintf(NULL, 0, "%d", 123), 3);
	assert_int_equal(fmt_snprintf(buf, sizeof buf, "%*d", 1000000000, 1), 4096);
}

static void test_error_set(void **state)
{
	struct error err;
	char longtext[600];

	(void)state;
	assert_int_equal(error_set(&err, -EINVAL, "%s: %u", "name", 7u), -EINVAL);
	assert_string_equal(err.msg, "name: 7");
	assert_int_equal(error_set(NULL, -ENOMEM, "%s", "nobody reads"), -ENOMEM);
	memset(longtext, 'x', sizeof longtext - 1);
	longtext[sizeof longtext - 1] = '\0';
	error_set(&err, -EINVAL, "%s", longtext);
	assert_int_equal(strlen(err.msg), sizeof err.msg - 1);
}

static void test_bits(void **state)
{
	u64 out;

	(void)state;
	assert_int_equal(bits_get(0xabcd, 4, 11), 0xbc);
	assert_int_equal(bits_get(~(u64)0, 0, 63), ~(u64)0);
	assert_int_equal(bits_mask(0), 0);
	assert_int_equal(bits_mask(64), ~(u64)0);
	assert_int_equal(bits_sign_extend(0x80, 8), (u64)-128);
	assert_int_equal(align_up(0x1001, 0x1000), 0x2000);
	assert_int_equal(align_down(0x1fff, 0x1000), 0x1000);
	assert_true(add_overflows(~(u64)0, 1, &out));
	assert_false(add_overflows(1, 2, &out));
	assert_true(mul_overflows(BIT(63), 2, &out));
	assert_true(range_within(10, 5, 10, 5));
	assert_false(range_within(10, 6, 10, 5));
	assert_false(range_within(9, 1, 10, 5));
	assert_false(range_within(12, ~(u64)0, 10, 5));
	assert_true(range_within(15, 0, 10, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_unknown_conversions),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_error_set),
		cmocka_unit_test(test_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
