/* SPDX-License-Identifier: Apache-2.0 */
/* The devices on ports: UART, keyboard controller, ACPI, and what test kernels
 * use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/device/acpi_pm.h>
#include <trivet/device/debug_exit.h>
#include <trivet/device/fw_cfg.h>
#include <trivet/device/i8042.h>
#include <trivet/device/serial.h>
#include <trivet/device/testdev.h>

#include "dev_fixture.h"

#define COM1 0x3f8
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

struct ports {
	struct dev_fixture f;
	struct chardev cd;
	u8 out[64];
	size_t out_count;
	unsigned invited;
	const char *feed; /* given to the device when it invites */
	struct serial *serial;
	struct i8042 *i8042;
	struct acpi_pm *pm;
	struct debug_exit *debug;
	struct fw_cfg *fw;
	struct testdev *test;
	u64 flushed;
};

static void backend_write(struct chardev *cd, const u8 *data, size_t n)
{
	struct ports *p = CONTAINER_OF(cd, struct ports, cd);

	while (n-- && p->out_count < sizeof p->out)
		p->out[p->out_count++] = *data++;
}

static size_t feed(struct ports *p, const char *text)
{
	return p->cd.receive(p->cd.receive_ctx, (const u8 *)text, strlen(text));
}

static void backend_ready(struct chardev *cd)
{
	struct ports *p = CONTAINER_OF(cd, struct ports, cd);

	p->invited++;
	if (p->feed)
		p->feed += feed(p, p->feed);
}

static const struct chardev_ops backend_ops = { .write = backend_write, .input_ready = backend_ready };

static void flush(void *ctx, gpa_t page)
{
	struct ports *p = ctx;

	p->flushed = page.v;
}

