/* SPDX-License-Identifier: Apache-2.0 */
/* Pinning, by the kernel's scheduler. */
#include "placement.h"

#include <trivet/bits.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

/* The kernel takes a set of which one processor is there, and drops the rest. */
static int check_all_there(const struct vm_config *cfg, const cpu_set_t *wanted,
			   struct error *err)
{
	cpu_set_t got;

	if (sched_getaffinity(0, sizeof got, &got))
		return -errno;
	for (unsigned i = 0; i < 64; i++)
		if (CPU_ISSET(i, wanted) && !CPU_ISSET(i, &got))
			return config_complain(cfg, KEY_CPUSET, -EINVAL, err,
					       "processor %u is not there, or not allowed", i);
	return 0;
}

int placement_apply(const struct vm_config *cfg, struct error *err)
{
	cpu_set_t set;

	if (cfg->weight != CONFIG_WEIGHT)
		return config_complain(cfg, KEY_WEIGHT, -EINVAL, err, "only bare metal shares "
				       "processors by it (`trivet image`); expected %u, and "
				       "here a control group's cpu.weight", CONFIG_WEIGHT);
	if (!cfg->cpuset)
		return 0;
	CPU_ZERO(&set);
	for (unsigned i = 0; i < 64; i++)
		if (cfg->cpuset & BIT(i))
			CPU_SET(i, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		return config_complain(cfg, KEY_CPUSET, -errno, err, "%s; expected processors "
				       "that this machine has", strerror(errno));
	return check_all_there(cfg, &set, err);
}
