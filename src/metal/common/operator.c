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

/* --- commands on a machine, with vm->life while it is alive ------------------------------ */

static void pause(struct metal_vm *vm)
{
	sched_pause(vm);
}

static void resume(struct metal_vm *vm)
{
	sched_resume(vm);
}

/* A machine that is paused has to run to its end. */
static void reset(struct metal_vm *vm)
{
	vm_stop(&vm->vm, VM_RESET, 0, "the operator's reset");
	sched_resume(vm);
}

static void stop(struct metal_vm *vm)
{
	vm_stop(&vm->vm, VM_QUIT, 0, "by the operator");
	sched_resume(vm);
}

static void with_life(struct metal *m, struct metal_vm *vm, void (*what)(struct metal_vm *vm))
{
	bool alive;

	platform_mutex_lock(&vm->life);
	alive = vm->alive;
	if (alive)
		what(vm);
	platform_mutex_unlock(&vm->life);
	if (!alive)
		console_print(m, "%s has ended\r\n", vm->name);
}

/* --- lines --------------------------------------------------------------------------------- */

static void help(struct metal *m)
{
	static const char *const lines[] = {
		"N or NAME    the console to this machine",
		"list         machines: state, memory, weight, processors",
		"memory       where the memory is",
		"stats [N]    exits by cause with their cycles, time asleep, network",
		"pause [N]    no instruction of it runs any more, until ...",
		"resume [N]   ... it goes on",
		"reset [N]    as its reset button",
		"stop [N]     it ends at once",
		"help         this (without N: the machine that has the console)",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		console_print(m, "%s\r\n", lines[i]);
}

/* The VM that s names by number or name, or the one in front when there is nothing. */
static struct metal_vm *which(struct metal *m, const char *s)
{
	unsigned n = 0;

	while (*s == ' ')
		s++;
	if (!*s)
		return m->vms[m->console.focus];
	for (unsigned i = 0; i < m->vm_count; i++)
		if (!strcmp(m->vms[i]->name, s))
			return m->vms[i];
	for (; *s >= '0' && *s <= '9' && n < 1000; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return !*s && n < m->vm_count ? m->vms[n] : NULL;
}

static const char *after(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) || (line[n] && line[n] != ' ') ? NULL : line + n;
}

static bool command_all(struct metal *m, const char *line)
{
	static const struct {
		const char *word;
		void (*what)(struct metal *m);
	} words[] = {
		{ "list", operator_list }, { "memory", operator_memory }, { "help", help },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(line, words[i].word)) {
			words[i].what(m);
			return true;
		}
	return false;
}

static bool command_one(struct metal *m, const char *line)
{
	static const struct {
		const char *word;
		void (*what)(struct metal_vm *vm);
	} words[] = {
		{ "pause", pause }, { "resume", resume }, { "reset", reset }, { "stop", stop },
	};
	const char *rest = after(line, "stats");
	struct metal_vm *vm = rest ? which(m, rest) : NULL;

	if (vm) {
		operator_stats(m, vm);
		return true;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		rest = after(line, words[i].word);
		vm = rest ? which(m, rest) : NULL;
		if (vm) {
			with_life(m, vm, words[i].what);
			return true;
		}
	}
	return false;
}

static bool command(struct metal *m, const char *line)
{
	struct metal_vm *vm;

	if (command_all(m, line) || command_one(m, line))
		return true;
	vm = which(m, line);
	if (vm)
		console_focus(m, vm->index);
	return vm;
}

static void run_line(struct metal *m)
{
	struct metal_console *c = &m->console;

	c->command[c->command_count] = 0;
	console_print(m, "\r\n");
	if (!command(m, c->command))
		console_print(m, "not understood; help shows the commands\r\n");
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
