/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: the figures of struct vcpu_stats and of the devices, in seconds. */
#include "stats.h"
#include "log.h"

#include <stdlib.h>
#include <sys/resource.h>

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

double stats_exit_seconds(const struct stats_view *s, const struct vcpu *v, unsigned reason)
{
	return (double)stats_peek(&v->stats.exit_ticks[reason]) / s->counter_hz;
}

/* What began before now and has not ended: the time so far. */
static u64 open_span(u64 since, u64 now)
{
	return since && now > since ? now - since : 0;
}

struct vcpu_times stats_times(const struct stats_view *s, const struct vcpu *v)
{
	u64 guest = stats_peek(&v->stats.guest_ticks) +
		    open_span(stats_peek(&v->stats.guest_since), s->now_ticks);
	u64 halted = stats_peek(&v->stats.halted_ns) +
		     open_span(stats_peek(&v->halt_since_ns), s->now_ns);
	struct vcpu_times t = { .guest_s = (double)guest / s->counter_hz,
				.halted_s = (double)halted / 1e9 };

	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		t.monitor_s += stats_exit_seconds(s, v, r);
	return t;
}

void stats_print(const struct vm *vm, enum stats_form form, u64 elapsed_ns, int smaps_fd)
{
	struct stats_view view = {
		.vm = vm,
		.elapsed_s = (double)elapsed_ns / 1e9,
		.cpu_s = cpu_seconds(),
		.counter_hz = (double)platform_counter_hz(),
		.now_ns = platform_clock_ns(),
		.now_ticks = platform_counter(),
	};
	char *text = NULL;
	size_t size;
	FILE *f;

	if (form == STATS_NONE)
		return;
	view.memory_known = memuse_read(smaps_fd, vm, &view.memory) == 0;
	f = open_memstream(&text, &size);
	if (!f)
		return;
	if (form == STATS_JSON)
		stats_write_json(f, &view);
	else
		stats_write_text(f, &view);
	if (fclose(f) == 0)
		log_text(text);
	free(text);
}
