/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/fw_cfg.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x510, 2 } };
	struct dev_fixture f;
	struct fw_cfg *d;

	dev_init(&f, 1);
	dev_check(fw_cfg_create(&f.vm, GIB(1), 2, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	fw_cfg_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
