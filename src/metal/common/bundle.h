/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle as it came from the boot loader. */
#ifndef METAL_BUNDLE_H
#define METAL_BUNDLE_H

#include <trivet/bundle.h>

/* Does it begin as one? */
bool bundle_is(const void *data, u64 size);
/*
 * Is everything in it where it says? -EINVAL with one line that says what is not. data
 * is 8-byte aligned. Texts and parts of a bundle that passed can be used as they are.
 */
int bundle_check(const void *data, u64 size, struct error *err);

#endif
