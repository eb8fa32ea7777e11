/* SPDX-License-Identifier: Apache-2.0 */
/* All the interrupt controllers of a three-CPU machine together. */
#include <trivet/device/ioapic.h>
#include <trivet/device/lapic.h>
#include <trivet/device/pic.h>

#include "dev_fuzz.h"

struct apics {
	struct lapic_set *set;
	struct pic *pic;
	struct ioapic *ioapic;
};

static void intr(void *ctx, bool level)
{
	struct apics *a = ctx;

	if (a->set)
		lapic_extint(a->set, level);
}

static u64 tsc(struct vcpu *v)
{
	return fake.clock_ns * 2 + v->index;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = {
		{ true, LAPIC_BASE, 0x400 }, { true, LAPIC_BASE, 0x1000 },
		{ true, LAPIC_BASE + 0x300, 0x100 }, { true, IOAPIC_BASE, 0x14 },
		{ false, 0x20, 2 }, { false, 0xa0, 2 },
	};
	struct dev_fixture f;
	struct apics a = { 0 };

	dev_init(&f, 3);
	dev_check(pic_create(&f.vm, intr, &a, &a.pic) == 0);
	dev_check(ioapic_create(&f.vm, 3, &a.ioapic) == 0);
	dev_check(lapic_create(&f.vm, a.pic, 2000000000, tsc, &a.set) == 0);
	lapic_set_eoi_sink(a.set, ioapic_eoi, a.ioapic);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	lapic_reset_all(a.set);
	lapic_destroy(a.set);
	a.set = NULL;
	ioapic_destroy(a.ioapic);
	pic_destroy(a.pic);
	dev_fuzz_end(&f);
	return 0;
}
