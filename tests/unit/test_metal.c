/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the bare-metal program that are no processor's: page allocator, heap,
 * command line. */
// LIBS: build/obj/asan/src/metal/common/pages.c.o build/obj/asan/src/metal/common/heap.c.o build/obj/asan/src/metal/common/options.c.o build/obj/asan/libtrivet.a
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/metal/common/heap.h"
#include "../../src/metal/common/options.h"
#include "../../src/metal/common/pages.h"

#define ARENA MIB(8)

struct fixture {
	u8 *arena;
	u64 bitmap[ARENA / PAGE_SIZE / 64];
	struct pages pages;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->arena = aligned_alloc(MIB(2), ARENA);
	memset(f->arena, 0xaa, ARENA);
	pages_init(&f->pages, f->bitmap, (uintptr_t)f->arena / PAGE_SIZE, ARENA / PAGE_SIZE);
	pages_release(&f->pages, (uintptr_t)f->arena, ARENA);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	free(f->arena);
	free(f);
	return 0;
}

static bool all_zero(u64 base, u64 size)
{
	const u8 *p = (const u8 *)(uintptr_t)base;

	for (u64 i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void test_pages_are_zero_and_wiped(void **state)
{
	struct fixture *f = *state;
	u64 all = f->pages.free, a = pages_alloc(&f->pages, 3 * PAGE_SIZE);

	assert_int_not_equal(a, 0);
	assert_true(all_zero(a, 3 * PAGE_SIZE));
	assert_int_equal(f->pages.free, all - 3);
	memset((void *)(uintptr_t)a, 0x5a, 3 * PAGE_SIZE);
	pages_free(&f->pages, a, 3 * PAGE_SIZE);
	assert_true(all_zero(a, 3 * PAGE_SIZE));
	assert_int_equal(f->pages.free, all);
	assert_int_equal(pages_alloc(&f->pages, PAGE_SIZE), a);
}

/* Guest RAM ends on 2 MiB, so that 1 MiB..n MiB maps in large pages. */
static void test_large_runs_end_on_2m(void **state)
{
	struct fixture *f = *state;
	u64 a = pages_alloc(&f->pages, MIB(3));

	assert_int_not_equal(a, 0);
	assert_int_equal((a + MIB(3)) % MIB(2), 0);
	assert_int_equal(pages_alloc(&f->pages, MIB(6)), 0);
	pages_free(&f->pages, a, MIB(3));
	assert_int_not_equal(pages_alloc(&f->pages, ARENA), 0);
	assert_int_equal(f->pages.free, 0);
	assert_int_equal(pages_alloc(&f->pages, 1), 0);
}

static void test_reserved_pages_stay_out(void **state)
{
	struct fixture *f = *state;
	u64 base = (uintptr_t)f->arena, got;

	pages_reserve(&f->pages, base + PAGE_SIZE / 2, PAGE_SIZE); /* touches two */
	assert_int_equal(f->pages.free, ARENA / PAGE_SIZE - 2);
	while ((got = pages_alloc(&f->pages, PAGE_SIZE)) != 0)
		assert_true(got >= base + 2 * PAGE_SIZE);
	/* nothing beyond the ends, nor twice */
	pages_reserve(&f->pages, base, ARENA + MIB(1));
	assert_int_equal(f->pages.free, 0);
	pages_release(&f->pages, base - MIB(1), MIB(1));
	assert_int_equal(f->pages.free, 0);
	assert_int_equal(pages_alloc(&f->pages, ~(u64)0), 0);
}

static void test_heap_gives_back_all(void **state)
{
	struct fixture *f = *state;
	static const u64 sizes[] = { 1, 64, 65, 500, 2048, 2049, 10000, MIB(1) };
	void *p[ARRAY_SIZE(sizes)];
	struct heap h;
	u64 left;

	heap_init(&h, &f->pages);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			p[i] = heap_alloc(&h, sizes[i]);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t)p[i] % 64, 0);
			assert_true(all_zero((uintptr_t)p[i], sizes[i]));
			memset(p[i], 0xff, sizes[i]);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
			heap_free(&h, p[i], sizes[i]);
		if (round == 0)
			left = f->pages.free;
		assert_int_equal(f->pages.free, left);
	}
	heap_free(&h, NULL, 64);
	assert_null(heap_alloc(&h, ARENA * 2));
}

static void test_options(void **state)
{
	struct error err = { "" };
	struct options o;

	(void)state;
	assert_int_equal(options_parse(&o, "", &err), 0);
	assert_int_equal(o.cpus, 1);
	assert_string_equal(o.guest, "");
	assert_int_equal(options_parse(&o, " memory=1G  cpus=4 log=debug -- a=b  c ", &err), 0);
	assert_int_equal(o.memory, GIB(1));
	assert_int_equal(o.cpus, 4);
	assert_int_equal(o.log, LOG_DEBUG);
	assert_string_equal(o.guest, "a=b  c ");
}

static void test_options_bad(void **state)
{
	static const char *const bad[] = {
		"memory=", "memory=1T", "memory=99999999999999999999", "memory=1MM", "cpus=0",
		"cpus=33", "cpus=x", "cpus", "log=loud", "=", "--x", "quiet",
		"memory=9007199254740993K",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = { "" };
		struct options o;

		if (options_parse(&o, bad[i], &err) != -EINVAL)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(err.msg, bad[i]));
		assert_non_null(strstr(err.msg, "expected"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages_are_zero_and_wiped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large_runs_end_on_2m, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reserved_pages_stay_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_heap_gives_back_all, set_up, tear_down),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
