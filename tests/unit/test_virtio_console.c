/* SPDX-License-Identifier: Apache-2.0 */
/* The console's named ports, from the driver's side: virtio 1.2, 5.3.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/virtio/console.h>

#include "virtio_driver.h"

#define F_SIZE BIT(0)
#define F_MULTIPORT BIT(1)
#define CTRL_RX 2
#define CTRL_TX 3
#define PORTS 3u /* with the console */
#define QUEUES (2 * (PORTS + 1))
#define RX(port) ((port) ? 2 * ((port) + 1) : 0u)
#define TX(port) (RX(port) + 1)
enum { DEVICE_READY, PORT_ADD, PORT_READY = 3, CONSOLE_PORT, RESIZE, OPEN, NAME };

struct end {
	struct chardev cd;
	u8 got[65536];
	size_t n, room;
	unsigned invitations, opened, closed;
	size_t n_at_close;
};

static struct end ends[PORTS];
static struct virtio_console *console;

static struct end *end_of(struct chardev *cd)
{
	return CONTAINER_OF(cd, struct end, cd);
}

static void end_write(struct chardev *cd, const u8 *data, size_t n)
{
	struct end *e = end_of(cd);

	assert_true(n <= CHARDEV_ROOM && e->n + n <= sizeof e->got);
	memcpy(e->got + e->n, data, n);
	e->n += n;
	e->room -= n < e->room ? n : e->room;
}

static void end_input_ready(struct chardev *cd)
{
	end_of(cd)->invitations++;
}

static bool end_full(struct chardev *cd)
{
	return !end_of(cd)->room;
}

static void end_guest_open(struct chardev *cd, bool open)
{
	struct end *e = end_of(cd);

	if (open)
		e->opened++;
	else
		e->closed++;
	e->n_at_close = e->n;
}

static const struct chardev_ops end_ops = {
	.write = end_write, .input_ready = end_input_ready, .full = end_full,
	.guest_open = end_guest_open, .calls_room = true,
};

static int setup(void **state)
{
	struct virtio_console_port ports[PORTS - 1] = {
		{ "first", &ends[1].cd, true }, { "second", &ends[2].cd, false },
	};

	(void)state;
	vd_init();
	memset(ends, 0, sizeof ends);
	for (unsigned i = 0; i < PORTS; i++) {
		ends[i].cd.ops = &end_ops;
		ends[i].room = 1u << 30;
	}
	return virtio_console_create(&vd.vm, vd.pci, &ends[0].cd, ports, PORTS - 1,
				     &console);
}

static int teardown(void **state)
{
	(void)state;
	virtio_console_destroy(console);
	for (unsigned i = 0; i < PORTS; i++)
		if (ends[i].cd.receive || ends[i].cd.room || ends[i].cd.host_open)
			return -1;
	vd_fini();
	return 0;
}

static void say(u32 port, u16 event, u16 value)
{
	u8 *m = vd.ram + 0x1f000;

	put_le32(m, port);
	put_le16(m + 4, event);
	put_le16(m + 6, value);
	vd_add(CTRL_TX, 0x1f000, 8, false);
	vd_notify(CTRL_TX);
}

/* The next message is this one. Gives what follows the header. */
static const u8 *hear(u32 port, u16 event, u16 value, u32 len)
{
	u32 n;
	const u8 *m = vd_take(CTRL_RX, &n);

	assert_non_null(m);
	assert_int_equal(get_le32(m), port);
	assert_int_equal(get_le16(m + 4), event);
	assert_int_equal(get_le16(m + 6), value);
	assert_int_equal(n, len);
	return m + 8;
}

static void hear_nothing(void)
{
	u32 n;

	assert_null(vd_take(CTRL_RX, &n));
}

static void start(void)
{
	vd_start(F_SIZE | F_MULTIPORT, QUEUES);
	for (unsigned i = 0; i < 32; i++)
		vd_add(CTRL_RX, 0x1e000 + 128 * i, 128, true);
	vd_notify(CTRL_RX);
	say(~0u, DEVICE_READY, 1);
	for (unsigned i = 0; i < PORTS; i++)
		hear(i, PORT_ADD, 1, 8);
	hear_nothing();
}

/* All ports known and open in the guest. */
static void start_open(void)
{
	u32 n;

	start();
	for (unsigned i = 0; i < PORTS; i++) {
		say(i, PORT_READY, 1);
		say(i, OPEN, 1);
	}
	while (vd_take(CTRL_RX, &n))
		;
}

