/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio from the driver's side: transport, rings good and hostile, devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio_fixture.h"

#define DISK 1
#define RNG 2
#define CONSOLE 3
#define Q 8u
#define F_FLUSH BIT(9)
#define F_RANGES (BIT(13) | BIT(14))

static struct vx vx;

static int setup(void **state)
{
	vx_init(&vx, false);
	*state = &vx;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vx_fini(&vx);
	return 0;
}

/* One request at the disk: its status. */
static u8 request(u32 type, u64 sector, u32 n, bool in, int result)
{
	u16 used = vx_used(&vx);

	vx_request(&vx, type, sector, n, in);
	vx_offer(&vx, Q, 0);
	vx_notify(&vx, DISK);
	vx_end_one(&vx, result);
	assert_int_equal(vx_used(&vx), (u16)(used + 1));
	return vx.ram[0x8010];
}

static void test_capabilities(void **state)
{
	struct vx *x = *state;
	unsigned at = (u8)bus_read(&x->vm.mmio, NULL, vx_config(DISK, 0x34), 1);
	unsigned seen = 0, loops = 0;

	assert_int_equal(bus_read(&x->vm.mmio, NULL, vx_config(DISK, 0), 4), 0x10421af4);
	assert_int_equal(bus_read(&x->vm.mmio, NULL, vx_config(RNG, 0), 4), 0x10441af4);
	while (at && loops++ < 10) {
		u32 head = (u32)bus_read(&x->vm.mmio, NULL, vx_config(DISK, at), 4);

		if ((head & 0xff) == 9) {
			assert_true((head >> 16 & 0xff) >= 16);
			seen |= 1u << (head >> 24);
		}
		at = head >> 8 & 0xff;
	}
	assert_int_equal(seen, 0x3e); /* all five kinds */
	/* the window through configuration space reads num_queues */
	at = 0;
	for (unsigned c = (u8)bus_read(&x->vm.mmio, NULL, vx_config(DISK, 0x34), 1); c;
	     c = (u8)bus_read(&x->vm.mmio, NULL, vx_config(DISK, c + 1), 1))
		if (bus_read(&x->vm.mmio, NULL, vx_config(DISK, c + 3), 1) == 5)
			at = c;
	bus_write(&x->vm.mmio, NULL, vx_config(DISK, at + 8), 4, 0x12);
	bus_write(&x->vm.mmio, NULL, vx_config(DISK, at + 12), 4, 2);
	assert_int_equal(bus_read(&x->vm.mmio, NULL, vx_config(DISK, at + 16), 4), 1);
	/* a wild one does nothing */
	bus_write(&x->vm.mmio, NULL, vx_config(DISK, at + 8), 4, 0xfffffffe);
	bus_write(&x->vm.mmio, NULL, vx_config(DISK, at + 16), 4, 1);
	(void)bus_read(&x->vm.mmio, NULL, vx_config(DISK, at + 16), 4);
}

