/* SPDX-License-Identifier: Apache-2.0 */
/* The 8259 pair and the I/O APIC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/device/ioapic.h>
#include <trivet/device/pic.h>

#include "dev_fixture.h"

struct chips {
	struct dev_fixture f;
	struct pic *pic;
	struct ioapic *ioapic;
	bool intr;
	unsigned changes;
	/* messages of the I/O APIC */
	unsigned sent;
	u64 address;
	u32 data;
	bool refuse;
};

static void output(void *ctx, bool level)
{
	struct chips *c = ctx;

	assert_int_not_equal(level, c->intr); /* changes only */
	c->intr = level;
	c->changes++;
}

static int take_msi(void *ctx, u64 address, u32 data)
{
	struct chips *c = ctx;

	c->sent++;
	c->address = address;
	c->data = data;
	return c->refuse ? -ENODEV : 0;
}

static int setup(void **state)
{
	static struct chips chips;
	struct chips *c = &chips;

	memset(c, 0, sizeof *c);
	dev_init(&c->f, 1);
	assert_int_equal(pic_create(&c->f.vm, output, c, &c->pic), 0);
	assert_int_equal(ioapic_create(&c->f.vm, 4, &c->ioapic), 0);
	irq_set_msi_sink(&c->f.vm, &(struct msi_sink){ take_msi, c });
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct chips *c = *state;

	ioapic_destroy(c->ioapic);
	pic_destroy(c->pic);
	assert_int_equal(c->f.vm.pio.count + c->f.vm.mmio.count, 0);
	dev_fini(&c->f);
	return 0;
}

/* --- 8259 ------------------------------------------------------------------- */

static void pic_setup(struct chips *c, u8 icw4)
{
	static const u16 ports[2] = { 0x20, 0xa0 };

	for (unsigned i = 0; i < 2; i++) {
		dev_outb(&c->f, ports[i], 0x11);
		dev_outb(&c->f, ports[i] + 1, (u8)(0x30 + 8 * i));
		dev_outb(&c->f, ports[i] + 1, i ? 2 : 4);
		dev_outb(&c->f, ports[i] + 1, icw4);
	}
}

static void line(struct chips *c, unsigned n, bool level)
{
	irq_set(&c->f.vm, n, level);
}

static void test_pic_basic(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	assert_false(pic_pending(c->pic));
	line(c, 4, true);
	assert_true(c->intr);
	line(c, 1, true);
	assert_int_equal(pic_ack(c->pic), 0x31); /* the higher priority first */
	assert_false(c->intr);			 /* 4 waits */
	dev_outb(&c->f, 0x20, 0x20);
	assert_int_equal(pic_ack(c->pic), 0x34);
	line(c, 0, true); /* nests over 4 */
	assert_int_equal(pic_ack(c->pic), 0x30);
	dev_outb(&c->f, 0x20, 0x0b);
	assert_int_equal(dev_inb(&c->f, 0x20), 0x11);
	dev_outb(&c->f, 0x20, 0x64); /* specific EOI 4 */
	assert_int_equal(dev_inb(&c->f, 0x20), 1);
	dev_outb(&c->f, 0x20, 0x20);
	assert_false(pic_pending(c->pic)); /* lines still high: edges only */
	line(c, 4, false);
	line(c, 4, true);
	assert_true(pic_pending(c->pic));
}

static void test_pic_cascade(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	line(c, 12, true);
	assert_int_equal(pic_ack(c->pic), 0x3c);
	line(c, 14, true); /* lower than 12 */
	assert_false(c->intr);
	line(c, 9, true); /* higher, but the master is at level 2 already */
	assert_false(c->intr);
	dev_outb(&c->f, 0xa0, 0x20);
	dev_outb(&c->f, 0x20, 0x20);
	assert_int_equal(pic_ack(c->pic), 0x39);
	dev_outb(&c->f, 0xa0, 0x20);
	dev_outb(&c->f, 0x20, 0x20);
	assert_int_equal(pic_ack(c->pic), 0x3e);
}

static void test_pic_nested_mode(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 0x11); /* special fully nested */
	line(c, 12, true);
	assert_int_equal(pic_ack(c->pic), 0x3c);
	line(c, 9, true);
	assert_int_equal(pic_ack(c->pic), 0x39);
}

