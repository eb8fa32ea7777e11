/* SPDX-License-Identifier: Apache-2.0 */
/* Local APICs of a four-CPU machine, with an 8259 behind the first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trivet/device/lapic.h>
#include <trivet/device/pic.h>

#include "dev_fixture.h"

#define CPUS 4
#define TSC_HZ 2000000000u
#define MSR_BASE 0x1b
#define MSR_DEADLINE 0x6e0
#define X2(reg) (0x800 + (reg) / 16)

enum {
	ID = 0x20, VERSION = 0x30, TPR = 0x80, PPR = 0xa0, EOI = 0xb0,
	LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200,
	ESR = 0x280, ICR = 0x300, ICR2 = 0x310, LVTT = 0x320, LINT0 = 0x350,
	LVTERR = 0x370, TMICT = 0x380, TMCCT = 0x390, TDCR = 0x3e0, SELF = 0x3f0
};

struct apic_fixture {
	struct dev_fixture f;
	struct pic *pic;
	struct lapic_set *set;
	unsigned eois;
	u8 eoi_vector;
};

static u64 test_tsc(struct vcpu *v)
{
	(void)v;
	return fake.clock_ns * (TSC_HZ / 1000000000u);
}

static void count_eoi(void *ctx, u8 vector)
{
	struct apic_fixture *a = ctx;

	a->eois++;
	a->eoi_vector = vector;
}

static void pic_output(void *ctx, bool level)
{
	struct apic_fixture *a = ctx;

	if (a->set)
		lapic_extint(a->set, level);
}

static struct vcpu *cpu(struct apic_fixture *a, unsigned n)
{
	return a->f.vm.vcpus[n];
}

static u32 rd(struct apic_fixture *a, unsigned n, u64 reg)
{
	return (u32)bus_read(&a->f.vm.mmio, cpu(a, n), LAPIC_BASE + reg, 4);
}

static void wr(struct apic_fixture *a, unsigned n, u64 reg, u32 v)
{
	bus_write(&a->f.vm.mmio, cpu(a, n), LAPIC_BASE + reg, 4, v);
}

static int rdmsr(struct apic_fixture *a, unsigned n, u32 msr, u64 *v)
{
	return cpu(a, n)->irq->msr_read(cpu(a, n)->irq_ctx, msr, v);
}

static int wrmsr(struct apic_fixture *a, unsigned n, u32 msr, u64 v)
{
	return cpu(a, n)->irq->msr_write(cpu(a, n)->irq_ctx, msr, v);
}

static u64 msr(struct apic_fixture *a, unsigned n, u32 index)
{
	u64 v = 0;

	assert_int_equal(rdmsr(a, n, index, &v), 0);
	return v;
}

static bool pending(struct apic_fixture *a, unsigned n)
{
	return cpu(a, n)->irq->pending(cpu(a, n)->irq_ctx);
}

static int ack(struct apic_fixture *a, unsigned n)
{
	return cpu(a, n)->irq->ack(cpu(a, n)->irq_ctx);
}

static u32 events(struct apic_fixture *a, unsigned n)
{
	u32 e = cpu(a, n)->events;

	cpu(a, n)->events = 0;
	return e;
}

static void x2apic(struct apic_fixture *a, unsigned n)
{
	assert_int_equal(wrmsr(a, n, MSR_BASE, msr(a, n, MSR_BASE) | BIT(10)), 0);
}

static int setup(void **state)
{
	static struct apic_fixture fixture;
	struct apic_fixture *a = &fixture;

	memset(a, 0, sizeof *a);
	dev_init(&a->f, CPUS);
	assert_int_equal(pic_create(&a->f.vm, pic_output, a, &a->pic), 0);
	assert_int_equal(lapic_create(&a->f.vm, a->pic, TSC_HZ, test_tsc, &a->set), 0);
	lapic_set_eoi_sink(a->set, count_eoi, a);
	for (unsigned n = 0; n < CPUS; n++) {
		wr(a, n, SVR, 0x1ff);
		events(a, n);
	}
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct apic_fixture *a = *state;

	lapic_destroy(a->set);
	pic_destroy(a->pic);
	assert_true(timers_next(&a->f.vm) == TIMER_NEVER);
	assert_int_equal(a->f.vm.mmio.count + a->f.vm.pio.count, 0);
	dev_fini(&a->f);
	return 0;
}

/* --- registers, reset, modes ------------------------------------------------ */