static void test_negotiation(void **state)
{
	struct vx *x = *state;

	vx_wr(x, DISK, 0x14, 1, 3);
	vx_wr(x, DISK, 0x14, 1, 11); /* without VERSION_1 */
	assert_int_equal(vx_status(x, DISK), 3);
	vx_wr(x, DISK, 0x08, 4, 1);
	vx_wr(x, DISK, 0x0c, 4, 1);
	vx_wr(x, DISK, 0x08, 4, 0);
	vx_wr(x, DISK, 0x0c, 4, 1); /* bit 0: never offered */
	vx_wr(x, DISK, 0x14, 1, 11);
	assert_int_equal(vx_status(x, DISK), 3);
	vx_wr(x, DISK, 0x0c, 4, 0);
	vx_wr(x, DISK, 0x14, 1, 11);
	assert_int_equal(vx_status(x, DISK), 11);
	/* the capacity, and no write to it */
	vx_wr(x, DISK, 0x2000, 4, 99);
	assert_int_equal(vx_rd(x, DISK, 0x2000, 8), VX_DISK / 512);
	assert_int_equal(vx_rd(x, DISK, 0x203c, 4), 0xffffffff);
	/* a queue that is not there; sizes that are not */
	vx_wr(x, DISK, 0x16, 2, 7);
	assert_int_equal(vx_rd(x, DISK, 0x18, 2), 0);
	vx_wr(x, DISK, 0x1c, 2, 1);
	assert_int_equal(vx_status(x, DISK), 11);
	vx_wr(x, DISK, 0x14, 1, 0);
	assert_int_equal(vx_status(x, DISK), 0);
	vx_start(x, DISK, 0, 24); /* no power of two */
	assert_true(vx_status(x, DISK) & VIRTIO_STATUS_NEEDS_RESET);
	vx_start(x, DISK, 0, 256);
	assert_true(vx_status(x, DISK) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(fake.log_count[LOG_WARN], 2);
	vx_start(x, DISK, 0, Q);
	assert_int_equal(vx_status(x, DISK), 15);
}

/* The common configuration structure, 4.1.4.3: any part of it is readable, in any width. */
static void test_common_registers(void **state)
{
	struct vx *x = *state;
	u8 image[0x40];

	vx_start(x, DISK, 0, Q);
	vx_wr(x, DISK, 0x00, 4, 1);
	vx_wr(x, DISK, 0x10, 2, 1);
	assert_int_equal(vx_rd(x, DISK, 0x00, 4), 1);
	assert_int_equal(vx_rd(x, DISK, 0x04, 4), 1); /* VERSION_1 */
	assert_int_equal(vx_rd(x, DISK, 0x08, 4), 1);
	assert_int_equal(vx_rd(x, DISK, 0x0c, 4), 1);
	assert_int_equal(vx_rd(x, DISK, 0x10, 4), 0x10001);
	assert_int_equal(vx_rd(x, DISK, 0x14, 4), 15);
	assert_int_equal(vx_rd(x, DISK, 0x18, 2), Q);
	assert_int_equal(vx_rd(x, DISK, 0x1c, 4), 1);
	assert_int_equal(vx_rd(x, DISK, 0x20, 8), VX_DESC);
	assert_int_equal(vx_rd(x, DISK, 0x28, 4), VX_AVAIL);
	assert_int_equal(vx_rd(x, DISK, 0x2c, 4), 0);
	assert_int_equal(vx_rd(x, DISK, 0x30, 8), VX_USED);
	assert_int_equal(vx_rd(x, DISK, 0x38, 8), 0);
	assert_int_equal(vx_rd(x, DISK, 0x3c, 8), ~(u64)0); /* half outside */
	for (unsigned i = 0; i < sizeof image; i++)
		image[i] = (u8)vx_rd(x, DISK, i, 1);
	for (unsigned size = 2; size <= 8; size *= 2)
		for (unsigned i = 0; i + size <= sizeof image; i++) {
			u64 v = 0;

			memcpy(&v, image + i, size);
			assert_int_equal(vx_rd(x, DISK, i, size), v);
		}
}

static void test_disk(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, F_FLUSH | F_RANGES, Q);
	for (unsigned i = 0; i < VX_DISK; i++)
		x->disk[i] = (u8)(i * 7 + i / 512);
	assert_int_equal(request(0, 3, 1024, true, 0), 0);
	assert_memory_equal(x->ram + VX_DATA, x->disk + 3 * 512, 1024);
	assert_int_equal(get_le32(x->ram + VX_USED + 8), 1025);
	assert_true(dev_line(&(struct dev_fixture){ .lines = x->lines }, 17));
	assert_int_equal(vx_rd(x, DISK, 0x1000, 1), 1);
	assert_int_equal(x->lines.level, 0);
	memset(x->ram + VX_DATA, 0x5a, 512);
	assert_int_equal(request(1, 127, 512, false, 0), 0);
	assert_int_equal(x->disk[VX_DISK - 1], 0x5a);
	assert_int_equal(request(4, 0, 0, false, 0), 0);
	assert_int_equal(request(8, 0, 20, true, 0), 0);
	assert_string_equal((char *)x->ram + VX_DATA, "serial-0");
	/* ranges */
	put_le64(x->ram + VX_DATA, 2);
	put_le32(x->ram + VX_DATA + 8, 2);
	put_le32(x->ram + VX_DATA + 12, 1);
	assert_int_equal(request(13, 0, 16, false, 0), 0);
	assert_int_equal(x->disk[1024] | x->disk[2047], 0);
	assert_int_not_equal(x->disk[2049], 0);
	assert_int_equal(request(11, 0, 16, false, 0), 2); /* unmap is not for discard */
	put_le32(x->ram + VX_DATA + 12, 0);
	assert_int_equal(request(11, 0, 16, false, 0), 0);
	/* errors */
	assert_int_equal(request(0, 128, 512, true, 0), 1);
	assert_int_equal(request(0, 127, 1024, true, 0), 1);
	assert_int_equal(request(0, ~(u64)0, 512, true, 0), 1);
	assert_int_equal(request(0, (~(u64)0 >> 9) + 2, 512, true, 0), 1);
	assert_int_equal(request(1, 0, 100, false, 0), 1);
	assert_int_equal(request(1, 0, 512, false, -ENOSPC), 1);
	assert_int_equal(request(99, 0, 512, true, 0), 2);
	put_le32(x->ram + VX_DATA + 8, ~0u);
	assert_int_equal(request(13, 0, 16, false, 0), 1);
	assert_int_equal(request(8, 0, 19, true, 0), 1);
	assert_int_equal(vx_status(x, DISK), 15);
	assert_int_equal(fake.log_count[LOG_WARN], 0);
}

