/* SPDX-License-Identifier: Apache-2.0 */
/* Which engine runs the guest. */
#ifndef HOST_ENGINES_H
#define HOST_ENGINES_H

#include <trivet/engines.h>

/*
 * The engine called name, or for "auto" the best that is usable here (said in
 * one line when KVM is there but is passed over). NULL with err set.
 */
const struct engine_ops *engines_choose(const char *name, struct error *err);
/* One line per engine on stdout: usable or not, and why. */
void engines_print(void);

#endif
