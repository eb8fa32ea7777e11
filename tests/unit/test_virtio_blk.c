/* SPDX-License-Identifier: Apache-2.0 */
/* The disk device towards its backend: requests that end at once, in batches, what is
 * counted, and a guest that never stops offering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio_fixture.h"

#define DISK 1
#define Q 128u
#define F_ALL (BIT(9) | BIT(13) | BIT(14))

static struct vx vx;

static int setup(void **state)
{
	vx_init(&vx, false);
	for (unsigned i = 0; i < VX_DISK; i++)
		vx.disk[i] = (u8)(i * 7 + i / 512);
	*state = &vx;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vx_fini(&vx);
	return 0;
}

static const struct io_stats *stats(const char *op)
{
	const struct io_group *g = vx.vm.io;

	for (unsigned i = 0; i < g->count; i++)
		if (!strcmp(g->ops[i], op))
			return &g->stats[i];
	fail();
	return NULL;
}

/* A read that ends at once: pushed and signalled by the notification itself. */
static void test_at_once(void **state)
{
	struct vx *x = *state;

	x->at_once = true;
	vx_start(x, DISK, 0, Q);
	vx_request(x, 0, 2, 1024, true);
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_int_equal(x->submitted, 0);
	assert_int_equal(vx_used(x), 1);
	assert_int_equal(x->ram[0x8010], 0);
	assert_int_equal(get_le32(x->ram + VX_USED + 8), 1025);
	assert_memory_equal(x->ram + VX_DATA, x->disk + 1024, 1024);
	assert_int_equal(vx_rd(x, DISK, 0x1000, 1), 1); /* its interrupt */
	/* a write goes the other way, and many at once in both */
	vx_request(x, 1, 0, 512, false);
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_int_equal(x->submitted, 1);
	assert_int_equal(vx_used(x), 1);
	assert_true(vx_end_one(x, 0));
	assert_int_equal(vx_used(x), 2);
}

/* However many requests one notification brings, the backend starts them together. */
static void test_batch(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, 0, Q);
	vx_request(x, 0, 0, 512, true);
	for (unsigned i = 0; i < 20; i++)
		vx_offer(x, Q, 0);
	x->commits = 0;
	vx_notify(x, DISK);
	assert_int_equal(x->submitted, 20);
	assert_int_equal(x->commits, 1);
}

static void test_counts(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, F_ALL, Q);
	assert_string_equal(x->vm.io->kind, "block");
	assert_string_equal(x->vm.io->name, "test disk");
	for (unsigned i = 0; i < 4; i++) {
		vx_request(x, i & 1, i, 512 * (i + 1), !(i & 1));
		vx_offer(x, Q, 0);
		vx_notify(x, DISK);
		fake.clock_ns += 1000 * (i + 1);
		assert_true(vx_end_one(x, i == 3 ? -EIO : 0));
	}
	vx_request(x, 4, 0, 0, true);
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_true(vx_end_one(x, 0));
	assert_int_equal(stats("read")->count, 2);
	assert_int_equal(stats("read")->bytes, 512 + 3 * 512);
	assert_int_equal(stats("read")->max_ns, 3000);
	assert_int_equal(stats("read")->total_ns, 4000);
	assert_int_equal(stats("write")->count, 2);
	assert_int_equal(stats("write")->errors, 1);
	assert_int_equal(stats("write")->bytes, 1024);
	assert_int_equal(stats("flush")->count, 1);
	assert_int_equal(stats("discard")->count, 0);
	x->at_once = true;
	vx_request(x, 0, 0, 4096, true);
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_int_equal(stats("read")->count, 3);
	assert_int_equal(stats("read")->bytes, 2048 + 4096);
}

/* Another vCPU of the guest: for each request that ends it offers one more. */
static void offer_more(struct vx *x)
{
	vx_offer(x, Q, 0);
}

/* vm->lock must come free although the ring never gets empty. */
static void test_endless(void **state)
{
	struct vx *x = *state;
	unsigned before;

	x->at_once = true;
	x->on_read = offer_more;
	vx_start(x, DISK, 0, Q);
	vx_request(x, 0, 0, 512, true);
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_in_range(x->ended_at_once, 1, 1000);
	/* the rest is not forgotten: the VM's timers go on with it */
	before = x->ended_at_once;
	fake.clock_ns += 1000000;
	timers_run(&x->vm);
	assert_in_range(x->ended_at_once, before + 1, before + 1000);
	x->on_read = NULL;
	fake.clock_ns += 1000000;
	timers_run(&x->vm);
	assert_ptr_equal(x->vm.timers, NULL);
	assert_int_equal(vx_used(x), (u16)x->ended_at_once);
	/* a reset forgets it */
	x->on_read = offer_more;
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_ptr_not_equal(x->vm.timers, NULL);
	vx_wr(x, DISK, 0x14, 1, 0);
	assert_ptr_equal(x->vm.timers, NULL);
	x->on_read = NULL;
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_at_once), T(test_batch), T(test_counts), T(test_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