static void test_power_up(void **state)
{
	struct apic_fixture *a = *state;

	lapic_reset_all(a->set);
	assert_int_equal(rd(a, 2, ID), 2u << 24);
	assert_int_equal(rd(a, 2, VERSION), 0x50014);
	assert_int_equal(rd(a, 2, SVR), 0xff);
	assert_int_equal(rd(a, 2, DFR), 0xffffffff);
	assert_int_equal(rd(a, 2, LDR), 0);
	for (unsigned reg = LVTT; reg <= LVTERR; reg += 0x10)
		assert_int_equal(rd(a, 2, reg), 0x10000);
	assert_int_equal(msr(a, 0, MSR_BASE), 0xfee00900);
	assert_int_equal(msr(a, 1, MSR_BASE), 0xfee00800);
	/* virtual wire on the boot processor */
	assert_int_equal(rd(a, 0, LINT0), 0x700);
}

static void test_base_transitions(void **state)
{
	struct apic_fixture *a = *state;
	u64 base = 0xfee00900, bad;

	assert_int_equal(wrmsr(a, 0, MSR_BASE, base | 1), -EINVAL);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, base | BIT(9)), -EINVAL);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, base | BIT(46)), -EINVAL);
	bad = (base & ~BIT(11)) | BIT(10);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, bad), -EINVAL);
	x2apic(a, 0);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, base), -EINVAL); /* to xAPIC */
	assert_int_equal(wrmsr(a, 0, MSR_BASE, bad), -EINVAL);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, base & ~BIT(11)), 0); /* off */
	assert_int_equal(wrmsr(a, 0, MSR_BASE, base | BIT(10)), -EINVAL);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, base), 0);
	assert_int_equal(rd(a, 0, VERSION), 0x50014);
	assert_int_equal(msr(a, 0, MSR_BASE), base);
}

/* What kvm-unit-tests' apic test does: no memory, but CR8 works. */
static void test_disabled(void **state)
{
	struct apic_fixture *a = *state;
	const struct vcpu_irq_ops *ops = cpu(a, 1)->irq;
	void *ctx = cpu(a, 1)->irq_ctx;

	ops->set_tpr(ctx, 5);
	assert_int_equal(wrmsr(a, 1, MSR_BASE, 0xfee00000), 0);
	assert_int_equal(rd(a, 1, VERSION), 0xffffffff);
	wr(a, 1, TPR, 0xff);
	assert_int_equal(ops->get_tpr(ctx), 5);
	ops->set_tpr(ctx, 3);
	assert_int_equal(ops->get_tpr(ctx), 3);
	assert_int_equal(rd(a, 0, VERSION), 0x50014); /* only that one is off */
	irq_send_msi(&a->f.vm, 0xfee01000, 0x50);
	assert_int_equal(wrmsr(a, 1, MSR_BASE, 0xfee00800), 0);
	assert_int_equal(rd(a, 1, TPR), 0x30);
	assert_int_equal(rd(a, 1, SVR), 0x1ff);
	assert_false(pending(a, 1));
}

static void test_relocation(void **state)
{
	struct apic_fixture *a = *state;
	struct bus *mmio = &a->f.vm.mmio;

	assert_int_equal(wrmsr(a, 0, MSR_BASE, 0x42000900), 0);
	assert_int_equal(bus_read(mmio, cpu(a, 0), 0x42000030, 4), 0x50014);
	assert_int_equal(bus_read(mmio, cpu(a, 1), 0x42000030, 4), 0xffffffff);
	assert_int_equal(rd(a, 0, VERSION), 0xffffffff);
	assert_int_equal(rd(a, 1, VERSION), 0x50014);
	assert_int_equal(wrmsr(a, 0, MSR_BASE, 0xfee00900), 0);
	assert_int_equal(rd(a, 0, VERSION), 0x50014);
	assert_int_equal(mmio->count, 1);
}