static void test_read_only(void **state)
{
	struct vx *x = *state;

	vx_fini(x);
	vx_init(x, true);
	assert_true(vx_rd(x, DISK, 0x04, 4) & BIT(5));
	vx_start(x, DISK, 0, Q);
	assert_int_equal(request(1, 0, 512, false, 0), 1);
	assert_int_equal(request(13, 0, 16, false, 0), 2);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
	assert_int_equal(x->submitted, 1);
}

static void test_framing(void **state)
{
	struct vx *x = *state;

	/* header in three pieces, empty ones between, data and status in one */
	vx_start(x, DISK, 0, Q);
	x->disk[0] = 0x77;
	vx_request(x, 0, 0, 512, true);
	vx_desc(x, 0, 0x8000, 3, 1, 1);
	vx_desc(x, 1, 0, 0, 1, 2);
	vx_desc(x, 2, 0x8003, 10, 1, 3);
	vx_desc(x, 3, 0x800d, 3, 1, 4);
	vx_desc(x, 4, VX_DATA, 513, 2, 0);
	x->ram[VX_DATA + 512] = 0xff;
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_true(vx_end_one(x, 0));
	assert_int_equal(x->ram[VX_DATA], 0x77);
	assert_int_equal(x->ram[VX_DATA + 512], 0);
}

static void test_indirect(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, VIRTIO_F_INDIRECT_DESC, Q);
	vx_request(x, 0, 0, 512, true);
	memcpy(x->ram + 0x9000, x->ram + VX_DESC, 48);
	vx_desc(x, 5, 0x9000, 48, 4, 0);
	vx_offer(x, Q, 5);
	vx_notify(x, DISK);
	assert_true(vx_end_one(x, 0));
	assert_int_equal(x->ram[0x8010], 0);
	assert_int_equal(get_le32(x->ram + VX_USED + 4), 5);
}