static void test_pic_mask_and_spurious(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	dev_outb(&c->f, 0x21, 0xff);
	dev_outb(&c->f, 0xa1, 0xff);
	assert_int_equal(dev_inb(&c->f, 0x21), 0xff);
	line(c, 5, true);
	assert_false(c->intr);
	assert_int_equal(dev_inb(&c->f, 0x20), 0x20); /* IRR */
	assert_int_equal(pic_ack(c->pic), 0x37);
	dev_outb(&c->f, 0x20, 0x0b);
	assert_int_equal(dev_inb(&c->f, 0x20), 0); /* no ISR bit */
	dev_outb(&c->f, 0x21, 0xdf);
	assert_true(c->intr);
	assert_int_equal(pic_ack(c->pic), 0x35);
}

static void test_pic_level(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	dev_outb(&c->f, 0x4d0, 0xff);
	dev_outb(&c->f, 0x4d1, 0xff);
	assert_int_equal(dev_inb(&c->f, 0x4d0), 0xf8);
	assert_int_equal(dev_inb(&c->f, 0x4d1), 0xde);
	line(c, 10, true);
	assert_int_equal(pic_ack(c->pic), 0x3a);
	dev_outb(&c->f, 0xa0, 0x20);
	dev_outb(&c->f, 0x20, 0x20);
	assert_true(c->intr); /* still asked for */
	line(c, 10, false);
	assert_false(c->intr);
	assert_int_equal(pic_ack(c->pic), 0x37);
}

static void test_pic_auto_eoi_and_rotation(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 3);
	line(c, 3, true);
	assert_int_equal(pic_ack(c->pic), 0x33);
	dev_outb(&c->f, 0x20, 0x0b);
	assert_int_equal(dev_inb(&c->f, 0x20), 0);
	pic_setup(c, 1);
	dev_outb(&c->f, 0x20, 0xc4); /* 4 is lowest, 5 highest */
	line(c, 3, false);
	line(c, 3, true);
	line(c, 6, true);
	assert_int_equal(pic_ack(c->pic), 0x36);
	dev_outb(&c->f, 0x20, 0xa0); /* rotate on EOI: 6 becomes lowest */
	line(c, 5, true);
	assert_int_equal(pic_ack(c->pic), 0x33);
	dev_outb(&c->f, 0x20, 0x20);
	assert_int_equal(pic_ack(c->pic), 0x35);
}

static void test_pic_special_mask(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	line(c, 3, true);
	assert_int_equal(pic_ack(c->pic), 0x33);
	line(c, 6, true);
	assert_false(c->intr);
	dev_outb(&c->f, 0x21, 8);
	dev_outb(&c->f, 0x20, 0x68);
	assert_int_equal(pic_ack(c->pic), 0x36);
	dev_outb(&c->f, 0x20, 0x20); /* ends 6, not the masked 3 */
	dev_outb(&c->f, 0x20, 0x0b);
	assert_int_equal(dev_inb(&c->f, 0x20), 8);
}

static void test_pic_poll(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	line(c, 3, true);
	dev_outb(&c->f, 0x20, 0x0c);
	assert_int_equal(dev_inb(&c->f, 0x20), 0x83);
	assert_false(c->intr);
	dev_outb(&c->f, 0x20, 0x0c);
	assert_int_equal(dev_inb(&c->f, 0x20), 0);
}

static void test_pic_reset(void **state)
{
	struct chips *c = *state;

	pic_setup(c, 1);
	line(c, 3, true);
	pic_reset(c->pic);
	assert_false(c->intr);
	assert_false(pic_pending(c->pic));
}

/* --- I/O APIC --------------------------------------------------------------- */

static u32 io_rd(struct chips *c, u8 reg)
{
	bus_write(&c->f.vm.mmio, NULL, IOAPIC_BASE, 4, reg);
	return (u32)bus_read(&c->f.vm.mmio, NULL, IOAPIC_BASE + 0x10, 4);
}

static void io_wr(struct chips *c, u8 reg, u32 v)
{
	bus_write(&c->f.vm.mmio, NULL, IOAPIC_BASE, 4, reg);
	bus_write(&c->f.vm.mmio, NULL, IOAPIC_BASE + 0x10, 4, v);
}

static void io_redir(struct chips *c, unsigned n, u32 high, u32 low)
{
	io_wr(c, (u8)(0x11 + 2 * n), high);
	io_wr(c, (u8)(0x10 + 2 * n), low);
}

