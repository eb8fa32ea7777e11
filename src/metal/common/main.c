/* SPDX-License-Identifier: Apache-2.0 */
/* From a machine that is set up to VMs that run. */
#include <trivet/fmt.h>

#include "metal.h"

void metal_die(const char *format, ...)
{
	char line[300];
	va_list ap;

	va_start(ap, format);
	fmt_vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	platform_log(LOG_ERROR, "%s", line);
	arch_halt();
}

void metal_main(struct metal *m)
{
	struct error err = { "" };

	platform_log(LOG_INFO, "%u processor%s, %llu MiB of memory free, counter at %llu.%03llu MHz",
		     m->cpu_count, m->cpu_count == 1 ? "" : "s",
		     (unsigned long long)(m->pages.free >> 8),
		     (unsigned long long)(m->counter_hz / 1000000),
		     (unsigned long long)(m->counter_hz / 1000 % 1000));
	if (m->random_weak)
		platform_log(LOG_WARN, "this processor has no random number generator: the "
			     "guests' random numbers can be guessed");
	if (vms_create(m, &err))
		metal_die("%s", err.msg);
	sched_run(m->cpus[0]);
}
