/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/serial.h>

#include "dev_fuzz.h"

/* Output comes back as input, and an invitation is answered at once. */
static void echo(struct chardev *cd, const u8 *data, size_t n)
{
	if (cd->receive)
		cd->receive(cd->receive_ctx, data, n);
}

static void refill(struct chardev *cd)
{
	echo(cd, (const u8 *)"more than sixteen characters", 28);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const struct dev_window w[] = { { false, 0x3f8, 8 } };
	static const struct chardev_ops ops = { .write = echo, .input_ready = refill };
	struct chardev cd = { .ops = &ops };
	struct dev_fixture f;
	struct serial *d;

	dev_init(&f, 1);
	dev_check(serial_create(&f.vm, 0x3f8, 4, &cd, &d) == 0);
	dev_fuzz_run(&f, w, ARRAY_SIZE(w), data, size);
	serial_reset(d);
	serial_destroy(d);
	dev_fuzz_end(&f);
	return 0;
}