static void test_control(void **state)
{
	(void)state;
	assert_int_equal(vd_rd(0x2004, 4), PORTS);
	assert_int_equal(vd_rd(0x12, 2), QUEUES);
	start();
	virtio_console_resize(console, 132, 43);
	hear_nothing();
	say(0, PORT_READY, 1);
	hear(0, CONSOLE_PORT, 1, 8);
	const u8 *size = hear(0, RESIZE, 0, 12);
	assert_int_equal(get_le16(size), 132);
	assert_int_equal(get_le16(size + 2), 43);
	hear(0, OPEN, 1, 8);
	say(1, PORT_READY, 1);
	assert_memory_equal(hear(1, NAME, 1, 8 + 5), "first", 5);
	hear(1, OPEN, 1, 8);
	say(2, PORT_READY, 1);
	assert_memory_equal(hear(2, NAME, 1, 8 + 6), "second", 6);
	hear_nothing(); /* nobody is there yet */
	virtio_console_resize(console, 80, 25);
	assert_int_equal(get_le16(hear(0, RESIZE, 0, 12)), 80);
	assert_int_equal(vd_rd(0x2000, 4), 25u << 16 | 80);
	/* what makes no sense does nothing */
	say(77, OPEN, 1);
	say(1, 99, 1);
	say(2, PORT_READY, 0);
	hear_nothing();
	assert_int_equal(vd_status(), 15);
}

static void test_host_end(void **state)
{
	struct chardev *cd = &ends[2].cd;

	(void)state;
	start_open();
	cd->host_open(cd->receive_ctx, true);
	hear(2, OPEN, 1, 8);
	cd->host_open(cd->receive_ctx, true);
	hear_nothing();
	cd->host_open(cd->receive_ctx, false);
	hear(2, OPEN, 0, 8);
	cd->host_open(cd->receive_ctx, true);
	hear(2, OPEN, 1, 8);
}

/* A client that left and one that came, while the driver had no buffer, are two. */
static void test_host_end_without_buffers(void **state)
{
	struct chardev *cd = &ends[2].cd;
	u32 n;

	(void)state;
	start_open();
	cd->host_open(cd->receive_ctx, true);
	hear(2, OPEN, 1, 8);
	for (unsigned i = 0; i < 40; i++) { /* use the buffers up */
		virtio_console_resize(console, (u16)i, 1);
		while (vd_take(CTRL_RX, &n))
			;
	}
	cd->host_open(cd->receive_ctx, false);
	cd->host_open(cd->receive_ctx, true);
	hear_nothing();
	for (unsigned i = 0; i < 8; i++)
		vd_add(CTRL_RX, 0x1e000 + 128 * i, 128, true);
	vd_notify(CTRL_RX);
	hear(0, RESIZE, 0, 12);
	hear(2, OPEN, 0, 8);
	hear(2, OPEN, 1, 8);
	hear_nothing();
}

static void test_output(void **state)
{
	(void)state;
	start_open();
	assert_null(vd.vm.timers);
	for (unsigned i = 0; i < 30000; i++)
		vd.ram[VD_DATA + i] = (u8)(i * 7);
	ends[1].room = 2000;
	vd_add(TX(1), VD_DATA, 10000, false);
	vd_add(TX(1), VD_DATA + 10000, 20000, false);
	vd_add(TX(2), VD_DATA, 100, false);
	vd_notify(TX(1));
	vd_notify(TX(2));
	assert_int_equal(vd_used(TX(1)), 0); /* back-pressure ... */
	assert_int_equal(ends[2].n, 100);    /* ... of one port only */
	assert_in_range(ends[1].n, 2000, 3000);
	assert_null(vd.vm.timers); /* room will be told */
	while (ends[1].n < 30000) {
		size_t before = ends[1].n;

		ends[1].room = 3000;
		ends[1].cd.room(ends[1].cd.receive_ctx);
		assert_true(ends[1].n > before);
	}
	assert_int_equal(vd_used(TX(1)), 2);
	assert_memory_equal(ends[1].got, vd.ram + VD_DATA, 30000);
}

static void test_input(void **state)
{
	struct chardev *cd = &ends[1].cd;
	const u8 text[] = "before it is open";
	u32 n;

	(void)state;
	start();
	say(1, PORT_READY, 1);
	vd_add(RX(1), VD_DATA, 64, true);
	vd_notify(RX(1));
	assert_int_equal(cd->receive(cd->receive_ctx, text, sizeof text), 0);
	n = ends[1].invitations;
	say(1, OPEN, 1);
	assert_int_equal(ends[1].opened, 1);
	assert_int_equal(ends[1].invitations, n + 1);
	assert_int_equal(cd->receive(cd->receive_ctx, text, sizeof text), sizeof text);
	assert_memory_equal(vd_take(RX(1), &n), text, sizeof text);
	assert_int_equal(n, sizeof text);
	assert_int_equal(cd->receive(cd->receive_ctx, text, sizeof text), 0); /* no buffer */
	say(1, OPEN, 0);
	vd_add(RX(1), VD_DATA, 64, true);
	vd_notify(RX(1));
	assert_int_equal(cd->receive(cd->receive_ctx, text, sizeof text), 0);
}

/* The backend hears of each end after the last byte before it, and before the first of
 * the next. */