static void test_access_sizes(void **state)
{
	struct apic_fixture *a = *state;
	struct bus *mmio = &a->f.vm.mmio;

	assert_int_equal(bus_read(mmio, cpu(a, 0), LAPIC_BASE + VERSION, 8), 0x50014);
	assert_int_equal(bus_read(mmio, cpu(a, 0), LAPIC_BASE + VERSION + 2, 1), 5);
	assert_int_equal(bus_read(mmio, cpu(a, 0), LAPIC_BASE + VERSION + 8, 4), 0);
	bus_write(mmio, cpu(a, 0), LAPIC_BASE + TPR, 1, 0x20);
	bus_write(mmio, cpu(a, 0), LAPIC_BASE + TPR, 8, 0x20);
	assert_int_equal(rd(a, 0, TPR), 0);
	assert_int_equal(bus_read(mmio, NULL, LAPIC_BASE + VERSION, 4), 0xffffffff);
}

static void test_x2apic_registers(void **state)
{
	struct apic_fixture *a = *state;
	u64 v;

	assert_int_equal(rdmsr(a, 3, X2(VERSION), &v), -EINVAL); /* still xAPIC */
	x2apic(a, 3);
	assert_int_equal(rd(a, 3, VERSION), 0xffffffff);
	assert_int_equal(msr(a, 3, X2(ID)), 3);
	assert_int_equal(msr(a, 3, X2(VERSION)), 0x50014);
	assert_int_equal(msr(a, 3, X2(LDR)), 8);
	assert_int_equal(wrmsr(a, 3, X2(ID), 0), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(LDR), 0), -EINVAL);
	assert_int_equal(rdmsr(a, 3, X2(DFR), &v), -EINVAL);
	assert_int_equal(rdmsr(a, 3, X2(ICR2), &v), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(ICR2), 0), -EINVAL);
	assert_int_equal(rdmsr(a, 3, X2(EOI), &v), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(EOI), 1), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(EOI), 0), 0);
	assert_int_equal(rdmsr(a, 3, X2(SELF), &v), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(TPR), 0x100), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(TPR), BIT(32)), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(TPR), 0x20), 0);
	assert_int_equal(wrmsr(a, 3, X2(ESR), 1), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(IRR), 0), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(ICR), BIT(20)), -EINVAL);
	assert_int_equal(rdmsr(a, 3, 0x840, &v), -EINVAL);
	assert_int_equal(rdmsr(a, 3, 0x8ff, &v), -EINVAL);
	assert_int_equal(wrmsr(a, 3, X2(LVTT), 0x20), 0);
	assert_int_equal(msr(a, 3, X2(LVTT)), 0x20);
}

static void test_software_disable(void **state)
{
	struct apic_fixture *a = *state;

	wr(a, 1, LVTERR, 0xfe);
	wr(a, 1, SVR, 0xff);
	assert_int_equal(rd(a, 1, LVTERR), 0x100fe);
	wr(a, 1, LVTERR, 0xfe);
	assert_int_equal(rd(a, 1, LVTERR), 0x100fe); /* cannot be unmasked */
	wr(a, 0, ICR2, 1u << 24);
	wr(a, 0, ICR, 0x4050);
	assert_false(pending(a, 1));
	wr(a, 0, ICR, 0x4400); /* but an NMI comes through */
	assert_int_equal(events(a, 1), VCPU_EVENT_NMI);
}

/* --- delivery --------------------------------------------------------------- */

static void test_priorities(void **state)
{
	struct apic_fixture *a = *state;

	irq_send_msi(&a->f.vm, 0xfee00000, 0x41);
	irq_send_msi(&a->f.vm, 0xfee00000, 0x45);
	irq_send_msi(&a->f.vm, 0xfee00000, 0x61);
	assert_int_equal(events(a, 0), VCPU_EVENT_IRQ);
	assert_int_equal(rd(a, 0, IRR + 0x20), 0x22);
	assert_int_equal(rd(a, 0, IRR + 0x30), 2);
	assert_int_equal(ack(a, 0), 0x61);
	assert_int_equal(rd(a, 0, PPR), 0x60);
	assert_int_equal(rd(a, 0, ISR + 0x30), 2);
	assert_false(pending(a, 0));
	assert_int_equal(ack(a, 0), -EAGAIN);
	wr(a, 0, EOI, 0);
	assert_int_equal(events(a, 0), VCPU_EVENT_IRQ); /* told to look again */
	assert_int_equal(ack(a, 0), 0x45);
	assert_false(pending(a, 0)); /* 41 is of the same class */
	wr(a, 0, EOI, 0);
	wr(a, 0, TPR, 0x40);
	assert_false(pending(a, 0));
	assert_int_equal(rd(a, 0, PPR), 0x40);
	events(a, 0);
	cpu(a, 0)->irq->set_tpr(cpu(a, 0)->irq_ctx, 3);
	assert_int_equal(events(a, 0), VCPU_EVENT_IRQ);
	assert_int_equal(ack(a, 0), 0x41);
	wr(a, 0, EOI, 0);
	wr(a, 0, EOI, 0); /* with nothing in service */
	assert_int_equal(a->eois, 0);
}

