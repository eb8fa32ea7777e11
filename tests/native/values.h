/* SPDX-License-Identifier: Apache-2.0 */
/* Random and edge-case operand values. */
#ifndef TESTS_NATIVE_VALUES_H
#define TESTS_NATIVE_VALUES_H

#include "native.h"

u64 value_int(void);
u32 value_f32(void);
u64 value_f64(void);
/* An extended-precision number in its FXSAVE slot. */
void value_f80(u8 out[16]);
/* n bytes (a multiple of 8), as integers, floats or doubles. */
void value_bytes(u8 *out, unsigned n);
/* Control words, x87 and XMM registers. */
void value_fpu(struct x86_fxsave *fx);

#endif
