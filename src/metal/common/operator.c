/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's prompt on the console: what runs, and doing something about it. */
#include <trivet/string.h>

#include "metal.h"

static void prompt(struct metal *m)
{
	m->console.command_count = 0;
	console_print(m, "trivet> ");
}

void operator_open(struct metal *m)
{
	m->console.menu = true;
	console_print(m, "\r\n");
	prompt(m);
}

static void close_menu(struct metal *m)
{
	m->console.menu = false;
	console_print(m, "(%s; Ctrl-] for the prompt)\r\n",
		      m->vms[m->console.focus]->name);
}

static void list(struct metal *m)
{
	for (unsigned i = 0; i < m->vm_count; i++) {
		const struct metal_vm *vm = m->vms[i];

		console_print(m, "%u%s %s: %s, %u vCPUs, %llu MiB\r\n", i,
			      i == m->console.focus ? "*" : " ", vm->name,
			      vm->alive ? "runs" : "ended", vm->config.cpus,
			      (unsigned long long)(vm->config.memory >> 20));
	}
	console_print(m, "memory free: %llu KiB\r\n", (unsigned long long)m->pages.free << 2);
}

static void stats_cpu(struct metal *m, const struct vcpu *v)
{
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		if (v->stats.exits[r])
			console_print(m, "  vCPU %u: %s %llu\r\n", v->index,
				      exit_reason_name((enum exit_reason)r),
				      (unsigned long long)v->stats.exits[r]);
	console_print(m, "  vCPU %u: interrupts %llu, halts %llu, asleep %llu ms\r\n", v->index,
		      (unsigned long long)v->stats.injected, (unsigned long long)v->stats.halts,
		      (unsigned long long)(v->stats.halted_ns / 1000000));
}

static void stats(struct metal *m, struct metal_vm *vm)
{
	for (unsigned i = 0; vm->alive && i < vm->vm.vcpu_count; i++)
		stats_cpu(m, vm->vm.vcpus[i]);
	for (unsigned i = 0; i < m->cpu_count; i++)
		console_print(m, "processor %u: asleep %llu ms of %llu\r\n", i,
			      (unsigned long long)(m->cpus[i]->idle_ns / 1000000),
			      (unsigned long long)(platform_clock_ns() / 1000000));
}

static void end(struct metal_vm *vm, enum vm_stop reason, const char *why)
{
	if (vm->alive)
		vm_stop(&vm->vm, reason, 0, "%s", why);
}

/* The VM that the digits at s name, or the one in front when there are none. */
static struct metal_vm *which(struct metal *m, const char *s)
{
	unsigned n = 0;

	while (*s == ' ')
		s++;
	if (!*s)
		return m->vms[m->console.focus];
	for (; *s >= '0' && *s <= '9' && n < 1000; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return !*s && n < m->vm_count ? m->vms[n] : NULL;
}

static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) || (line[n] && line[n] != ' ') ? NULL : line + n;
}

static bool command(struct metal *m, const char *line)
{
	static const char *const words[] = { "stats", "reset", "stop", "" };
	struct metal_vm *vm = NULL;
	unsigned w = 0;

	if (!strcmp(line, "list")) {
		list(m);
		return true;
	}
	for (; w < ARRAY_SIZE(words) && !vm; w++) {
		const char *rest = words[w][0] ? after(line, words[w]) : line;

		vm = rest ? which(m, rest) : NULL;
	}
	if (!vm)
		return false;
	switch (w - 1) {
	case 0: stats(m, vm); break;
	case 1: end(vm, VM_RESET, "the operator's reset"); break;
	case 2: end(vm, VM_QUIT, "by the operator"); break;
	default: console_focus(m, vm->index);
	}
	return true;
}

static void run_line(struct metal *m)
{
	struct metal_console *c = &m->console;

	c->command[c->command_count] = 0;
	console_print(m, "\r\n");
	if (!command(m, c->command))
		console_print(m, "a VM's number to switch to it, list, stats [N], reset [N], "
			      "stop [N]\r\n");
	close_menu(m);
}

void operator_byte(struct metal *m, u8 byte)
{
	struct metal_console *c = &m->console;

	if (byte == '\r' || byte == '\n') {
		run_line(m);
	} else if (byte == 0x7f || byte == 8) {
		if (c->command_count) {
			c->command_count--;
			console_print(m, "\b \b");
		}
	} else if (byte >= ' ' && c->command_count < sizeof c->command - 1) {
		c->command[c->command_count++] = (char)byte;
		console_print(m, "%c", byte);
	}
}