static void test_close(void **state)
{
	(void)state;
	start_open();
	ends[1].room = 0;
	vd_add(TX(1), VD_DATA, 500, false);
	vd_notify(TX(1));
	say(1, OPEN, 0);
	assert_int_equal(ends[1].closed, 0);
	ends[1].room = 1u << 30;
	ends[1].cd.room(ends[1].cd.receive_ctx);
	assert_int_equal(ends[1].closed, 1);
	assert_int_equal(ends[1].n_at_close, 500);
	say(1, OPEN, 1);
	ends[1].room = 0;
	vd_add(TX(1), VD_DATA, 500, false);
	vd_notify(TX(1));
	say(1, OPEN, 0);
	say(1, OPEN, 1);
	vd_add(TX(1), VD_DATA, 200, false);
	vd_notify(TX(1));
	assert_int_equal(ends[1].closed, 1);
	ends[1].room = 1u << 30;
	ends[1].cd.room(ends[1].cd.receive_ctx);
	assert_int_equal(ends[1].n, 1200);
	assert_int_equal(ends[1].n_at_close, 1000);
	assert_int_equal(ends[1].closed, 2);
	assert_int_equal(ends[1].opened, 3);
	/* a reset closes, whatever is under way */
	vd_wr(0x14, 1, 0);
	assert_int_equal(ends[1].closed, 3);
	assert_int_equal(ends[2].closed, 1);
	assert_int_equal(vd_status(), 0);
}

/* The driver waits for each piece without interrupts, as Linux's hvc does. */
static void test_no_idle_interrupts(void **state)
{
	const unsigned rounds = 1000;
	u32 n;

	(void)state;
	vd_start(F_MULTIPORT | VIRTIO_F_EVENT_IDX, QUEUES);
	for (unsigned i = 0; i < rounds; i++) {
		vd_add(TX(0), VD_DATA, 10, false);
		vd_notify(TX(0));
		assert_non_null(vd_take(TX(0), &n)); /* there at once */
		put_le16(vd.ram + VD_AVAIL(TX(0)) + 4 + 2 * VD_SIZE,
			 vd.queues[TX(0)].seen); /* used_event */
		fake.clock_ns += 100000;
		timers_run(&vd.vm);
		ends[0].n = 0;
	}
	vd_isr(); /* the first one, when we could not know yet */
	assert_int_equal(vd.lines.level, 0);
	for (unsigned i = 0; i < IRQ_MAX_LINES; i++)
		assert_true(vd.lines.rises[i] <= 1);
	/* one that does wait for it gets it, soon */
	vd_add(TX(0), VD_DATA, 10, false);
	vd_notify(TX(0));
	fake.clock_ns += 5000000;
	timers_run(&vd.vm);
	assert_int_equal(vd_isr(), 1);
}

static void test_garbage(void **state)
{
	(void)state;
	start();
	vd_add(CTRL_TX, VD_DATA, 7, false);
	vd_notify(CTRL_TX);
	assert_true(vd_status() & VIRTIO_STATUS_NEEDS_RESET);
	vd_start(F_MULTIPORT, QUEUES);
	vd_add(CTRL_RX, VD_DATA, 4, true);
	say(0, DEVICE_READY, 1);
	assert_true(vd_status() & VIRTIO_STATUS_NEEDS_RESET);
	start_open(); /* and all is well again */
}

/* A driver without MULTIPORT has the console alone. */
static void test_plain(void **state)
{
	struct chardev *cd = &ends[0].cd;
	u32 n;

	(void)state;
	vd_start(F_SIZE, 2);
	vd_add(0, VD_DATA, 64, true);
	vd_notify(0);
	assert_int_equal(cd->receive(cd->receive_ctx, (const u8 *)"abc", 3), 3);
	assert_memory_equal(vd_take(0, &n), "abc", 3);
	vd_isr();
	virtio_console_resize(console, 100, 30);
	assert_int_equal(vd_isr(), 2);
	assert_int_equal(ends[1].cd.receive(ends[1].cd.receive_ctx, (const u8 *)"x", 1), 0);
}

static void test_limits(void **state)
{
	struct virtio_console_port ports[VIRTIO_CONSOLE_PORTS + 1] = { { 0 } };
	struct virtio_console *other;

	(void)state;
	assert_int_equal(virtio_console_create(&vd.vm, vd.pci, NULL, ports,
					       VIRTIO_CONSOLE_PORTS + 1, &other), -EINVAL);
	assert_int_equal(virtio_console_create(&vd.vm, vd.pci, NULL, NULL, 0, &other), 0);
	virtio_console_reset(other);
	virtio_console_destroy(other);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_control), T(test_host_end), T(test_host_end_without_buffers),
		T(test_output), T(test_input), T(test_close), T(test_no_idle_interrupts),
		T(test_garbage), T(test_plain), T(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
