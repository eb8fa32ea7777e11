/* SPDX-License-Identifier: Apache-2.0 */
/* What the engines on a processor's own virtualization keep of address space numbers. */
// LIBS: build/obj/asan/src/engine/hw/tags.c.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <trivet/hw.h>
#include <trivet/metal.h>

static unsigned here;

unsigned metal_cpu_index(void)
{
	return here;
}

/* Tags 1 to 3. */
static struct hw_tags few;
static struct hw_vcpu a, b;

static int set_up(void **state)
{
	(void)state;
	here = 0;
	hw_tags_init(&few, 4);
	a = b = (struct hw_vcpu){ .flush = 1 };
	return 0;
}

static void test_each_has_its_own(void **state)
{
	(void)state;
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_NEW);
	assert_int_equal(hw_tag_take(&b, &few), HW_TAG_NEW);
	assert_int_not_equal(a.tag, b.tag);
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_KEPT);
	a.flush = 1;
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_NEW);
	assert_int_equal(a.flush, 0);
}

static void test_another_processor_s_is_no_good(void **state)
{
	(void)state;
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_NEW);
	here = 1;
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_NEW);
}

static void wrap(void)
{
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(hw_tag_take(&a, &few), HW_TAG_NEW);
		a.flush = 1;
	}
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_WRAPPED);
}

/* Who learnt of it was called away before the entry: the next must flush, whoever it is. */
static void test_a_flush_is_owed_until_it_was_done(void **state)
{
	(void)state;
	wrap();
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_WRAPPED);
	assert_int_equal(hw_tag_take(&b, &few), HW_TAG_WRAPPED);
	hw_tags_flushed(&few);
	assert_int_equal(hw_tag_take(&a, &few), HW_TAG_KEPT);
	assert_int_equal(hw_tag_take(&b, &few), HW_TAG_KEPT);
}

#define T(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_each_has_its_own),
		T(test_another_processor_s_is_no_good),
		T(test_a_flush_is_owed_until_it_was_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