static int setup(void **state)
{
	static struct ports ports;
	struct ports *p = &ports;
	struct vm *vm = &p->f.vm;

	memset(p, 0, sizeof *p);
	dev_init(&p->f, 1);
	p->cd.ops = &backend_ops;
	assert_int_equal(serial_create(vm, COM1, 4, &p->cd, &p->serial), 0);
	assert_int_equal(i8042_create(vm, &p->i8042), 0);
	assert_int_equal(acpi_pm_create(vm, &p->pm), 0);
	assert_int_equal(debug_exit_create(vm, &p->debug), 0);
	assert_int_equal(fw_cfg_create(vm, MIB(768), 3, &p->fw), 0);
	assert_int_equal(testdev_create(vm, flush, p, &p->test), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct ports *p = *state;

	serial_destroy(p->serial);
	i8042_destroy(p->i8042);
	acpi_pm_destroy(p->pm);
	debug_exit_destroy(p->debug);
	fw_cfg_destroy(p->fw);
	testdev_destroy(p->test);
	assert_null(p->cd.receive);
	assert_true(timers_next(&p->f.vm) == TIMER_NEVER);
	assert_int_equal(p->f.vm.pio.count + p->f.vm.mmio.count, 0);
	dev_fini(&p->f);
	return 0;
}

static u8 rd(struct ports *p, unsigned reg)
{
	return dev_inb(&p->f, (u16)(COM1 + reg));
}

static void wr(struct ports *p, unsigned reg, u8 v)
{
	dev_outb(&p->f, (u16)(COM1 + reg), v);
}

/* --- UART --------------------------------------------------------------------- */

/* The probing that Linux's 8250 driver does. */
static void test_serial_autoconfig(void **state)
{
	struct ports *p = *state;

	wr(p, IER, 0);
	assert_int_equal(rd(p, IER), 0);
	wr(p, IER, 0xff);
	assert_int_equal(rd(p, IER), 0x0f);
	wr(p, IER, 0);
	wr(p, MCR, 0x1a);
	assert_int_equal(rd(p, MSR) & 0xf0, 0x90);
	wr(p, MCR, 0);
	assert_int_equal(rd(p, MSR) & 0xf0, 0xb0);
	wr(p, IIR, 1);
	assert_int_equal(rd(p, IIR) & 0xc0, 0xc0);
	wr(p, IIR, 0);
	assert_int_equal(rd(p, IIR), 1);
	wr(p, SCR, 0x5a);
	assert_int_equal(rd(p, SCR), 0x5a);
	wr(p, LCR, 0x83);
	wr(p, DATA, 0x34);
	wr(p, IER, 0x12);
	assert_int_equal(rd(p, DATA), 0x34);
	assert_int_equal(rd(p, IER), 0x12);
	wr(p, LCR, 3);
	assert_int_equal(rd(p, IER), 0);
	assert_int_equal(rd(p, LSR), 0x60);
	assert_int_equal(p->out_count, 0);
}

static void test_serial_transmit(void **state)
{
	struct ports *p = *state;

	wr(p, DATA, 'a');
	assert_int_equal(p->out_count, 1);
	assert_false(dev_line(&p->f, 4));
	wr(p, IER, 2); /* at once, the register being empty */
	assert_true(dev_line(&p->f, 4));
	assert_int_equal(rd(p, IIR), 2); /* and reading it ends it */
	assert_false(dev_line(&p->f, 4));
	assert_int_equal(rd(p, IIR), 1);
	wr(p, DATA, 'b');
	assert_true(dev_line(&p->f, 4));
	wr(p, IER, 0);
	assert_false(dev_line(&p->f, 4));
	wr(p, IER, 2);
	assert_int_equal(rd(p, IIR), 2);
	assert_memory_equal(p->out, "ab", 2);
}

static void test_serial_receive(void **state)
{
	struct ports *p = *state;

	assert_int_equal(feed(p, "xy"), 1); /* no FIFO yet */
	assert_int_equal(rd(p, LSR), 0x61);
	p->feed = "y";
	assert_int_equal(rd(p, DATA), 'x');
	assert_int_equal(p->invited, 1);
	assert_int_equal(rd(p, DATA), 'y');
	assert_int_equal(p->invited, 1);
	assert_int_equal(rd(p, DATA), 0);
	wr(p, IER, 1);
	assert_int_equal(feed(p, "z"), 1);
	assert_true(dev_line(&p->f, 4));
	assert_int_equal(rd(p, IIR), 4);
	assert_int_equal(rd(p, DATA), 'z');
	assert_false(dev_line(&p->f, 4));
}

static void test_serial_fifo(void **state)
{
	struct ports *p = *state;

	wr(p, LCR, 0x80);
	wr(p, DATA, 1);
	wr(p, IER, 0);
	wr(p, LCR, 3);
	wr(p, IIR, 0x81); /* trigger at 8 */
	wr(p, IER, 1);
	p->feed = "0123456789";
	assert_int_equal(feed(p, "abcdefghijklmnopqrst"), 16);
	assert_true(dev_line(&p->f, 4));
	assert_int_equal(rd(p, IIR), 0xc4);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(rd(p, DATA), 'a' + i);
	assert_false(dev_line(&p->f, 4)); /* seven left */
	assert_int_equal(p->invited, 0);
	dev_advance(&p->f, 300000);
	assert_int_equal(rd(p, IIR), 0xc1);
	dev_advance(&p->f, 50000); /* four characters' time at 115200 */
	assert_int_equal(rd(p, IIR), 0xcc);
	assert_true(dev_line(&p->f, 4));
	for (unsigned i = 9; i < 16; i++)
		assert_int_equal(rd(p, DATA), 'a' + i);
	assert_int_equal(p->invited, 1); /* and the FIFO is filled again */
	assert_int_equal(rd(p, DATA), '0');
	wr(p, IIR, 0x83); /* clear */
	assert_int_equal(rd(p, LSR), 0x60);
	assert_int_equal(feed(p, "q"), 1);
	wr(p, IIR, 0); /* off: cleared too */
	assert_int_equal(rd(p, LSR), 0x60);
}

static void test_serial_loopback(void **state)
{
	struct ports *p = *state;

	wr(p, IIR, 1);
	wr(p, MCR, 0x10);
	assert_int_equal(rd(p, MSR) & 0xf0, 0);
	assert_int_equal(feed(p, "no"), 0);
	for (unsigned i = 0; i < 17; i++)
		wr(p, DATA, (u8)i);
	assert_int_equal(p->out_count, 0);
	assert_int_equal(rd(p, LSR), 0x63); /* overrun */
	assert_int_equal(rd(p, LSR), 0x61);
	wr(p, IER, 0xf);
	wr(p, DATA, 1);
	assert_int_equal(rd(p, IIR), 0xc6); /* line status first */
	rd(p, LSR);
	assert_int_equal(rd(p, IIR), 0xc4);
	wr(p, IIR, 3);
	assert_int_equal(rd(p, IIR), 0xc2);
	wr(p, MCR, 0x14); /* RI rises: no delta; DTR: delta DSR */
	wr(p, MCR, 0x11);
	assert_int_equal(rd(p, IIR), 0xc0);
	assert_int_equal(rd(p, MSR), 0x26); /* trailing edge of RI, DSR changed */
	assert_int_equal(rd(p, MSR), 0x20);
	wr(p, MCR, 0);
	assert_true(p->invited > 0);
	serial_reset(p->serial);
	assert_int_equal(rd(p, IER) | rd(p, MCR), 0);
	assert_false(dev_line(&p->f, 4));
}

static void test_serial_wide(void **state)
{
	struct ports *p = *state;

	dev_out(&p->f, COM1, 2, 0x0241); /* data and IER in one */
	assert_int_equal(p->out[0], 'A');
	assert_int_equal(rd(p, IER), 2);
	assert_int_equal(dev_in(&p->f, COM1 + LSR, 2), 0xb060);
}

/* --- keyboard controller ------------------------------------------------------- */

static void test_i8042(void **state)
{
	struct ports *p = *state;
	struct dev_fixture *f = &p->f;

	assert_int_equal(dev_inb(f, 0x64) & 1, 0);
	dev_outb(f, 0x64, 0xaa);
	assert_int_equal(dev_inb(f, 0x64) & 0xf, 0xd);
	assert_int_equal(dev_inb(f, 0x60), 0x55);
	assert_int_equal(dev_inb(f, 0x64) & 1, 0);
	dev_outb(f, 0x64, 0x60);
	dev_outb(f, 0x60, 0x45); /* with interrupt */
	dev_outb(f, 0x64, 0x20);
	assert_true(dev_line(f, 1));
	assert_int_equal(dev_inb(f, 0x60), 0x45);
	assert_false(dev_line(f, 1));
	dev_outb(f, 0x64, 0xd3); /* no mouse: the loop answers as keyboard data */
	dev_outb(f, 0x60, 0x5a);
	assert_int_equal(dev_inb(f, 0x64) & 0x21, 1);
	dev_inb(f, 0x60);
	dev_outb(f, 0x60, 0xff); /* to a keyboard that is not there */
	assert_int_equal(dev_inb(f, 0x64) & 1, 0);
	dev_outb(f, 0x64, 0xd1);
	dev_outb(f, 0x60, 0xdd); /* A20 off */
	assert_int_equal(dev_inb(f, 0x92), 0);
	dev_outb(f, 0x92, 2);
	dev_outb(f, 0x64, 0xd0);
	assert_int_equal(dev_inb(f, 0x60), 0xdf);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RUNS);
	dev_outb(f, 0x64, 0xfe);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RESET);
	vm_clear_stop(&f->vm);
	i8042_reset(p->i8042);
	dev_outb(f, 0x92, 3);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RESET);
	vm_clear_stop(&f->vm);
	dev_outb(f, 0x64, 0xd1);
	dev_outb(f, 0x60, 0);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RESET);
}

