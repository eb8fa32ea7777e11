/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a device's registers with what the fuzzer made up: records of eight
 * bytes, each an access, a step in time, a line, or a call of a vCPU's interrupt
 * controller. The sanitizers judge; besides, no timer may stay in the past (it
 * would keep the host busy) and a line's sinks must agree with the router.
 */
#ifndef TESTS_DEV_FUZZ_H
#define TESTS_DEV_FUZZ_H

#include <stdlib.h>

#include "dev_fixture.h"

struct dev_window {
	bool mmio;
	u64 base, size;
};

struct dev_record {
	u8 op, size, a, b;
	u32 value;
};

static const u32 dev_fuzz_msrs[] = { 0x1b, 0x6e0 };

static inline void dev_check(bool ok)
{
	if (!ok)
		abort();
}

/* A vector from ack must be one, and pending must mean that ack gives one. */
static inline void dev_fuzz_irq(struct dev_fixture *f, const struct dev_record *r)
{
	struct vcpu *v = f->vm.vcpus[r->a % f->vm.vcpu_count];
	u32 msr = r->b & 0x80 ? dev_fuzz_msrs[r->b & 1] : 0x800u + (r->b & 0x7f);
	u64 wide = (u64)r->value << (r->size & 0x20) | r->size;
	bool pending;
	u64 out;

	if (!v->irq)
		return;
	switch (r->size & 7) {
	case 0:
	case 1:
		v->irq->msr_write(v->irq_ctx, msr, wide);
		break;
	case 2:
		v->irq->msr_read(v->irq_ctx, msr, &out);
		break;
	case 3:
		v->irq->set_tpr(v->irq_ctx, r->value);
		dev_check(v->irq->get_tpr(v->irq_ctx) < 16);
		break;
	case 4:
		irq_send_msi(&f->vm, 0xfee00000u | (r->value & 0xfffff), r->value >> 16);
		break;
	case 5:
		v->irq->reset(v->irq_ctx, r->b & 1);
		break;
	default:
		pending = v->irq->pending(v->irq_ctx);
		dev_check((v->irq->ack(v->irq_ctx) >= 0) == pending);
	}
}

static inline void dev_fuzz_access(struct dev_fixture *f, const struct dev_window *w,
				   const struct dev_record *r, bool write)
{
	struct bus *bus = w->mmio ? &f->vm.mmio : &f->vm.pio;
	unsigned size = 1u << (r->size % (w->mmio ? 4 : 3));
	u64 addr = w->base + (u32)(r->a | r->b << 8) % w->size;
	struct vcpu *v = f->vm.vcpus[(r->size >> 4) % f->vm.vcpu_count];
	u64 value = w->mmio ? r->value * 0x100000001ull : r->value;

	if (write)
		bus_write(bus, v, addr, size, value);
	else
		bus_read(bus, v, addr, size);
}

static inline void dev_fuzz_step(struct dev_fixture *f, const struct dev_window *w,
				 unsigned windows, const struct dev_record *r)
{
	const struct dev_window *at = &w[(r->op >> 3) % windows];

	switch (r->op & 7) {
	case 0:
	case 1:
		dev_fuzz_access(f, at, r, false);
		break;
	case 2:
	case 3:
		dev_fuzz_access(f, at, r, true);
		break;
	case 4:
		dev_jump(f, (u64)r->value << (r->size & 0xf));
		dev_check(timers_next(&f->vm) > fake.clock_ns);
		break;
	case 5:
		dev_advance(f, r->value & 0xfffff);
		break;
	case 6:
		irq_set(&f->vm, r->a % 26, r->b & 1);
		break;
	default:
		dev_fuzz_irq(f, r);
		break;
	}
}

static inline void dev_fuzz_run(struct dev_fixture *f, const struct dev_window *w,
				unsigned windows, const u8 *data, size_t size)
{
	struct dev_record r;

	for (; size >= sizeof r; data += sizeof r, size -= sizeof r) {
		memcpy(&r, data, sizeof r);
		dev_fuzz_step(f, w, windows, &r);
		dev_check(f->lines.level == f->vm.irqs.levels);
		if (vm_stop_reason(&f->vm) != VM_RUNS)
			vm_clear_stop(&f->vm);
	}
}

/* After the devices are gone: nothing of theirs may be left. */
static inline void dev_fuzz_end(struct dev_fixture *f)
{
	dev_check(!f->vm.timers && !f->vm.pio.count && !f->vm.mmio.count);
	dev_fini(f);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