/* Each makes one thing wrong with an otherwise good chain at descriptor 0. */
static void hostile(struct vx *x, unsigned n)
{
	switch (n) {
	case 0: vx_desc(x, 2, 0x8010, 1, 3, 0); break; /* a loop */
	case 1: vx_desc(x, 1, VX_DATA, 512, 3, Q); break; /* next out of range */
	case 2: vx_desc(x, 1, VX_RAM - 100, 512, 3, 2); break; /* past the end of RAM */
	case 3: vx_desc(x, 1, ~(u64)0 - 10, 512, 3, 2); break; /* wraps */
	case 4: vx_desc(x, 1, VX_DATA, ~0u, 3, 2); break;
	case 5: vx_desc(x, 2, 0x8010, 1, 0, 0); break; /* readable after writable */
	case 6: vx_desc(x, 0, 0x9000, 40, 4, 0); break; /* odd indirect table */
	case 7: vx_desc(x, 0, 0x9000, 0, 4, 0); break;
	case 8: vx_desc(x, 0, VX_RAM - 16, 32, 4, 0); break;
	case 9: /* indirect in indirect */
		vx_desc(x, 0, 0x9000, 16, 4, 0);
		vx_desc_at(x, 0x9000, 0, 0x9000, 16, 4, 0);
		break;
	case 10: vx_desc(x, 0, 0x9000, 16, 5, 1); break; /* indirect and next */
	case 11: /* a long indirect chain */
		vx_desc(x, 0, 0x9000, 16 * 100, 4, 0);
		for (unsigned i = 0; i < 100; i++)
			vx_desc_at(x, 0x9000, i, VX_DATA, 16, 1, i + 1);
		break;
	case 12: /* a loop of empty buffers in an indirect table */
		vx_desc(x, 0, 0x9000, 16, 4, 0);
		vx_desc_at(x, 0x9000, 0, 0, 0, 1, 0);
		break;
	case 13: vx_desc(x, 0, 0x8000, 15, 1, 2); break; /* short header */
	case 14: vx_desc(x, 0, 0x8000, 16, 0, 0); break; /* no status */
	case 15: put_le16(x->ram + VX_AVAIL + 2, (u16)(x->avail + Q + 1)); break;
	default: put_le16(x->ram + VX_AVAIL + 4, Q); break; /* head out of range */
	}
}

static void test_hostile_rings(void **state)
{
	struct vx *x = *state;

	for (unsigned n = 0; n <= 16; n++) {
		vx_start(x, DISK, VIRTIO_F_INDIRECT_DESC, Q);
		fake.log_count[LOG_WARN] = 0;
		vx_request(x, 0, 0, 512, true);
		vx_offer(x, Q, 0);
		hostile(x, n);
		vx_notify(x, DISK);
		assert_int_equal(vx_status(x, DISK), 15 | VIRTIO_STATUS_NEEDS_RESET);
		assert_int_equal(x->submitted, 0);
		/* told once, by the config interrupt, and dead from now on */
		assert_int_equal(vx_rd(x, DISK, 0x1000, 1), 2);
		vx_request(x, 0, 0, 512, true);
		vx_notify(x, DISK);
		assert_int_equal(vx_used(x), 0);
		assert_int_equal(fake.log_count[LOG_WARN], 1);
	}
	vx_start(x, DISK, 0, Q); /* not negotiated */
	vx_desc(x, 0, 0x9000, 48, 4, 0);
	vx_offer(x, Q, 0);
	vx_notify(x, DISK);
	assert_true(vx_status(x, DISK) & VIRTIO_STATUS_NEEDS_RESET);
	/* and all is well after a reset */
	vx_start(x, DISK, 0, Q);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
}

static void test_hostile_places(void **state)
{
	static const struct { u64 desc, avail, used; } bad[] = {
		{ VX_DESC + 8, VX_AVAIL, VX_USED }, { VX_DESC, VX_AVAIL + 1, VX_USED },
		{ VX_DESC, VX_AVAIL, VX_USED + 2 }, { VX_RAM - 16, VX_AVAIL, VX_USED },
		{ VX_DESC, VX_RAM - 2, VX_USED },   { VX_DESC, VX_AVAIL, VX_RAM },
		{ VX_DESC, VX_AVAIL, ~(u64)3 },	    { ~(u64)15, VX_AVAIL, VX_USED },
	};
	struct vx *x = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		vx_wr(x, DISK, 0x14, 1, 0);
		vx_wr(x, DISK, 0x08, 4, 1);
		vx_wr(x, DISK, 0x0c, 4, 1);
		vx_wr(x, DISK, 0x14, 1, 11);
		vx_wr(x, DISK, 0x18, 2, Q);
		vx_wr(x, DISK, 0x20, 8, bad[i].desc);
		vx_wr(x, DISK, 0x28, 8, bad[i].avail);
		vx_wr(x, DISK, 0x30, 8, bad[i].used);
		vx_wr(x, DISK, 0x1c, 2, 1);
		assert_true(vx_status(x, DISK) & VIRTIO_STATUS_NEEDS_RESET);
		vx_wr(x, DISK, 0x14, 1, 15);
		vx_notify(x, DISK);
	}
}

