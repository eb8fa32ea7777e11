/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine did, in text or JSON: docs/guide.md says what each figure is. */
#ifndef HOST_STATS_H
#define HOST_STATS_H

#include <stdio.h>
#include <trivet/vm.h>

#include "args.h"
#include "memuse.h"

/* Figures of one moment, collected once, whatever the form. */
struct stats_view {
	const struct vm *vm;
	double elapsed_s, cpu_s, counter_hz;
	u64 now_ns, now_ticks;
	struct memuse memory;
	bool memory_known;
};

struct vcpu_times {
	double guest_s, monitor_s, halted_s;
};

/* On stderr. Any thread; a running vCPU's figures are a snapshot. smaps_fd is
 * memuse_open's. */
void stats_print(const struct vm *vm, enum stats_form form, u64 elapsed_ns, int smaps_fd);

/* A vCPU's own thread may be counting right now. */
static inline u64 stats_peek(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

double stats_exit_seconds(const struct stats_view *s, const struct vcpu *v, unsigned reason);
struct vcpu_times stats_times(const struct stats_view *s, const struct vcpu *v);

/* stats_text.c, stats_json.c */
void stats_write_text(FILE *f, const struct stats_view *s);
void stats_write_json(FILE *f, const struct stats_view *s);

#endif
