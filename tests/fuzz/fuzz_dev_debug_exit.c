/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/debug_exit.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0xf4, 4 }, { false, 0x8900, 1 } };
	struct dev_fixture f;
	struct debug_exit *d;

	dev_init(&f, 1);
	dev_check(debug_exit_create(&f.vm, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	debug_exit_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