static void test_in_flight(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, 0, 128);
	vx_request(x, 0, 0, 512, true);
	for (unsigned i = 0; i < 100; i++)
		vx_offer(x, 128, 0);
	vx_notify(x, DISK);
	assert_int_equal(x->submitted, VIRTIO_BLK_IN_FLIGHT);
	while (vx_end_one(x, 0))
		;
	assert_int_equal(x->submitted, 100);
	assert_int_equal(vx_used(x), 100);
	/* a reset waits for what is in flight, and nothing of it is pushed */
	vx_offer(x, 128, 0);
	vx_offer(x, 128, 0);
	vx_notify(x, DISK);
	vx_wr(x, DISK, 0x14, 1, 0);
	assert_int_equal(vx_status(x, DISK), 15);
	vx_wr(x, DISK, 0x14, 1, 3); /* too early */
	assert_true(vx_end_one(x, 0));
	assert_int_equal(vx_status(x, DISK), 15);
	assert_true(vx_end_one(x, -EIO));
	assert_int_equal(vx_status(x, DISK), 0);
	assert_int_equal(vx_used(x), 100);
	vx_start(x, DISK, 0, Q);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
}

static void test_event_index(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, VIRTIO_F_EVENT_IDX, Q);
	/* MSI-X: vector 1 for the queue */
	vx_wr(x, DISK, 0x4000 + 16, 8, 0xfee00000);
	vx_wr(x, DISK, 0x4000 + 24, 8, 0x41);
	bus_write(&x->vm.mmio, NULL, vx_config(DISK, 0x42), 2, 0x8000);
	vx_wr(x, DISK, 0x1a, 2, 2);
	assert_int_equal(vx_rd(x, DISK, 0x1a, 2), 0xffff); /* there is no third */
	vx_wr(x, DISK, 0x1a, 2, 1);
	put_le16(x->ram + VX_AVAIL + 4 + 2 * Q, 2); /* used_event: after the third */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(request(0, 0, 512, true, 0), 0);
		assert_int_equal(x->messages, i < 2 ? 1 : 2); /* the first always */
		/* notify me of the next */
		assert_int_equal(get_le16(x->ram + VX_USED + 4 + 8 * Q), i + 1);
	}
	assert_int_equal(x->lines.level, 0);
}

static void test_no_interrupt_flag(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, 0, Q);
	put_le16(x->ram + VX_AVAIL, 1);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
	assert_int_equal(x->lines.level, 0);
	put_le16(x->ram + VX_AVAIL, 0);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
	assert_int_equal(x->lines.level, BIT(17));
}

static void test_rng(void **state)
{
	struct vx *x = *state;
	unsigned set = 0;

	vx_start(x, RNG, 0, Q);
	vx_desc(x, 0, VX_DATA, 10, 3, 1);
	vx_desc(x, 1, VX_DATA + 100, 1000, 2, 0);
	vx_offer(x, Q, 0);
	vx_notify(x, RNG);
	assert_int_equal(vx_used(x), 1);
	assert_int_equal(get_le32(x->ram + VX_USED + 8), 256);
	for (unsigned i = 0; i < 256; i++)
		set += x->ram[VX_DATA + (i < 10 ? i : 90 + i)] != 0;
	assert_true(set > 128);
	assert_int_equal(x->ram[VX_DATA + 10] | x->ram[VX_DATA + 100 + 246], 0);
	assert_int_equal(x->lines.level, BIT(18));
	/* before DRIVER_OK nothing happens */
	vx_wr(x, RNG, 0x14, 1, 0);
	vx_notify(x, RNG);
	assert_int_equal(x->lines.level, 0);
}