static void test_ioapic_registers(void **state)
{
	struct chips *c = *state;

	assert_int_equal(io_rd(c, 0), 4u << 24);
	assert_int_equal(io_rd(c, 1), 0x170020);
	assert_int_equal(io_rd(c, 2), 4u << 24);
	io_wr(c, 0, 0xffffffff);
	assert_int_equal(io_rd(c, 0), 0x0f000000);
	assert_int_equal(io_rd(c, 0x10), 0x10000);
	io_redir(c, 23, 0xffffffff, 0xffffffff);
	assert_int_equal(io_rd(c, 0x3e), 0x1afff); /* no status, no remote IRR */
	assert_int_equal(io_rd(c, 0x3f), 0xff000000);
	io_wr(c, 0x40, 0xffffffff);
	assert_int_equal(io_rd(c, 0x40), 0);
	assert_int_equal(io_rd(c, 0xff), 0);
	assert_int_equal(bus_read(&c->f.vm.mmio, NULL, IOAPIC_BASE + 0x20, 4), 0xffffffff);
	ioapic_reset(c->ioapic);
	assert_int_equal(io_rd(c, 0), 4u << 24);
	assert_int_equal(io_rd(c, 0x3e), 0x10000);
}

static void test_ioapic_edge(void **state)
{
	struct chips *c = *state;

	io_redir(c, 14, 0x03000000, 0x0876); /* logical */
	line(c, 14, true);
	assert_int_equal(c->sent, 1);
	assert_int_equal(c->address, 0xfee03004);
	assert_int_equal(c->data, 0x76);
	line(c, 14, true);
	assert_int_equal(c->sent, 1);
	line(c, 14, false);
	io_redir(c, 14, 0x03000000, 0x10076);
	line(c, 14, true);
	io_redir(c, 14, 0x03000000, 0x76); /* a masked edge is lost */
	assert_int_equal(c->sent, 1);
	line(c, 14, false);
	line(c, 14, true);
	assert_int_equal(c->sent, 2);
	io_redir(c, 2, 0, 0x40);
	line(c, 0, true); /* the PIT is at input 2 */
	assert_int_equal(c->data, 0x40);
}

static void test_ioapic_level(void **state)
{
	struct chips *c = *state;

	io_redir(c, 9, 0x01000000, 0x18051);
	line(c, 9, true);
	assert_int_equal(c->sent, 0);
	io_redir(c, 9, 0x01000000, 0x8051); /* unmasked while high */
	assert_int_equal(c->sent, 1);
	assert_int_equal(c->data & 0x80ff, 0x8051);
	assert_int_equal(io_rd(c, 0x22), 0xc051); /* remote IRR */
	line(c, 9, false);
	line(c, 9, true); /* in service: waits */
	assert_int_equal(c->sent, 1);
	ioapic_eoi(c->ioapic, 0x52);
	assert_int_equal(c->sent, 1);
	ioapic_eoi(c->ioapic, 0x51);
	assert_int_equal(c->sent, 2);
	line(c, 9, false);
	bus_write(&c->f.vm.mmio, NULL, IOAPIC_BASE + 0x40, 4, 0x51);
	assert_int_equal(c->sent, 2);
	assert_int_equal(io_rd(c, 0x22), 0x8051);
	line(c, 9, true);
	io_wr(c, 0x22, 0x51); /* edge clears a stuck remote IRR */
	assert_int_equal(io_rd(c, 0x22), 0x51);
	c->refuse = true;
	io_wr(c, 0x22, 0x8051);
	assert_int_equal(io_rd(c, 0x22), 0x8051); /* nobody took it */
}

static void test_create_unwinds(void **state)
{
	struct dev_fixture f;
	struct pic *p;
	struct ioapic *a;

	(void)state;
	dev_init(&f, 1);
	bus_add(&f.vm.pio, &(struct bus_range){ .base = 0x4d1, .size = 1 });
	assert_int_equal(pic_create(&f.vm, NULL, NULL, &p), -EEXIST);
	assert_int_equal(f.vm.pio.count, 1);
	while (!irq_add_sink(&f.vm, &(struct irq_sink){ dev_line_set, &f.lines }))
		;
	assert_int_equal(ioapic_create(&f.vm, 0, &a), -ENOSPC);
	assert_int_equal(f.vm.mmio.count, 0);
	fake.alloc_budget_on = true;
	assert_int_equal(ioapic_create(&f.vm, 0, &a), -ENOMEM);
	dev_fini(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_pic_basic), T(test_pic_cascade), T(test_pic_nested_mode),
		T(test_pic_mask_and_spurious), T(test_pic_level),
		T(test_pic_auto_eoi_and_rotation), T(test_pic_special_mask),
		T(test_pic_poll), T(test_pic_reset), T(test_ioapic_registers),
		T(test_ioapic_edge), T(test_ioapic_level),
		cmocka_unit_test(test_create_unwinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
