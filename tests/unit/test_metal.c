/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the bare-metal program that are no processor's: page allocator, heap,
 * command line. */
// LIBS: build/obj/asan/src/metal/common/pages.c.o build/obj/asan/src/metal/common/heap.c.o build/obj/asan/src/metal/common/options.c.o build/obj/asan/src/metal/common/bundle.c.o build/obj/asan/src/metal/common/ramdisk.c.o build/obj/asan/libtrivet.a
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <trivet/bits.h>

#include "../../src/metal/common/bundle.h"
#include "../../src/metal/common/heap.h"
#include "../../src/metal/common/options.h"
#include "../../src/metal/common/pages.h"
#include "../../src/metal/common/ramdisk.h"

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

/* --- bundles --------------------------------------------------------------------- */

static struct bundle *good_bundle(u64 *size)
{
	struct bundle *b;

	*size = align_up(sizeof *b, 4096) + 3 * 4096;
	b = calloc(1, *size);
	memcpy(b->magic, BUNDLE_MAGIC, 8);
	b->version = BUNDLE_VERSION;
	b->size = *size;
	b->vm_count = 1;
	strcpy(b->vms[0].name, "a");
	b->vms[0].weight = 1;
	b->vms[0].net_count = 1;
	strcpy(b->vms[0].nets[0].sw, "lan-1");
	b->vms[0].kernel = (struct bundle_part){ align_up(sizeof *b, 4096), 4096 };
	b->vms[0].disk_count = 1;
	b->vms[0].disks[0].part = (struct bundle_part){ align_up(sizeof *b, 4096) + 4096, 8192 };
	return b;
}

static void test_bundle_good(void **state)
{
	struct error err = { "" };
	u64 size;
	struct bundle *b = good_bundle(&size);

	(void)state;
	assert_int_equal(bundle_check(b, size, &err), 0);
	assert_int_equal(bundle_check(b, size - 1, &err), -EINVAL);
	assert_int_equal(bundle_check(b, 8, &err), -EINVAL);
	assert_int_equal(bundle_check(b, 0, &err), -EINVAL);
	assert_false(bundle_is("TRIVET", 6));
	free(b);
}

static void damage(struct bundle *b, unsigned how)
{
	struct bundle_vm *vm = &b->vms[0];

	switch (how) {
	case 0: b->version++; break;
	case 1: b->vm_count = 0; break;
	case 2: b->vm_count = BUNDLE_MAX_VMS + 1; break;
	case 3: memset(vm->name, 'x', sizeof vm->name); break;
	case 4: memset(vm->append, 'x', sizeof vm->append); break;
	case 5: memset(vm->cpu_model, 'x', sizeof vm->cpu_model); break;
	case 6: vm->kernel.size = 0; break;
	case 7: vm->kernel.offset = 0; break;
	case 8: vm->kernel.offset = ~(u64)4095; break;
	case 9: vm->initrd = (struct bundle_part){ b->size, 1 }; break;
	case 10: vm->disk_count = BUNDLE_MAX_DISKS + 1; break;
	case 11: vm->disks[0].part.size = 8193; break;
	case 12: vm->disks[0].part.size = 8192 + 512; break;
	case 13: vm->disks[0].part.size = 0; break;
	case 14: vm->kernel.offset += 8; break;
	case 15: vm->name[0] = 0; break;
	case 16: vm->flags = 0x80; break;
	case 17: vm->weight = 0; break;
	case 18: vm->weight = BUNDLE_MAX_WEIGHT + 1; break;
	case 19: vm->net_count = BUNDLE_MAX_NETS + 1; break;
	case 20: vm->net_count = 2; break; /* the second has no switch's name */
	case 21: memset(vm->nets[0].sw, 'x', sizeof vm->nets[0].sw); break;
	case 22: vm->nets[0].sw[0] = '\n'; break;
	case 23: vm->nets[0].mac[0] = 1; break;
	default: b->vm_count = 2; /* the second is all zeroes */
	}
}

