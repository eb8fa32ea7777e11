/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/ioapic.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { true, IOAPIC_BASE, 0x1000 }, { true, IOAPIC_BASE, 0x14 } };
	struct dev_fixture f;
	struct ioapic *d;

	dev_init(&f, 1);
	dev_check(ioapic_create(&f.vm, 0, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	ioapic_reset(d);
	ioapic_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