static void test_level_eoi(void **state)
{
	struct apic_fixture *a = *state;

	irq_send_msi(&a->f.vm, 0xfee01000, 0xc051);
	assert_int_equal(rd(a, 1, TMR + 0x20), 0x20000);
	assert_int_equal(ack(a, 1), 0x51);
	wr(a, 1, EOI, 0);
	assert_int_equal(a->eois, 1);
	assert_int_equal(a->eoi_vector, 0x51);
	irq_send_msi(&a->f.vm, 0xfee01000, 0x51); /* now by edge */
	assert_int_equal(rd(a, 1, TMR + 0x20), 0);
}

static unsigned receivers(struct apic_fixture *a, u8 vector)
{
	unsigned mask = 0;

	for (unsigned n = 0; n < CPUS; n++) {
		if (!pending(a, n))
			continue;
		assert_int_equal(ack(a, n), vector);
		if (msr(a, n, MSR_BASE) & BIT(10))
			wrmsr(a, n, X2(EOI), 0);
		else
			wr(a, n, EOI, 0);
		mask |= 1u << n;
	}
	return mask;
}

static unsigned ipi(struct apic_fixture *a, u32 dest, u32 icr)
{
	wr(a, 0, ICR2, dest << 24);
	wr(a, 0, ICR, icr);
	return receivers(a, (u8)icr);
}

static void test_physical_and_shorthand(void **state)
{
	struct apic_fixture *a = *state;

	assert_int_equal(ipi(a, 2, 0x40f1), 4);
	assert_int_equal(ipi(a, 9, 0x40f1), 0);
	assert_int_equal(ipi(a, 0xff, 0x40f1), 0xf);
	assert_int_equal(ipi(a, 0, 0x440f1), 1);
	assert_int_equal(ipi(a, 0, 0x840f1), 0xf);
	assert_int_equal(ipi(a, 0, 0xc40f1), 0xe);
	assert_int_equal(rd(a, 0, ICR) & 0x1000, 0);
}

static void test_logical(void **state)
{
	struct apic_fixture *a = *state;

	for (unsigned n = 0; n < CPUS; n++)
		wr(a, n, LDR, 0x01000000u << n);
	assert_int_equal(ipi(a, 0x0a, 0x48f1), 0xa);
	assert_int_equal(ipi(a, 0xff, 0x48f1), 0xf);
	assert_int_equal(ipi(a, 0xf0, 0x48f1), 0);
	for (unsigned n = 0; n < CPUS; n++) { /* two clusters of two */
		wr(a, n, DFR, 0x0fffffff);
		wr(a, n, LDR, (n / 2 << 4 | 1u << n % 2) << 24);
	}
	assert_int_equal(ipi(a, 0x13, 0x48f1), 0xc);
	assert_int_equal(ipi(a, 0x02, 0x48f1), 0x2);
	assert_int_equal(ipi(a, 0x2f, 0x48f1), 0);
	assert_int_equal(ipi(a, 0xff, 0x48f1), 0xf);
}

static void test_x2apic_destinations(void **state)
{
	struct apic_fixture *a = *state;

	for (unsigned n = 0; n < CPUS; n++)
		x2apic(a, n);
	assert_int_equal(wrmsr(a, 1, X2(ICR), 2ull << 32 | 0x40f1), 0);
	assert_int_equal(receivers(a, 0xf1), 4);
	assert_int_equal(wrmsr(a, 1, X2(ICR), 0xffull << 32 | 0x40f1), 0);
	assert_int_equal(receivers(a, 0xf1), 0);
	assert_int_equal(wrmsr(a, 1, X2(ICR), 0xffffffffull << 32 | 0x40f1), 0);
	assert_int_equal(receivers(a, 0xf1), 0xf);
	assert_int_equal(wrmsr(a, 1, X2(ICR), 6ull << 32 | 0x48f1), 0);
	assert_int_equal(receivers(a, 0xf1), 6);
	assert_int_equal(wrmsr(a, 1, X2(ICR), 0x10006ull << 32 | 0x48f1), 0);
	assert_int_equal(receivers(a, 0xf1), 0);
	assert_int_equal(msr(a, 1, X2(ICR)), 0x10006ull << 32 | 0x48f1);
	assert_int_equal(wrmsr(a, 3, X2(SELF), 0x77), 0);
	assert_int_equal(receivers(a, 0x77), 8);
}

