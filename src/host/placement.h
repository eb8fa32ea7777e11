/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the host's processors a machine uses, and how much of them. */
#ifndef HOST_PLACEMENT_H
#define HOST_PLACEMENT_H

#include "config.h"

/*
 * Puts the program, with all threads that it starts from now on, onto the processors
 * that cfg allows. A weight cannot be honoured here. -EINVAL with a line that names the
 * key, or what the kernel says.
 */
int placement_apply(const struct vm_config *cfg, struct error *err);

#endif
