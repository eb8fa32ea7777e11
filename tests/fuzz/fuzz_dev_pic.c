/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/pic.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x20, 2 }, { false, 0xa0, 2 }, { false, 0x4d0, 2 } };
	struct dev_fixture f;
	struct pic *d;

	dev_init(&f, 1);
	dev_check(pic_create(&f.vm, NULL, NULL, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	pic_ack(d);
	pic_reset(d);
	pic_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
