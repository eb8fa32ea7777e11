/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/i8042.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x60, 1 }, { false, 0x64, 1 }, { false, 0x92, 1 } };
	struct dev_fixture f;
	struct i8042 *d;

	dev_init(&f, 1);
	dev_check(i8042_create(&f.vm, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	i8042_reset(d);
	i8042_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