static void test_console_output(void **state)
{
	struct vx *x = *state;

	vx_start_queue(x, CONSOLE, 0, 1, Q);
	memcpy(x->ram + VX_DATA, "one two", 7);
	for (unsigned i = 7; i < 5000; i++)
		x->ram[VX_DATA + i] = (u8)i;
	vx_desc(x, 0, VX_DATA, 4, 1, 1);
	vx_desc(x, 1, VX_DATA + 4, 4996, 0, 0);
	x->room = 2000; /* then full: the rest has to wait */
	vx_offer(x, Q, 0);
	vx_wr(x, CONSOLE, 0x3004, 2, 1);
	assert_int_equal(x->written, 2048);
	assert_int_equal(vx_used(x), 0);
	fake.clock_ns += NS_PER_SEC;
	timers_run(&x->vm);
	assert_int_equal(x->written, 2048);
	x->room = 1u << 20;
	fake.clock_ns += NS_PER_SEC;
	timers_run(&x->vm);
	assert_int_equal(vx_used(x), 1);
	assert_int_equal(x->written, 5000);
	assert_memory_equal(x->output, x->ram + VX_DATA, 5000);
	fake.clock_ns += NS_PER_SEC;
	timers_run(&x->vm);
	assert_int_equal(x->lines.level, BIT(19));
	/* a reset in the middle forgets the rest */
	x->room = 0;
	vx_offer(x, Q, 0);
	vx_wr(x, CONSOLE, 0x3004, 2, 1);
	vx_wr(x, CONSOLE, 0x14, 1, 0);
	assert_int_equal(vx_status(x, CONSOLE), 0);
	assert_null(x->vm.timers);
}

static void test_console_input(void **state)
{
	struct chardev *cd;
	struct vx *x = *state;

	cd = &x->chardev;
	assert_int_equal(cd->receive(cd->receive_ctx, (const u8 *)"abc", 3), 0);
	vx_start_queue(x, CONSOLE, 0, 0, Q);
	assert_int_equal(cd->receive(cd->receive_ctx, (const u8 *)"abc", 3), 0);
	vx_desc(x, 0, VX_DATA, 2, 2, 0);
	vx_desc(x, 1, VX_DATA + 2, 8, 2, 0);
	vx_offer(x, Q, 0);
	vx_offer(x, Q, 1);
	x->invitations = 0;
	vx_notify(x, CONSOLE);
	assert_int_equal(x->invitations, 1);
	assert_int_equal(cd->receive(cd->receive_ctx, (const u8 *)"abcdef", 6), 6);
	assert_memory_equal(x->ram + VX_DATA, "abcdef", 6);
	assert_int_equal(vx_used(x), 2);
	assert_int_equal(get_le32(x->ram + VX_USED + 8), 2);
	assert_int_equal(get_le32(x->ram + VX_USED + 16), 4);
	assert_int_equal(cd->receive(cd->receive_ctx, (const u8 *)"g", 1), 0);
}

static void test_machine_reset(void **state)
{
	struct vx *x = *state;

	vx_start(x, DISK, 0, Q);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
	virtio_blk_reset(x->blk);
	virtio_rng_reset(x->rng);
	pci_host_reset(x->pci);
	assert_int_equal(x->lines.level, 0);
	assert_int_equal(vx_status(x, DISK), 0);
	vx_start(x, DISK, 0, Q);
	assert_int_equal(request(0, 0, 512, true, 0), 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_capabilities), T(test_negotiation), T(test_common_registers),
		T(test_disk), T(test_read_only), T(test_framing), T(test_indirect),
		T(test_hostile_rings), T(test_hostile_places), T(test_in_flight),
		T(test_event_index), T(test_no_interrupt_flag), T(test_rng),
		T(test_console_output), T(test_console_input), T(test_machine_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
