/* SPDX-License-Identifier: Apache-2.0 */
#include <trivet/device/ferr.h>

#define FERR_PORT 0xf0
#define FERR_PORT_SIZE 2
#define FERR_LINE 13

struct ferr {
	struct vm *vm;
};

static u64 ferr_read(void *ctx, struct vcpu *v, u64 offset, unsigned size)
{
	(void)ctx, (void)v, (void)offset, (void)size;
	return ~(u64)0;
}

static void ferr_write(void *ctx, struct vcpu *v, u64 offset, unsigned size, u64 value)
{
	struct ferr *f = ctx;

	(void)v, (void)offset, (void)size, (void)value;
	irq_set(f->vm, FERR_LINE, false);
}

static void ferr_raise(struct vm *vm)
{
	irq_set(vm, FERR_LINE, true);
}

void ferr_reset(struct ferr *f)
{
	irq_set(f->vm, FERR_LINE, false);
}

static const struct bus_ops ferr_ops = { ferr_read, ferr_write };

int ferr_create(struct vm *vm, struct ferr **out)
{
	struct ferr *f = platform_alloc(sizeof *f);
	int r;

	if (!f)
		return -ENOMEM;
	f->vm = vm;
	r = bus_add(&vm->pio, &(struct bus_range){
		.base = FERR_PORT, .size = FERR_PORT_SIZE, .name = "x87 error",
		.ops = &ferr_ops, .ctx = f });
	if (r) {
		platform_free(f, sizeof *f);
		return r;
	}
	vm->fpu_error = ferr_raise;
	*out = f;
	return 0;
}

void ferr_destroy(struct ferr *f)
{
	f->vm->fpu_error = NULL;
	bus_remove(&f->vm->pio, FERR_PORT);
	platform_free(f, sizeof *f);
}
