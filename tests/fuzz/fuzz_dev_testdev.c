/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/testdev.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0xe0, 12 }, { false, 0x2000, 24 }, { true, 0xff000000, 0x10000 } };
	struct dev_fixture f;
	struct testdev *d;

	dev_init(&f, 1);
	dev_check(testdev_create(&f.vm, NULL, NULL, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	testdev_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