static void test_lowest_priority(void **state)
{
	struct apic_fixture *a = *state;
	unsigned first, second;

	wr(a, 0, TPR, 0x20);
	wr(a, 1, TPR, 0x20);
	first = ipi(a, 0xff, 0x41f1);
	second = ipi(a, 0xff, 0x41f1);
	assert_int_equal(first | second, 0xc); /* the two idle ones, in turn */
	for (unsigned n = 0; n < CPUS; n++)
		wr(a, n, LDR, 0x01000000u << n);
	/* MSI with redirection hint and logical destination */
	assert_int_equal(irq_send_msi(&a->f.vm, 0xfee0b00c, 0xf1), 0);
	assert_int_equal(receivers(a, 0xf1), 8);
	assert_true(irq_send_msi(&a->f.vm, 0xfee09000, 0xf1) < 0);
	assert_int_equal(irq_send_msi(&a->f.vm, 0xfec00000, 0xf1), -EINVAL);
}

static void test_init_sipi(void **state)
{
	struct apic_fixture *a = *state;

	wr(a, 0, ICR, 0xc4500); /* INIT, all but self */
	assert_int_equal(events(a, 0), 0);
	assert_int_equal(events(a, 3), VCPU_EVENT_INIT);
	wr(a, 0, ICR, 0xc8500); /* level de-assert: nothing */
	assert_int_equal(events(a, 3), 0);
	wr(a, 3, TPR, 0x30);
	cpu(a, 3)->irq->reset(cpu(a, 3)->irq_ctx, true);
	assert_int_equal(rd(a, 3, TPR), 0);
	assert_int_equal(rd(a, 3, SVR), 0xff);
	wr(a, 0, ICR2, 3u << 24);
	wr(a, 0, ICR, 0x469a);
	assert_int_equal(events(a, 3), VCPU_EVENT_SIPI);
	assert_int_equal(cpu(a, 3)->sipi_vector, 0x9a);
	x2apic(a, 3); /* INIT keeps the mode */
	cpu(a, 3)->irq->reset(cpu(a, 3)->irq_ctx, true);
	assert_int_equal(msr(a, 3, X2(ID)), 3);
}

static void test_errors(void **state)
{
	struct apic_fixture *a = *state;

	wr(a, 0, LVTERR, 0xfe);
	wr(a, 0, ICR, 0x44005); /* vector 5 */
	assert_int_equal(rd(a, 0, ESR), 0); /* latched only by a write */
	assert_int_equal(ack(a, 0), 0xfe);
	wr(a, 0, EOI, 0);
	wr(a, 0, ESR, 0);
	assert_int_equal(rd(a, 0, ESR), 0x20);
	wr(a, 0, ESR, 0);
	assert_int_equal(rd(a, 0, ESR), 0);
	irq_send_msi(&a->f.vm, 0xfee00000, 3);
	(void)rd(a, 0, 0x3d0);
	wr(a, 0, ESR, 0);
	assert_int_equal(rd(a, 0, ESR), 0xc0);
	wr(a, 0, LVTERR, 3); /* an illegal vector for the error itself */
	wr(a, 0, ICR, 0x44005);
}

static void test_extint(void **state)
{
	struct apic_fixture *a = *state;
	struct dev_fixture *f = &a->f;

	dev_outb(f, 0x20, 0x11);
	dev_outb(f, 0x21, 0x30);
	dev_outb(f, 0x21, 4);
	dev_outb(f, 0x21, 1);
	events(a, 0);
	irq_set(&f->vm, 3, true);
	assert_int_equal(events(a, 0), VCPU_EVENT_IRQ);
	assert_true(pending(a, 0));
	assert_false(pending(a, 1));
	wr(a, 0, LINT0, 0x10700);
	assert_false(pending(a, 0));
	assert_int_equal(wrmsr(a, 0, MSR_BASE, 0xfee00100), 0); /* no APIC: INTR pin */
	assert_true(pending(a, 0));
	assert_int_equal(wrmsr(a, 0, MSR_BASE, 0xfee00900), 0);
	events(a, 0);
	wr(a, 0, LINT0, 0x700);
	assert_int_equal(events(a, 0), VCPU_EVENT_IRQ);
	wr(a, 0, TPR, 0xf0); /* the 8259 knows no priority class */
	assert_int_equal(ack(a, 0), 0x33);
	assert_false(pending(a, 0));
}

