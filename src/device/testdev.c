/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's pc-testdev: latches, memory and interrupt lines for test kernels to
 * play with. */
#include <trivet/bits.h>
#include <trivet/device/testdev.h>
#include <trivet/string.h>

#include "port8.h"

#define LATCH_PORT 0xe0
#define FLUSH_PORT 0xe4
#define BYTE_LATCH_PORT 0xe8
#define LINE_PORT 0x2000
#define LINES 24
#define MEMORY_BASE 0xff000000u
#define MEMORY_SIZE 0x10000

struct testdev {
	struct vm *vm;
	void (*flush)(void *ctx, gpa_t page);
	void *flush_ctx;
	u8 latch[4]; /* both latch ports show the same one */
	u8 memory[MEMORY_SIZE];
};

static u8 latch_read8(void *ctx, unsigned offset)
{
	const struct testdev *t = ctx;

	return t->latch[offset & 3];
}

static void latch_write8(void *ctx, unsigned offset, u8 v)
{
	struct testdev *t = ctx;

	t->latch[offset & 3] = v;
}

/* The byte-only latch gets a wide access as several byte accesses, and so does
 * the four-byte one: there the difference cannot be seen. */
static u64 latch_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)v;
	return port8_read(latch_read8, ctx, offset, size);
}

static void latch_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			u64 value)
{
	(void)v;
	port8_write(latch_write8, ctx, offset, size, value);
}

static u64 ones_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)offset, (void)size;
	return ~(u64)0;
}

static void flush_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			u64 value)
{
	struct testdev *t = ctx;

	(void)v;
	if (offset == 0 && size == 4 && t->flush)
		t->flush(t->flush_ctx, gpa(value & 0xfffff000u));
}

static void line_write8(void *ctx, unsigned offset, u8 v)
{
	struct testdev *t = ctx;

	if (offset < LINES)
		irq_set(t->vm, offset, v != 0);
}

/* Byte registers: a wider write reaches the lines that follow too. */
static void line_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
		       u64 value)
{
	(void)v;
	port8_write(line_write8, ctx, offset, size, value);
}

static u64 memory_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	const struct testdev *t = ctx;
	u64 value = 0;

	(void)v;
	memcpy(&value, t->memory + offset, size);
	return value;
}

static void memory_write(void *ctx, struct vcpu *v, u64 offset, unsigned size,
			 u64 value)
{
	struct testdev *t = ctx;

	(void)v;
	memcpy(t->memory + offset, &value, size);
}

static const struct bus_ops latch_ops = { latch_read, latch_write };
static const struct bus_ops flush_ops = { ones_read, flush_write };
static const struct bus_ops line_ops = { ones_read, line_write };
static const struct bus_ops memory_ops = { memory_read, memory_write };

static const struct bus_range testdev_ports[] = {
	{ .base = LATCH_PORT, .size = 4, .name = "testdev", .ops = &latch_ops },
	{ .base = FLUSH_PORT, .size = 4, .name = "testdev", .ops = &flush_ops },
	{ .base = BYTE_LATCH_PORT, .size = 4, .name = "testdev", .ops = &latch_ops },
	{ .base = LINE_PORT, .size = LINES, .name = "testdev", .ops = &line_ops },
};

static void testdev_remove_ports(struct testdev *t, size_t count)
{
	while (count--)
		bus_remove(&t->vm->pio, testdev_ports[count].base);
}

int testdev_create(struct vm *vm, void (*flush)(void *ctx, gpa_t page),
		   void *ctx, struct testdev **out)
{
	struct testdev *t = platform_alloc(sizeof *t);
	size_t n;
	int err;

	if (!t)
		return -ENOMEM;
	t->vm = vm;
	t->flush = flush;
	t->flush_ctx = ctx;
	for (n = 0; n < ARRAY_SIZE(testdev_ports); n++) {
		struct bus_range range = testdev_ports[n];

		range.ctx = t;
		err = bus_add(&vm->pio, &range);
		if (err)
			goto fail;
	}
	err = bus_add(&vm->mmio, &(struct bus_range){
		.base = MEMORY_BASE, .size = MEMORY_SIZE, .name = "testdev",
		.ops = &memory_ops, .ctx = t });
	if (err)
		goto fail;
	*out = t;
	return 0;
fail:
	testdev_remove_ports(t, n);
	platform_free(t, sizeof *t);
	return err;
}

void testdev_destroy(struct testdev *t)
{
	if (!t)
		return;
	bus_remove(&t->vm->mmio, MEMORY_BASE);
	testdev_remove_ports(t, ARRAY_SIZE(testdev_ports));
	platform_free(t, sizeof *t);
}
