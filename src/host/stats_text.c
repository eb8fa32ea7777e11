/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics for people. */
#include "stats.h"
#include "sandbox.h"

typedef unsigned long long ull;

static void write_memory(FILE *f, const struct stats_view *s)
{
	const struct memuse *m = &s->memory;

	if (s->memory_known)
		fprintf(f, "  memory: %.1f of %llu MiB touched by the guest, %.1f MiB for "
			"the monitor\n", (double)m->guest_resident / 0x1p20,
			(ull)(m->guest_size >> 20), (double)m->monitor_pss / 0x1p20);
}

static void write_exits(FILE *f, const struct stats_view *s, const struct vcpu *v)
{
	fprintf(f, "    %-12s %12s %12s %10s\n", "exits:", "count", "seconds", "us each");
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++) {
		u64 count = stats_peek(&v->stats.exits[r]);
		double time = stats_exit_seconds(s, v, r);

		if (count)
			fprintf(f, "    %-12s %12llu %12.4f %10.2f\n",
				exit_reason_name((enum exit_reason)r), (ull)count, time,
				time * 1e6 / (double)count);
	}
}

static void write_vcpu(FILE *f, const struct stats_view *s, const struct vcpu *v)
{
	struct vcpu_times t = stats_times(s, v);
	u64 count = stats_peek(&v->stats.guest_instructions);

	fprintf(f, "  cpu %u: %.3f s in the guest, %.3f s in the monitor, %.3f s halted "
		"(%llu halts), %llu interrupts", v->index, t.guest_s, t.monitor_s,
		t.halted_s, (ull)stats_peek(&v->stats.halts),
		(ull)stats_peek(&v->stats.injected));
	if (count)
		fprintf(f, ", %llu instructions (%.1f million a second)", (ull)count,
			t.guest_s > 0 ? (double)count / 1e6 / t.guest_s : 0.0);
	fprintf(f, "\n");
	write_exits(f, s, v);
}

static double micro(u64 ns)
{
	return (double)ns / 1e3;
}

static void write_operation(FILE *f, const char *name, const struct io_stats *op)
{
	if (!stats_peek(&op->count))
		return;
	fprintf(f, "    %-12s %10llu %12.2f %8llu", name, (ull)stats_peek(&op->count),
		(double)stats_peek(&op->bytes) / 0x1p20, (ull)stats_peek(&op->errors));
	if (stats_peek(&op->timed))
		fprintf(f, " %9.1f %9.1f %9.1f %9.1f",
			micro(io_stats_quantile(op, 500)), micro(io_stats_quantile(op, 900)),
			micro(io_stats_quantile(op, 990)), micro(stats_peek(&op->max_ns)));
	fprintf(f, "\n");
}

static void write_group(FILE *f, const struct io_group *g)
{
	bool used = false;

	for (unsigned i = 0; i < g->count; i++)
		used |= stats_peek(&g->stats[i].count) != 0;
	if (!used)
		return;
	fprintf(f, "  %s %s%s%s%s:\n    %-12s %10s %12s %8s %9s %9s %9s %9s\n", g->kind,
		g->name, g->detail ? " (" : "", g->detail ? g->detail : "",
		g->detail ? ")" : "", "operation", "count", "MiB", "errors", "p50 us", "p90 us", "p99 us",
		"max us");
	for (unsigned i = 0; i < g->count; i++)
		write_operation(f, g->ops[i], &g->stats[i]);
}

void stats_write_text(FILE *f, const struct stats_view *s)
{
	fprintf(f, "%s: engine %s, %.3f s, %.3f s of CPU time, sandbox %s\n",
		s->vm->name, s->vm->engine->name, s->elapsed_s, s->cpu_s,
		sandbox_state());
	write_memory(f, s);
	for (unsigned i = 0; i < s->vm->vcpu_count; i++)
		write_vcpu(f, s, s->vm->vcpus[i]);
	for (const struct io_group *g = s->vm->io; g; g = g->next)
		write_group(f, g);
}