/* --- ACPI ------------------------------------------------------------------------ */

static void test_power_button(void **state)
{
	struct ports *p = *state;
	struct dev_fixture *f = &p->f;

	assert_int_equal(dev_in(f, 0x604, 2), 1);
	acpi_pm_power_button(p->pm);
	assert_int_equal(dev_in(f, 0x600, 2), 0x100);
	assert_false(dev_line(f, 9));
	dev_out(f, 0x602, 2, 0x100);
	assert_true(dev_line(f, 9));
	dev_out(f, 0x600, 2, 0xfeff);
	assert_true(dev_line(f, 9));
	dev_out(f, 0x600, 2, 0x100);
	assert_false(dev_line(f, 9));
	assert_int_equal(dev_in(f, 0x600, 4), 0x1000000);
	acpi_pm_power_button(p->pm);
	acpi_pm_reset(p->pm);
	assert_false(dev_line(f, 9));
	assert_int_equal(dev_in(f, 0x600, 4), 0);
}

static void test_power_off(void **state)
{
	struct ports *p = *state;
	struct dev_fixture *f = &p->f;

	dev_out(f, 0x604, 2, 0x2001); /* S0 */
	dev_out(f, 0x604, 2, 5 << 10);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RUNS);
	assert_int_equal(dev_in(f, 0x604, 2), 0x1401);
	dev_out(f, 0x604, 2, 0x2000 | 5 << 10);
	assert_int_equal(vm_stop_reason(&f->vm), VM_POWEROFF);
	vm_clear_stop(&f->vm);
	dev_outb(f, 0x605, 0x34);
	assert_int_equal(vm_stop_reason(&f->vm), VM_POWEROFF);
}