static void test_lint0_modes(void **state)
{
	struct apic_fixture *a = *state;

	wr(a, 0, LINT0, 0x400);
	events(a, 0);
	lapic_extint(a->set, true);
	assert_int_equal(events(a, 0), VCPU_EVENT_NMI);
	wr(a, 0, LINT0, 0x55);
	lapic_extint(a->set, true);
	assert_int_equal(ack(a, 0), 0x55);
}

/* --- timer ------------------------------------------------------------------ */

static void test_timer_one_shot(void **state)
{
	struct apic_fixture *a = *state;

	wr(a, 1, TDCR, 0xb);
	wr(a, 1, LVTT, 0x60);
	wr(a, 1, TMICT, 1000000);
	assert_int_equal(rd(a, 1, TMCCT), 1000000);
	dev_advance(&a->f, 400000);
	assert_int_equal(rd(a, 1, TMCCT), 600000);
	dev_advance(&a->f, 599999);
	assert_int_equal(rd(a, 1, TMCCT), 1);
	assert_false(pending(a, 1));
	dev_advance(&a->f, 1);
	assert_int_equal(rd(a, 1, TMCCT), 0);
	assert_int_equal(ack(a, 1), 0x60);
	wr(a, 1, EOI, 0);
	dev_advance(&a->f, 5000000);
	assert_false(pending(a, 1));
	assert_int_equal(rd(a, 1, TMICT), 1000000);
	wr(a, 1, TMICT, 1000);
	wr(a, 1, TMICT, 0); /* stops */
	dev_advance(&a->f, 5000000);
	assert_false(pending(a, 1));
}

