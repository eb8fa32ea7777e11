/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/rtc.h>

#include "dev_fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x70, 2 } };
	struct dev_fixture f;
	struct rtc *d;

	dev_init(&f, 1);
	dev_check(rtc_create(&f.vm, GIB(1), &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	rtc_reset(d);
	rtc_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