static void test_pm_timer(void **state)
{
	struct ports *p = *state;
	struct dev_fixture *f = &p->f;
	u32 t = dev_in(f, 0x608, 4);

	dev_advance(f, NS_PER_SEC);
	assert_in_range(dev_in(f, 0x608, 4) - t, 3579545, 3579546);
	dev_out(f, 0x602, 2, 1); /* the overflow interrupt */
	dev_out(f, 0x600, 2, 1);
	assert_false(dev_line(f, 9));
	dev_advance(f, 601 * NS_PER_SEC);
	assert_true(dev_line(f, 9));
	assert_int_equal(f->lines.rises[9], 1);
	dev_out(f, 0x600, 2, 1);
	assert_false(dev_line(f, 9));
	dev_advance(f, 600 * NS_PER_SEC);
	assert_true(dev_line(f, 9));
}

static void test_reset_register(void **state)
{
	struct ports *p = *state;
	struct dev_fixture *f = &p->f;

	dev_outb(f, 0xcf9, 2);
	assert_int_equal(dev_inb(f, 0xcf9), 2);
	dev_out(f, 0xcf8, 4, 0x80000600); /* PCI's business */
	assert_int_equal(dev_in(f, 0xcf8, 4), 0xffffffff);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RUNS);
	dev_outb(f, 0xcf9, 6);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RESET);
	vm_clear_stop(&f->vm);
	acpi_pm_reset(p->pm);
	dev_outb(f, 0xcf9, 0xe);
	assert_int_equal(vm_stop_reason(&f->vm), VM_RESET);
}

/* --- what test kernels use --------------------------------------------------------- */

static void test_debug_exit(void **state)
{
	struct ports *p = *state;
	struct vm *vm = &p->f.vm;

	dev_out(&p->f, 0xf4, 4, 0x101);
	assert_int_equal(vm_stop_reason(vm), VM_DEBUG_EXIT);
	assert_int_equal(vm->exit_code, 3);
	vm_clear_stop(vm);
	dev_outb(&p->f, 0xf4, 0xff);
	assert_int_equal(vm->exit_code, 0xff);
	vm_clear_stop(vm);
	for (const char *s = "ShutShutdow"; *s; s++)
		dev_outb(&p->f, 0x8900, (u8)*s);
	assert_int_equal(vm_stop_reason(vm), VM_RUNS);
	dev_outb(&p->f, 0x8900, 'n');
	assert_int_equal(vm_stop_reason(vm), VM_POWEROFF);
}

static u64 fw_item(struct ports *p, u16 key, unsigned size)
{
	u64 v = 0;

	dev_out(&p->f, 0x510, 2, key);
	for (unsigned i = 0; i < size; i++)
		v |= (u64)dev_inb(&p->f, 0x511) << (8 * i);
	return v;
}