static void test_timer_divide(void **state)
{
	static const struct { u32 code; unsigned by; } codes[] = {
		{ 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 },
		{ 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };
	struct apic_fixture *a = *state;

	for (unsigned i = 0; i < 8; i++) {
		wr(a, 0, TDCR, codes[i].code);
		wr(a, 0, TMICT, 1000000);
		dev_advance(&a->f, 1000 * codes[i].by);
		assert_int_equal(rd(a, 0, TMCCT), 999000);
	}
	wr(a, 0, TDCR, 0); /* goes on from there at half the pace */
	assert_int_equal(rd(a, 0, TMCCT), 999000);
	dev_advance(&a->f, 2000);
	assert_int_equal(rd(a, 0, TMCCT), 998000);
}

static void test_timer_periodic(void **state)
{
	struct apic_fixture *a = *state;
	unsigned count = 0;

	wr(a, 0, TDCR, 0xb);
	wr(a, 0, LVTT, 0x20061);
	wr(a, 0, TMICT, 1000000);
	for (unsigned i = 0; i < 1000; i++) {
		dev_advance(&a->f, 100000);
		if (!pending(a, 0))
			continue;
		count++;
		assert_int_equal(ack(a, 0), 0x61);
		wr(a, 0, EOI, 0);
	}
	assert_int_equal(count, 100);
	dev_jump(&a->f, 7350000); /* the host was away: one, and in step again */
	assert_int_equal(ack(a, 0), 0x61);
	wr(a, 0, EOI, 0);
	assert_false(pending(a, 0));
	assert_int_equal(rd(a, 0, TMCCT), 650000);
	dev_advance(&a->f, 650000);
	assert_int_equal(ack(a, 0), 0x61);
}

/* A period far too short must not keep the host busy. */
static void test_timer_flood(void **state)
{
	struct apic_fixture *a = *state;
	unsigned before;

	wr(a, 0, TDCR, 0xb);
	wr(a, 0, LVTT, 0x20061);
	wr(a, 0, TMICT, 1);
	before = fake.wakes;
	dev_advance(&a->f, 10000000);
	assert_in_range(fake.wakes - before, 10, 1000);
	wr(a, 0, TMICT, 0);
}

static void test_timer_mode_change(void **state)
{
	struct apic_fixture *a = *state;

	wr(a, 0, TDCR, 0xb);
	wr(a, 0, LVTT, 0x60);
	wr(a, 0, TMICT, 1000000);
	dev_advance(&a->f, 700000);
	wr(a, 0, LVTT, 0x20060); /* periodic: goes on */
	assert_int_equal(rd(a, 0, TMCCT), 300000);
	dev_advance(&a->f, 400000);
	assert_int_equal(rd(a, 0, TMCCT), 900000);
	wr(a, 0, LVTT, 0x60); /* one-shot again */
	assert_int_equal(rd(a, 0, TMCCT), 900000);
	dev_advance(&a->f, 1000000);
	assert_int_equal(rd(a, 0, TMCCT), 0);
	wr(a, 0, LVTT, 0x20060);
	assert_int_equal(rd(a, 0, TMCCT), 0); /* stays at zero */
	wr(a, 0, TMICT, 1000000);
	wr(a, 0, LVTT, 0x40060); /* deadline mode disarms */
	assert_int_equal(rd(a, 0, TMICT), 0);
	assert_int_equal(rd(a, 0, TMCCT), 0);
}

static void test_timer_deadline(void **state)
{
	struct apic_fixture *a = *state;
	u64 tsc = test_tsc(NULL);

	wrmsr(a, 0, MSR_DEADLINE, tsc + 1000); /* not in that mode: ignored */
	assert_int_equal(msr(a, 0, MSR_DEADLINE), 0);
	wr(a, 0, LVTT, 0x40062);
	wrmsr(a, 0, MSR_DEADLINE, tsc + 2000000);
	assert_true(msr(a, 0, MSR_DEADLINE) == tsc + 2000000);
	dev_advance(&a->f, 999999);
	assert_false(pending(a, 0));
	dev_advance(&a->f, 2);
	assert_int_equal(ack(a, 0), 0x62);
	assert_int_equal(msr(a, 0, MSR_DEADLINE), 0);
	wr(a, 0, EOI, 0);
	wrmsr(a, 0, MSR_DEADLINE, 1); /* long past: at once */
	assert_int_equal(ack(a, 0), 0x62);
	wr(a, 0, EOI, 0);
	wrmsr(a, 0, MSR_DEADLINE, test_tsc(NULL) + 1000);
	wrmsr(a, 0, MSR_DEADLINE, 0); /* disarmed */
	dev_advance(&a->f, 1000000);
	assert_false(pending(a, 0));
	wrmsr(a, 0, MSR_DEADLINE, ~(u64)0); /* never */
	dev_advance(&a->f, 1000000);
	assert_false(pending(a, 0));
	wr(a, 0, TMICT, 5); /* ignored in this mode */
	assert_int_equal(rd(a, 0, TMICT), 0);
}

static void test_create_unwinds(void **state)
{
	struct dev_fixture f;
	struct lapic_set *s = NULL;

	(void)state;
	dev_init(&f, 2);
	fake.alloc_budget_on = true;
	assert_int_equal(lapic_create(&f.vm, NULL, TSC_HZ, test_tsc, &s), -ENOMEM);
	fake.alloc_budget_on = false;
	assert_int_equal(lapic_create(&f.vm, NULL, TSC_HZ, test_tsc, &s), 0);
	assert_int_equal(lapic_create(&f.vm, NULL, TSC_HZ, test_tsc, &s), -EEXIST);
	lapic_destroy(s);
	assert_int_equal(f.vm.mmio.count, 0);
	dev_fini(&f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_power_up), T(test_base_transitions), T(test_disabled),
		T(test_relocation), T(test_access_sizes), T(test_x2apic_registers),
		T(test_software_disable), T(test_priorities), T(test_level_eoi),
		T(test_physical_and_shorthand), T(test_logical),
		T(test_x2apic_destinations), T(test_lowest_priority),
		T(test_init_sipi), T(test_errors), T(test_extint),
		T(test_lint0_modes), T(test_timer_one_shot), T(test_timer_divide),
		T(test_timer_periodic), T(test_timer_flood),
		T(test_timer_mode_change), T(test_timer_deadline),
		cmocka_unit_test(test_create_unwinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
