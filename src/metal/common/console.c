/* SPDX-License-Identifier: Apache-2.0 */
/* The one console: our log and the guests' serial ports. */
#include <trivet/fmt.h>
#include <trivet/string.h>

#include "metal.h"

void console_init(struct metal *m)
{
	m->console.fresh = true;
	m->console.level = LOG_INFO;
	platform_mutex_init(&m->console.lock);
}

static void put(struct metal_console *c, const u8 *data, size_t n)
{
	arch_console_write(data, n);
	if (n)
		c->fresh = data[n - 1] == '\n';
}

void platform_log(enum log_level level, const char *format, ...)
{
	struct metal_console *c = &cpu_this()->metal->console;
	static const char crlf[2] = "\r\n";
	char line[320];
	va_list ap;

	if (level > c->level)
		return;
	va_start(ap, format);
	fmt_vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	platform_mutex_lock(&c->lock);
	if (!c->fresh)
		put(c, (const u8 *)crlf, 2);
	put(c, (const u8 *)"trivet: ", 8);
	put(c, (const u8 *)line, strlen(line));
	put(c, (const u8 *)crlf, 2);
	platform_mutex_unlock(&c->lock);
}

/* What a VM in the background wrote so far, as a line with its name in front. */
static void flush_line(struct metal_vm *vm)
{
	struct metal_console *c = &vm->metal->console;

	if (!c->fresh)
		put(c, (const u8 *)"\r\n", 2);
	put(c, (const u8 *)vm->name, strlen(vm->name));
	put(c, (const u8 *)"| ", 2);
	put(c, vm->line, vm->line_count);
	put(c, (const u8 *)"\r\n", 2);
	vm->line_count = 0;
}

static void background(struct metal_vm *vm, const u8 *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n' || vm->line_count == sizeof vm->line)
			flush_line(vm);
		if (data[i] != '\n' && data[i] != '\r')
			vm->line[vm->line_count++] = data[i];
	}
}

void console_guest_write(struct metal_vm *vm, const u8 *data, size_t n)
{
	struct metal_console *c = &vm->metal->console;

	platform_mutex_lock(&c->lock);
	if (vm->index == c->focus)
		put(c, data, n);
	else
		background(vm, data, n);
	platform_mutex_unlock(&c->lock);
}

void console_focus(struct metal *m, unsigned vm)
{
	struct metal_console *c = &m->console;

	platform_mutex_lock(&c->lock);
	c->focus = vm;
	if (m->vms[vm]->line_count) {
		put(c, m->vms[vm]->line, m->vms[vm]->line_count);
		m->vms[vm]->line_count = 0;
	}
	platform_mutex_unlock(&c->lock);
}

void console_print(struct metal *m, const char *format, ...)
{
	struct metal_console *c = &m->console;
	char text[256];
	va_list ap;

	va_start(ap, format);
	fmt_vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	platform_mutex_lock(&c->lock);
	put(c, (const u8 *)text, strlen(text));
	platform_mutex_unlock(&c->lock);
}

static struct metal_vm *vm_of(struct chardev *cd)
{
	return CONTAINER_OF(cd, struct metal_vm, chardev);
}

static void chardev_write(struct chardev *cd, const u8 *data, size_t n)
{
	console_guest_write(vm_of(cd), data, n);
}

/* The boot processor passes input on. */
static void chardev_input_ready(struct chardev *cd)
{
	sched_poke(vm_of(cd)->metal->cpus[0]);
}

const struct chardev_ops console_chardev_ops = {
	.write = chardev_write,
	.input_ready = chardev_input_ready,
};

#define ESCAPE 0x1d /* Ctrl-] */

/* How many bytes its device took. */
static size_t offer(struct metal_vm *vm, const u8 *data, size_t n)
{
	size_t took = 0;

	platform_mutex_lock(&vm->vm.lock);
	if (vm->chardev.receive)
		took = vm->chardev.receive(vm->chardev.receive_ctx, data, n);
	platform_mutex_unlock(&vm->vm.lock);
	return took;
}

static void to_guest(struct metal *m)
{
	struct metal_console *c = &m->console;
	struct metal_vm *vm = c->focus < m->vm_count ? m->vms[c->focus] : NULL;
	size_t took = 0;

	if (!c->input_count || !vm)
		return;
	platform_mutex_lock(&vm->life);
	if (vm->alive)
		took = offer(vm, c->input, c->input_count);
	platform_mutex_unlock(&vm->life);
	c->input_count -= (unsigned)took;
	memmove(c->input, c->input + took, c->input_count);
}

void console_serve(struct metal *m)
{
	struct metal_console *c = &m->console;
	u8 byte;

	while (c->input_count < sizeof c->input && arch_console_read(&byte, 1)) {
		if (c->menu)
			operator_byte(m, byte);
		else if (byte == ESCAPE)
			operator_open(m);
		else
			c->input[c->input_count++] = byte;
	}
	to_guest(m);
}
