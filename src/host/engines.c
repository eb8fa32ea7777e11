/* SPDX-License-Identifier: Apache-2.0 */
/* The engines this program has, best first. */
#include "engines.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct engine_ops *const engines[] = { &engine_kvm, &engine_soft };

/* Only what runs guests on hardware beats our own engine: docs/ARCHITECTURE.md. */
static const struct engine_ops *choose_auto(struct error *note)
{
	struct engine_caps caps = { 0 };

	if (engine_kvm.probe(&caps) == 0 && caps.usable && caps.hardware_speed)
		return &engine_kvm;
	if (access("/dev/kvm", F_OK) == 0)
		error_set(note, 0, "engine soft, not kvm: %s", caps.why);
	return &engine_soft;
}

const struct engine_ops *engines_choose(const char *name, struct error *note,
					struct error *err)
{
	if (strcmp(name, "auto") == 0)
		return choose_auto(note);
	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
		struct engine_caps caps = { 0 };
		int r;

		if (strcmp(name, engines[i]->name) != 0)
			continue;
		r = engines[i]->probe(&caps);
		if (!r && caps.usable)
			return engines[i];
		error_set(err, r ? r : -ENODEV, "engine %s is not usable here: %s",
			  name, caps.why);
		return NULL;
	}
	error_set(err, -EINVAL, "engine %s: expected auto, soft or kvm", name);
	return NULL;
}

void engines_print(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
		struct engine_caps caps = { 0 };
		int r = engines[i]->probe(&caps);

		printf("%-6s %-10s %s\n", engines[i]->name,
		       !r && caps.usable ? "usable" : "not usable", caps.why);
	}
}
