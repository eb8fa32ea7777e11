/* SPDX-License-Identifier: Apache-2.0 */
/* Which engine runs the guest. */
#ifndef HOST_ENGINES_H
#define HOST_ENGINES_H

#include <trivet/engines.h>

/*
 * The engine called name, or for "auto" the best that is usable here. When KVM is
 * there but is passed over note gets the line that says why, which is for the
 * caller to print once the machine stands: what is wrong with a machine is one
 * line. NULL with err set.
 */
const struct engine_ops *engines_choose(const char *name, struct error *note,
					struct error *err);
/* One line per engine on stdout: usable or not, and why. */
void engines_print(void);

#endif