static void test_fw_cfg(void **state)
{
	struct ports *p = *state;

	assert_int_equal(fw_item(p, 0, 4), 0x554d4551);
	assert_int_equal(fw_item(p, 1, 4), 1);
	assert_int_equal(fw_item(p, 3, 8), MIB(768));
	assert_int_equal(dev_inb(&p->f, 0x511), 0); /* past the end */
	assert_int_equal(fw_item(p, 5, 2), 3);
	assert_int_equal(fw_item(p, 0xf, 2), 3);
	assert_int_equal(fw_item(p, 0x11, 4), 0);
	assert_int_equal(fw_item(p, 0x19, 4), 0);
	assert_int_equal(fw_item(p, 0x8003, 8), 0);
	dev_outb(&p->f, 0x510, 5);
	assert_int_equal(dev_inb(&p->f, 0x511), 3);
	dev_out(&p->f, 0x510, 4, 5);
	assert_int_equal(dev_in(&p->f, 0x510, 4) & 0xff, 0);
}

static void test_testdev(void **state)
{
	struct ports *p = *state;
	struct dev_fixture *f = &p->f;
	struct bus *mmio = &f->vm.mmio;

	dev_out(f, 0xe0, 4, 0x12345678);
	assert_int_equal(dev_in(f, 0xe0, 4), 0x12345678);
	assert_int_equal(dev_in(f, 0xe1, 2), 0x3456);
	dev_outb(f, 0xe3, 0xab);
	assert_int_equal(dev_in(f, 0xe2, 2), 0xab34);
	dev_outb(f, 0xe8, 0x11);
	dev_out(f, 0xe9, 2, 0x3322);
	assert_int_equal(dev_in(f, 0xe8, 4) & 0xffffff, 0x332211);
	dev_out(f, 0xe4, 4, 0x1234567);
	assert_int_equal(p->flushed, 0x1234000);
	dev_outb(f, 0x200e, 1);
	assert_true(dev_line(f, 14));
	dev_outb(f, 0x200e, 0);
	assert_false(dev_line(f, 14));
	bus_write(mmio, NULL, 0xff00fff8, 8, 0x1122334455667788);
	assert_true(bus_read(mmio, NULL, 0xff00fff8, 8) == 0x1122334455667788);
	assert_int_equal(bus_read(mmio, NULL, 0xff00fff9, 2), 0x6677);
}

/* Every port can be taken already, and memory can be short. */
static void test_create_unwinds(void **state)
{
	static const u64 taken[] = { COM1 + 7, 0x92, 0xcf8, 0x8900, 0x511, 0x2000 };
	struct dev_fixture f;
	union {
		struct serial *serial;
		struct i8042 *i8042;
		struct acpi_pm *pm;
		struct debug_exit *debug;
		struct fw_cfg *fw;
		struct testdev *test;
	} d;

	(void)state;
	dev_init(&f, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
		bus_add(&f.vm.pio, &(struct bus_range){ .base = taken[i], .size = 1 });
	for (int oom = 0; oom < 2; oom++) {
		int e = oom ? -ENOMEM : -EEXIST;

		fake.alloc_budget_on = oom; /* the next allocation fails */
		fake.alloc_budget = 0;
		assert_int_equal(serial_create(&f.vm, COM1, 4, NULL, &d.serial), e);
		fake.alloc_budget = 0;
		assert_int_equal(i8042_create(&f.vm, &d.i8042), e);
		fake.alloc_budget = 0;
		assert_int_equal(acpi_pm_create(&f.vm, &d.pm), e);
		fake.alloc_budget = 0;
		assert_int_equal(debug_exit_create(&f.vm, &d.debug), e);
		fake.alloc_budget = 0;
		assert_int_equal(fw_cfg_create(&f.vm, 0, 1, &d.fw), e);
		fake.alloc_budget = 0;
		assert_int_equal(testdev_create(&f.vm, NULL, NULL, &d.test), e);
		assert_int_equal(f.vm.pio.count, ARRAY_SIZE(taken));
		assert_int_equal(f.vm.mmio.count, 0);
	}
	dev_fini(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_serial_autoconfig), T(test_serial_transmit),
		T(test_serial_receive), T(test_serial_fifo),
		T(test_serial_loopback), T(test_serial_wide), T(test_i8042),
		T(test_power_button), T(test_power_off), T(test_pm_timer),
		T(test_reset_register), T(test_debug_exit), T(test_fw_cfg),
		T(test_testdev), cmocka_unit_test(test_create_unwinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
