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

void console_guest_write(struct metal_vm *vm, const u8 *data, size_t n)
{
	struct metal_console *c = &vm->metal->console;

	platform_mutex_lock(&c->lock);
	put(c, data, n);
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

void console_serve(struct metal *m)
{
	struct metal_console *c = &m->console;
	struct metal_vm *vm = c->focus < m->vm_count ? m->vms[c->focus] : NULL;
	size_t took = 0;

	/* only the boot processor comes here: input needs no lock */
	c->input_count += (unsigned)arch_console_read(c->input + c->input_count,
						      sizeof c->input - c->input_count);
	if (!c->input_count || !vm || !vm->alive)
		return;
	platform_mutex_lock(&vm->vm.lock);
	if (vm->chardev.receive)
		took = vm->chardev.receive(vm->chardev.receive_ctx, c->input, c->input_count);
	platform_mutex_unlock(&vm->vm.lock);
	c->input_count -= (unsigned)took;
	memmove(c->input, c->input + took, c->input_count);
}
