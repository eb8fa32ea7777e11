/* SPDX-License-Identifier: Apache-2.0 */
/* The engines a hosted program may link: each is one set of operations. */
#ifndef TRIVET_ENGINES_H
#define TRIVET_ENGINES_H

#include <trivet/engine.h>

extern const struct engine_ops engine_soft; /* src/engine/soft: everywhere */
extern const struct engine_ops engine_kvm;  /* src/engine/kvm: Linux's KVM */

#endif
