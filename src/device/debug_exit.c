/* SPDX-License-Identifier: Apache-2.0 */
/* Ports by which a test kernel ends the VM: QEMU's isa-debug-exit, and Bochs's
 * "Shutdown" port. */
#include <trivet/device/debug_exit.h>

#include "port8.h"

#define EXIT_PORT 0xf4
#define EXIT_PORT_SIZE 4
#define SHUTDOWN_PORT 0x8900

struct debug_exit {
	struct vm *vm;
	unsigned matched; /* characters of "Shutdown" seen so far */
};

static u64 exit_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)offset, (void)size;
	return 0;
}

static void exit_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		       u64 value)
{
	struct debug_exit *d = ctx;
	int code = (int)((value << 1 | 1) & 0xff);

	(void)v, (void)offset, (void)size;
	vm_stop(d->vm, VM_DEBUG_EXIT, code, "debug-exit port, status %d", code);
}

static void shutdown_write8(void *ctx, unsigned offset, u8 c)
{
	static const char text[] = "Shutdown";
	struct debug_exit *d = ctx;

	(void)offset;
	if (c != (u8)text[d->matched])
		d->matched = 0;
	if (c != (u8)text[d->matched])
		return;
	if (++d->matched < sizeof text - 1)
		return;
	d->matched = 0;
	vm_stop(d->vm, VM_POWEROFF, 0, "\"Shutdown\" at port 8900h");
}

static u64 shutdown_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)offset, (void)size;
	return ~(u64)0;
}

static void shutdown_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			   u64 value)
{
	(void)v;
	port8_write(shutdown_write8, ctx, offset, size, value);
}

static const struct bus_ops exit_ops = { exit_read, exit_write };
static const struct bus_ops shutdown_ops = { shutdown_read, shutdown_write };

int debug_exit_create(struct vm *vm, struct debug_exit **out)
{
	struct debug_exit *d = platform_alloc(sizeof *d);
	int err;

	if (!d)
		return -ENOMEM;
	d->vm = vm;
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = EXIT_PORT, .size = EXIT_PORT_SIZE, .name = "debug-exit",
		.ops = &exit_ops, .ctx = d });
	if (err)
		goto fail;
	err = bus_add(&vm->pio, &(struct bus_range){
		.base = SHUTDOWN_PORT, .size = 1, .name = "shutdown",
		.ops = &shutdown_ops, .ctx = d });
	if (err)
		goto fail_bus;
	*out = d;
	return 0;
fail_bus:
	bus_remove(&vm->pio, EXIT_PORT);
fail:
	platform_free(d, sizeof *d);
	return err;
}

void debug_exit_destroy(struct debug_exit *d)
{
	if (!d)
		return;
	bus_remove(&d->vm->pio, SHUTDOWN_PORT);
	bus_remove(&d->vm->pio, EXIT_PORT);
	platform_free(d, sizeof *d);
}
