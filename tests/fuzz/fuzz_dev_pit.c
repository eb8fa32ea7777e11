/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/pit.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x40, 4 }, { false, 0x61, 1 } };
	struct dev_fixture f;
	struct pit *d;

	dev_init(&f, 1);
	dev_check(pit_create(&f.vm, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	pit_reset(d);
	pit_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
