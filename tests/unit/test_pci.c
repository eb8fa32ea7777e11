/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus from the guest's side: configuration, BARs, INTx, MSI-X. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/pci.h>

#include "dev_fixture.h"

struct box {
	struct dev_fixture f;
	struct pci_host *host;
	struct pci_func a, b;
	u64 offset, value; /* of the last access to a BAR */
	unsigned messages;
	u64 address;
	u32 data;
};

static u64 bar_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	struct box *b = ctx;

	(void)v, (void)size;
	b->offset = offset;
	return 0x1122334455667788;
}

static void bar_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	struct box *b = ctx;

	(void)v, (void)size;
	b->offset = offset;
	b->value = value;
}

static const struct bus_ops bar_ops = { bar_read, bar_write };

static int send(void *ctx, u64 address, u32 data)
{
	struct box *b = ctx;

	b->messages++;
	b->address = address;
	b->data = data;
	return 0;
}

static int setup(void **state)
{
	static const struct pci_id id = { .name = "test", .vendor = 0x1234, .device = 0x5678,
					  .subsystem = 9, .class_code = 0x123456,
					  .revision = 7, .intx = true };
	static struct box b;

	memset(&b, 0, sizeof b);
	dev_init(&b.f, 1);
	irq_set_msi_sink(&b.f.vm, &(struct msi_sink){ send, &b });
	assert_int_equal(pci_host_create(&b.f.vm, &b.host), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct pci_func *f = i ? &b.b : &b.a;

		pci_func_init(f, &id, NULL);
		assert_int_equal(pci_func_bar(f, 0, 0x4000, true, &bar_ops, &b), 0);
		assert_int_equal(pci_func_bar(f, 2, 0x1000, false, &bar_ops, &b), 0);
		assert_int_equal(pci_func_msix(f, 3, 0, 0x2000, 0x3000), 0);
		assert_int_equal(pci_func_add(b.host, f), 0);
	}
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	pci_func_remove(&b->a);
	pci_func_remove(&b->b);
	pci_host_destroy(b->host);
	assert_int_equal(b->f.vm.mmio.count, 0);
	assert_int_equal(b->f.vm.pio.count, 0);
	assert_int_equal(b->f.lines.level, 0);
	dev_fini(&b->f);
	return 0;
}

static u32 cfg(struct box *b, unsigned device, unsigned reg, unsigned size)
{
	dev_out(&b->f, 0xcf8, 4, 0x80000000 | device << 11 | (reg & 0xfc));
	return dev_in(&b->f, (u16)(0xcfc + (reg & 3)), size);
}

static void cfg_set(struct box *b, unsigned device, unsigned reg, unsigned size, u32 v)
{
	dev_out(&b->f, 0xcf8, 4, 0x80000000 | device << 11 | (reg & 0xfc));
	dev_out(&b->f, (u16)(0xcfc + (reg & 3)), size, v);
}

static u64 rd(struct box *b, u64 addr, unsigned size)
{
	return bus_read(&b->f.vm.mmio, NULL, addr, size);
}

static void wr(struct box *b, u64 addr, unsigned size, u64 v)
{
	bus_write(&b->f.vm.mmio, NULL, addr, size, v);
}

static void test_header(void **state)
{
	struct box *b = *state;

	assert_int_equal(cfg(b, 1, 0, 4), 0x56781234);
	assert_int_equal(cfg(b, 1, 8, 4), 0x12345607);
	assert_int_equal(cfg(b, 1, 0x2e, 2), 9);
	assert_int_equal(cfg(b, 1, 0x3d, 1), 1);
	assert_int_equal(cfg(b, 3, 0, 4), 0xffffffff);
	cfg_set(b, 1, 0, 4, 0);
	assert_int_equal(cfg(b, 1, 0, 4), 0x56781234);
	/* the same by ECAM; beyond 256 bytes there is nothing */
	assert_int_equal(rd(b, PCI_ECAM_BASE + 0x8000, 4), 0x56781234);
	assert_int_equal(rd(b, PCI_ECAM_BASE + 0x8002, 2), 0x5678);
	assert_int_equal(rd(b, PCI_ECAM_BASE + 0x8100, 4), 0);
	assert_int_equal(rd(b, PCI_ECAM_BASE + 0x9000, 4), 0xffffffff);
	assert_int_equal(rd(b, PCI_ECAM_BASE + 0x8000, 8), ~(u64)0);
	assert_int_equal(rd(b, PCI_ECAM_BASE + PCI_ECAM_SIZE - 1, 1), 0xff);
	wr(b, PCI_ECAM_BASE + 0x803c, 1, 0x5a);
	assert_int_equal(cfg(b, 1, 0x3c, 1), 0x5a);
	/* capability list: MSI-X alone */
	assert_true(cfg(b, 1, 6, 2) & 0x10);
	assert_int_equal(cfg(b, 1, 0x34, 1), 0x40);
	assert_int_equal(cfg(b, 1, 0x40, 4), 0x00020011);
	assert_int_equal(cfg(b, 1, 0x44, 4), 0x2000);
	assert_int_equal(cfg(b, 1, 0x48, 4), 0x3000);
}

