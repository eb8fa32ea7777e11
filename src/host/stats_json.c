/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics for programs: one line of JSON. */
#include "stats.h"
#include "sandbox.h"

typedef unsigned long long ull;

/* Bytes of the UTF-8 character at s, or 0 when it is none (RFC 3629, 4). */
static unsigned utf8_length(const unsigned char *s)
{
	unsigned n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogate, or beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* A string (RFC 8259, 7). A file's name may hold any byte: what is not UTF-8
 * becomes U+FFFD. */
static void write_string(FILE *f, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', f);
	while (*s) {
		unsigned n = *s < 0x80 ? 1 : utf8_length(s);

		if (!n) {
			fputs("\\ufffd", f);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(f, "\\%c", *s);
		} else if (*s < ' ') {
			fprintf(f, "\\u%04x", *s);
		} else {
			fwrite(s, 1, n, f);
		}
		s += n;
	}
	fputc('"', f);
}

static void write_memory(FILE *f, const struct stats_view *s)
{
	const struct memuse *m = &s->memory;

	fprintf(f, "\"memory\":{\"guest_bytes\":%llu", (ull)m->guest_size);
	if (s->memory_known)
		fprintf(f, ",\"guest_resident_bytes\":%llu,\"monitor_pss_bytes\":%llu",
			(ull)m->guest_resident, (ull)m->monitor_pss);
	fprintf(f, "}");
}

static void write_vcpu(FILE *f, const struct stats_view *s, const struct vcpu *v)
{
	struct vcpu_times t = stats_times(s, v);

	fprintf(f, "{\"index\":%u,\"instructions\":%llu,\"interrupts\":%llu,\"halts\":%llu,"
		"\"halted_s\":%.9f,\"guest_s\":%.9f,\"monitor_s\":%.9f,\"exits\":{", v->index,
		(ull)stats_peek(&v->stats.guest_instructions),
		(ull)stats_peek(&v->stats.injected), (ull)stats_peek(&v->stats.halts),
		t.halted_s, t.guest_s, t.monitor_s);
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		fprintf(f, "%s\"%s\":%llu", r ? "," : "", exit_reason_name((enum exit_reason)r),
			(ull)stats_peek(&v->stats.exits[r]));
	fprintf(f, "},\"exit_s\":{");
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		fprintf(f, "%s\"%s\":%.9f", r ? "," : "", exit_reason_name((enum exit_reason)r),
			stats_exit_seconds(s, v, r));
	fprintf(f, "}}");
}

static void write_operation(FILE *f, const char *name, const struct io_stats *op)
{
	u64 timed = stats_peek(&op->timed);

	fprintf(f, "\"%s\":{\"count\":%llu,\"errors\":%llu,\"bytes\":%llu", name,
		(ull)stats_peek(&op->count), (ull)stats_peek(&op->errors),
		(ull)stats_peek(&op->bytes));
	if (timed)
		fprintf(f, ",\"latency_ns\":{\"mean\":%llu,\"p50\":%llu,\"p90\":%llu,"
			"\"p99\":%llu,\"max\":%llu}",
			(ull)(stats_peek(&op->total_ns) / timed),
			(ull)io_stats_quantile(op, 500), (ull)io_stats_quantile(op, 900),
			(ull)io_stats_quantile(op, 990), (ull)stats_peek(&op->max_ns));
	fprintf(f, "}");
}

static void write_group(FILE *f, const struct io_group *g)
{
	fprintf(f, "{\"kind\":\"%s\",\"name\":", g->kind);
	write_string(f, g->name);
	if (g->detail)
		fprintf(f, ",\"backend\":\"%s\"", g->detail);
	fprintf(f, ",\"ops\":{");
	for (unsigned i = 0; i < g->count; i++) {
		fprintf(f, "%s", i ? "," : "");
		write_operation(f, g->ops[i], &g->stats[i]);
	}
	fprintf(f, "}}");
}

void stats_write_json(FILE *f, const struct stats_view *s)
{
	fprintf(f, "{\"name\":");
	write_string(f, s->vm->name);
	fprintf(f, ",\"engine\":\"%s\",\"elapsed_s\":%.6f,\"cpu_s\":%.6f,\"sandbox\":\"%s\",",
		s->vm->engine->name, s->elapsed_s, s->cpu_s, sandbox_state());
	write_memory(f, s);
	fprintf(f, ",\"vcpus\":[");
	for (unsigned i = 0; i < s->vm->vcpu_count; i++) {
		fprintf(f, "%s", i ? "," : "");
		write_vcpu(f, s, s->vm->vcpus[i]);
	}
	fprintf(f, "],\"io\":[");
	for (const struct io_group *g = s->vm->io; g; g = g->next) {
		fprintf(f, "%s", g == s->vm->io ? "" : ",");
		write_group(f, g);
	}
	fprintf(f, "]}\n");
}
