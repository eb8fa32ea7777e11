/* SPDX-License-Identifier: Apache-2.0 */
/* The engines a program may link. */
#ifndef TRIVET_ENGINES_H
#define TRIVET_ENGINES_H

#include <trivet/engine.h>

extern const struct engine_ops engine_soft;
extern const struct engine_ops engine_kvm;

#endif