/* One bit wrong anywhere, or an end anywhere: an answer, from these bytes alone. */
static void test_bundle_bits_and_ends(void **state)
{
	struct error err = { "" };
	unsigned refused = 0;
	u64 size;
	struct bundle *b = good_bundle(&size);

	(void)state;
	for (u64 bit = 0; bit < 8 * (sizeof *b - (BUNDLE_MAX_VMS - 2) * sizeof *b->vms); bit++) {
		((u8 *)b)[bit / 8] ^= (u8)(1u << bit % 8);
		refused += bundle_check(b, size, &err) != 0;
		((u8 *)b)[bit / 8] ^= (u8)(1u << bit % 8);
	}
	/* magic, version, count, size, flags, offsets and sizes, ... */
	assert_true(refused > 300);
	for (u64 end = 0; end < size; end += end < 128 ? 1 : 511) {
		u8 *cut = malloc(end ? end : 1);

		memcpy(cut, b, end);
		assert_int_equal(bundle_check(cut, end, &err), -EINVAL);
		free(cut);
	}
	free(b);
}

static void test_bundle_damaged(void **state)
{
	(void)state;
	for (unsigned how = 0; how <= 24; how++) {
		struct error err = { "" };
		u64 size;
		struct bundle *b = good_bundle(&size);

		damage(b, how);
		if (bundle_check(b, size, &err) != -EINVAL)
			fail_msg("damage %u was not seen", how);
		assert_int_not_equal(err.msg[0], 0);
		free(b);
	}
}

/* --- RAM disk ----------------------------------------------------------------------- */

struct finished {
	struct block_request r;
	unsigned times;
	int result;
};

static void done(struct block_request *r, int result)
{
	struct finished *f = CONTAINER_OF(r, struct finished, r);

	f->times++;
	f->result = result;
}

static void count(void *ctx)
{
	++*(unsigned *)ctx;
}

static int ask(struct ramdisk *d, enum block_op op, u64 offset, u8 *buf, u32 len)
{
	struct mem_segment s[2] = { { .host = buf, .len = len / 2 },
				    { .host = buf + len / 2, .len = len - len / 2 } };
	struct finished f = { .r = { .op = op, .offset = offset, .length = len, .segments = s,
				     .count = 2, .done = done } };

	d->blockdev.ops->submit(&d->blockdev, &f.r);
	assert_int_equal(f.times, 0); /* never from submit */
	ramdisk_serve(d);
	assert_int_equal(f.times, 1);
	return f.result;
}

static void test_ramdisk(void **state)
{
	u8 data[4096] = { 0 }, buf[1024];
	unsigned woken = 0;
	struct ramdisk d;

	(void)state;
	ramdisk_init(&d, data, sizeof data, false, count, &woken);
	memset(buf, 7, sizeof buf);
	assert_int_equal(ask(&d, BLOCK_WRITE, 512, buf, 1024), 0);
	assert_int_equal(woken, 1);
	assert_true(data[511] == 0 && data[512] == 7 && data[1535] == 7 && data[1536] == 0);
	memset(buf, 0, sizeof buf);
	assert_int_equal(ask(&d, BLOCK_READ, 512, buf, 1024), 0);
	assert_true(buf[0] == 7 && buf[1023] == 7);
	assert_int_equal(ask(&d, BLOCK_WRITE_ZEROES, 1024, NULL, 512), 0);
	assert_true(data[1023] == 7 && data[1024] == 0);
	assert_int_equal(ask(&d, BLOCK_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(ask(&d, BLOCK_WRITE, 4096, buf, 512), -EIO);
	assert_int_equal(ask(&d, BLOCK_READ, ~(u64)511, buf, 1024), -EIO);
	ramdisk_init(&d, data, sizeof data, true, count, &woken);
	assert_int_equal(ask(&d, BLOCK_WRITE, 0, buf, 512), -EIO);
	assert_int_equal(ask(&d, BLOCK_READ, 0, buf, 512), 0);
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
		cmocka_unit_test(test_bundle_good),
		cmocka_unit_test(test_bundle_damaged),
		cmocka_unit_test(test_bundle_bits_and_ends),
		cmocka_unit_test(test_ramdisk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
