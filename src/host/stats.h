/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine did, in text or JSON. */
#ifndef HOST_STATS_H
#define HOST_STATS_H

#include <trivet/vm.h>

#include "args.h"

/* On stderr. Any thread; a running vCPU's figures are a snapshot. */
void stats_print(const struct vm *vm, enum stats_form form, u64 elapsed_ns);

#endif
