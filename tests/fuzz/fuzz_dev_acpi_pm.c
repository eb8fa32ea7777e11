/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/acpi_pm.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x600, 12 }, { false, 0xcf8, 4 } };
	struct dev_fixture f;
	struct acpi_pm *d;

	dev_init(&f, 1);
	dev_check(acpi_pm_create(&f.vm, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	acpi_pm_reset(d);
	acpi_pm_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
