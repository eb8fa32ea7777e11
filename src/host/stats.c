/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics from struct vcpu_stats. */
#include "stats.h"
#include "log.h"
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* A vCPU's own thread may be counting right now. */
static u64 peek(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double seconds(u64 ns)
{
	return (double)ns / 1e9;
}

static void print_text(FILE *f, const struct vm *vm, u64 elapsed_ns)
{
	fprintf(f, "%s: engine %s, %.3f s, %.3f s of CPU time, sandbox %s\n", vm->name,
		vm->engine->name, seconds(elapsed_ns), cpu_seconds(), sandbox_state());
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu_stats *s = &vm->vcpus[i]->stats;
		u64 count = peek(&s->guest_instructions);
		u64 halted = peek(&s->halted_ns);
		u64 busy = elapsed_ns > halted ? elapsed_ns - halted : 0;

		fprintf(f, "  cpu %u: %llu interrupts, %llu halts, %.3f s halted", i,
			(unsigned long long)peek(&s->injected),
			(unsigned long long)peek(&s->halts), seconds(halted));
		if (count)
			fprintf(f, ", %llu instructions (%.1f million a second)",
				(unsigned long long)count,
				busy ? (double)count * 1e3 / (double)busy : 0.0);
		fprintf(f, "\n    exits:");
		for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
			if (peek(&s->exits[r]))
				fprintf(f, " %s %llu",
					exit_reason_name((enum exit_reason)r),
					(unsigned long long)peek(&s->exits[r]));
		fprintf(f, "\n");
	}
}

/* The name is letters, digits and "-_.": it needs no escapes. */
static void print_json(FILE *f, const struct vm *vm, u64 elapsed_ns)
{
	fprintf(f, "{\"name\":\"%s\",\"engine\":\"%s\",\"elapsed_s\":%.6f,"
		"\"cpu_s\":%.6f,\"sandbox\":\"%s\",\"vcpus\":[", vm->name,
		vm->engine->name, seconds(elapsed_ns), cpu_seconds(), sandbox_state());
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu_stats *s = &vm->vcpus[i]->stats;

		fprintf(f, "%s{\"index\":%u,\"instructions\":%llu,\"interrupts\":%llu,"
			"\"halts\":%llu,\"halted_s\":%.6f,\"exits\":{", i ? "," : "", i,
			(unsigned long long)peek(&s->guest_instructions),
			(unsigned long long)peek(&s->injected),
			(unsigned long long)peek(&s->halts),
			seconds(peek(&s->halted_ns)));
		for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
			fprintf(f, "%s\"%s\":%llu", r ? "," : "",
				exit_reason_name((enum exit_reason)r),
				(unsigned long long)peek(&s->exits[r]));
		fprintf(f, "}}");
	}
	fprintf(f, "]}\n");
}

void stats_print(const struct vm *vm, enum stats_form form, u64 elapsed_ns)
{
	char *text = NULL;
	size_t size;
	FILE *f;

	if (form == STATS_NONE)
		return;
	f = open_memstream(&text, &size);
	if (!f)
		return;
	if (form == STATS_JSON)
		print_json(f, vm, elapsed_ns);
	else
		print_text(f, vm, elapsed_ns);
	if (fclose(f) == 0)
		log_text(text);
	free(text);
}