static void test_bars(void **state)
{
	struct box *b = *state;
	u32 home = cfg(b, 1, 0x10, 4);

	/* homes: apart, aligned, decoding off */
	assert_int_equal(home & 0xf, 4);
	assert_int_equal((home & ~0xfu) % 0x4000, 0);
	assert_true(cfg(b, 1, 0x18, 4) >= (home & ~0xfu) + 0x4000);
	assert_int_equal(rd(b, home & ~0xfu, 4), 0xffffffff);
	/* sizing */
	cfg_set(b, 1, 0x10, 4, ~0u);
	cfg_set(b, 1, 0x14, 4, ~0u);
	assert_int_equal(cfg(b, 1, 0x10, 4), 0xffffc004);
	assert_int_equal(cfg(b, 1, 0x14, 4), 0xffffffff);
	cfg_set(b, 1, 0x18, 4, ~0u);
	assert_int_equal(cfg(b, 1, 0x18, 4), 0xfffff000);
	cfg_set(b, 1, 0x1c, 4, ~0u);
	assert_int_equal(cfg(b, 1, 0x1c, 4), 0);
	/* above 4 GiB, moved while on, and off again */
	cfg_set(b, 1, 0x10, 4, 0x10000);
	cfg_set(b, 1, 0x14, 4, 0x20);
	cfg_set(b, 1, 4, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(rd(b, 0x2000010008, 8), 0x1122334455667788);
	assert_int_equal(b->offset, 8);
	cfg_set(b, 1, 0x14, 4, 0x21);
	assert_int_equal(rd(b, 0x2000010008, 8), ~(u64)0);
	wr(b, 0x2100010010, 2, 77);
	assert_int_equal(b->value, 77);
	assert_int_equal(b->offset, 0x10);
	cfg_set(b, 1, 4, 2, 0);
	assert_int_equal(rd(b, 0x2100010008, 8), ~(u64)0);
}

static void test_bars_collide(void **state)
{
	struct box *b = *state;
	u32 home = cfg(b, 1, 0x18, 4);

	cfg_set(b, 1, 4, 2, PCI_COMMAND_MEMORY);
	cfg_set(b, 2, 4, 2, PCI_COMMAND_MEMORY);
	b->offset = 0;
	cfg_set(b, 2, 0x18, 4, home); /* taken: answered by nobody but the first */
	assert_int_equal((u32)rd(b, home + 4, 4), 0x55667788);
	cfg_set(b, 1, 0x18, 4, 0xd0000000);
	assert_true(b->b.bars[2].mapped);
	assert_int_equal((u32)rd(b, home + 4, 4), 0x55667788);
	/* on top of ECAM, and address 0 */
	cfg_set(b, 2, 0x18, 4, PCI_ECAM_BASE);
	assert_false(b->b.bars[2].mapped);
	cfg_set(b, 2, 0x18, 4, 0);
	assert_false(b->b.bars[2].mapped);
	pci_host_reset(b->host);
	assert_int_equal(cfg(b, 1, 0x18, 4), home);
	assert_int_equal(cfg(b, 1, 4, 2), 0);
}

static void test_intx(void **state)
{
	struct box *b = *state;

	pci_func_intx(&b->a, true);
	assert_true(dev_line(&b->f, 17));
	assert_true(cfg(b, 1, 6, 2) & 8);
	cfg_set(b, 1, 4, 2, PCI_COMMAND_INTX_OFF);
	assert_false(dev_line(&b->f, 17));
	assert_true(cfg(b, 1, 6, 2) & 8);
	pci_func_intx(&b->b, true);
	assert_true(dev_line(&b->f, 18));
	cfg_set(b, 1, 4, 2, 0);
	assert_true(dev_line(&b->f, 17));
	cfg_set(b, 1, 0x42, 2, 0x8000); /* MSI-X instead */
	assert_false(dev_line(&b->f, 17));
	cfg_set(b, 1, 0x42, 2, 0);
	assert_true(dev_line(&b->f, 17));
	pci_func_intx(&b->a, false);
	assert_false(dev_line(&b->f, 17));
	pci_host_reset(b->host);
	assert_false(dev_line(&b->f, 18));
}

static void test_msix(void **state)
{
	struct box *b = *state;
	u64 table = (cfg(b, 1, 0x10, 4) & ~0xfu) + 0x2000, pba = table + 0x1000;

	cfg_set(b, 1, 4, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(rd(b, table + 12, 4), 1); /* masked at first */
	wr(b, table + 16, 8, 0x1fee00003); /* low two bits do not stick */
	wr(b, table + 24, 4, 0x4042);
	assert_int_equal(rd(b, table + 16, 8), 0x1fee00000);
	assert_int_equal(rd(b, table + 24, 8), 0x100004042);
	pci_msix_send(&b->a, 1); /* disabled: lost */
	cfg_set(b, 1, 0x42, 2, 0xffff);
	assert_int_equal(cfg(b, 1, 0x42, 2), 0xc002);
	assert_int_equal(rd(b, pba, 8), 0);
	pci_msix_send(&b->a, 1);
	pci_msix_send(&b->a, 3); /* there is none */
	assert_int_equal(rd(b, pba, 8), 2);
	wr(b, table + 28, 4, 0);
	assert_int_equal(b->messages, 0);
	cfg_set(b, 1, 0x42, 2, 0x8000);
	assert_int_equal(b->messages, 1);
	assert_int_equal(b->address, 0x1fee00000);
	assert_int_equal(b->data, 0x4042);
	assert_int_equal(rd(b, pba, 8), 0);
	pci_msix_send(&b->a, 1);
	assert_int_equal(b->messages, 2);
	pci_msix_send(&b->a, 0); /* its own mask */
	assert_int_equal(rd(b, pba, 4), 1);
	wr(b, table + 12, 4, 0);
	assert_int_equal(b->messages, 3);
	/* nonsense: narrow, crooked, read-only */
	assert_int_equal(rd(b, table, 2), 0xffff);
	wr(b, table, 1, 0xff);
	wr(b, pba, 8, ~(u64)0);
	assert_int_equal(rd(b, pba, 8), 0);
	assert_int_equal(rd(b, table + 0x30, 4), 0x55667788); /* past its end: the device's */
	cfg_set(b, 1, 4, 2, PCI_COMMAND_MEMORY); /* no bus master, no message */
	pci_msix_send(&b->a, 1);
	assert_int_equal(b->messages, 3);
}

static void test_bad_descriptions(void **state)
{
	static const struct pci_id id = { .name = "bad" };
	static struct pci_func f[PCI_DEVICES];
	struct box *b = *state;
	unsigned n = 0;
	u8 body[256] = { 0 };

	pci_func_init(&f[0], &id, NULL);
	assert_int_equal(pci_func_bar(&f[0], 0, 24, false, &bar_ops, b), -EINVAL);
	assert_int_equal(pci_func_bar(&f[0], 5, 16, true, &bar_ops, b), -EINVAL);
	assert_int_equal(pci_func_msix(&f[0], 1, 0, 0, 16), -EINVAL);
	assert_int_equal(pci_func_cap(&f[0], 9, body, 200), -ENOSPC);
	assert_int_equal(pci_func_bar(&f[0], 0, PCI_MEM_SIZE, false, &bar_ops, b), 0);
	assert_int_equal(pci_func_add(b->host, &f[0]), -ENOSPC);
	memset(&f[0], 0, sizeof f[0]);
	for (; n < PCI_DEVICES; n++) {
		pci_func_init(&f[n], &id, NULL);
		if (pci_func_add(b->host, &f[n]))
			break;
	}
	assert_int_equal(n, PCI_DEVICES - 3);
	while (n--)
		pci_func_remove(&f[n]);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_header), T(test_bars), T(test_bars_collide), T(test_intx),
		T(test_msix), T(test_bad_descriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
