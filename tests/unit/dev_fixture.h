/* SPDX-License-Identifier: Apache-2.0 */
/* A VM without guest code, for device tests: ports, memory, lines and time. */
#ifndef TESTS_DEV_FIXTURE_H
#define TESTS_DEV_FIXTURE_H

#include <string.h>
#include <trivet/bits.h>
#include <trivet/vm.h>

#include "fake_platform.h"

static int dev_engine_vm_init(struct vm *vm, struct error *err)
{
	(void)vm, (void)err;
	return 0;
}

static void dev_engine_vm_fini(struct vm *vm)
{
	(void)vm;
}

static int dev_engine_vcpu_init(struct vcpu *v, struct error *err)
{
	(void)v, (void)err;
	return 0;
}

static void dev_engine_vcpu_fini(struct vcpu *v)
{
	(void)v;
}

static const struct engine_ops dev_engine = {
	.name = "none",
	.vm_init = dev_engine_vm_init,
	.vm_fini = dev_engine_vm_fini,
	.vcpu_init = dev_engine_vcpu_init,
	.vcpu_fini = dev_engine_vcpu_fini,
};

/* What every line has done. */
struct dev_lines {
	u64 level;
	unsigned rises[IRQ_MAX_LINES];
};

struct dev_fixture {
	struct vm vm;
	struct dev_lines lines;
};

static inline void dev_line_set(void *ctx, unsigned line, bool level)
{
	struct dev_lines *l = ctx;

	l->level = level ? l->level | BIT(line) : l->level & ~BIT(line);
	l->rises[line] += level;
}

static inline void dev_init(struct dev_fixture *f, unsigned cpus)
{
	struct error err;

	memset(f, 0, sizeof *f);
	memset(&fake, 0, sizeof fake);
	fake.counter_hz = 1000000000;
	fake.clock_ns = 1000 * NS_PER_SEC;
	vm_init(&f->vm, "test", &dev_engine, &err);
	while (cpus--)
		vm_add_vcpu(&f->vm, &err);
	irq_add_sink(&f->vm, &(struct irq_sink){ dev_line_set, &f->lines });
}

static inline void dev_fini(struct dev_fixture *f)
{
	vm_fini(&f->vm);
}

static inline u32 dev_in(struct dev_fixture *f, u16 port, unsigned size)
{
	return (u32)bus_read(&f->vm.pio, NULL, port, size);
}

static inline u8 dev_inb(struct dev_fixture *f, u16 port)
{
	return (u8)dev_in(f, port, 1);
}

static inline void dev_out(struct dev_fixture *f, u16 port, unsigned size, u32 v)
{
	bus_write(&f->vm.pio, NULL, port, size, v);
}

static inline void dev_outb(struct dev_fixture *f, u16 port, u8 v)
{
	dev_out(f, port, 1, v);
}

static inline bool dev_line(const struct dev_fixture *f, unsigned line)
{
	return (f->lines.level >> line) & 1;
}

/* Time goes on by ns; every timer runs when it is due, not before. */
static inline void dev_advance(struct dev_fixture *f, u64 ns)
{
	u64 end = fake.clock_ns + ns;

	while (timers_next(&f->vm) <= end) {
		if (timers_next(&f->vm) > fake.clock_ns)
			fake.clock_ns = timers_next(&f->vm);
		timers_run(&f->vm);
	}
	fake.clock_ns = end;
}

/* Time jumps: the host was busy, and timers run late. */
static inline void dev_jump(struct dev_fixture *f, u64 ns)
{
	fake.clock_ns += ns;
	timers_run(&f->vm);
}

#endif
