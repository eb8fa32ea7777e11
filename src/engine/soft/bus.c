/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bus lock: a locked access that the host cannot do as one instruction, its
 * operand across two pages that are not neighbours on the host, or on a device
 * (SDM vol. 3A 9.1.2). It excludes everything that the other vCPUs do, a host's
 * locked instruction on part of the same bytes included: they stop between two
 * instructions until it is over.
 */
#include "soft.h"

/* Whoever waits for the bus, to have it or to go on, is out of its owner's way. */
static void wait_for_bus(struct soft_vcpu *s)
{
	__atomic_store_n(&s->bus_waits, 1, __ATOMIC_SEQ_CST);
	platform_mutex_lock(&s->vm->bus_lock);
	/* with the lock held: no owner can have seen it and gone ahead */
	__atomic_store_n(&s->bus_waits, 0, __ATOMIC_SEQ_CST);
}

void soft_attend_bus(struct soft_vcpu *s)
{
	if (!(__atomic_load_n(&s->cpu.attention, __ATOMIC_SEQ_CST) & ATT_BUS))
		return;
	/* first: the next owner's request must stay */
	__atomic_fetch_and(&s->cpu.attention, ~(u32)ATT_BUS, __ATOMIC_SEQ_CST);
	wait_for_bus(s);
	platform_mutex_unlock(&s->vm->bus_lock);
}

static bool in_the_way(const struct soft_vcpu *o)
{
	/* One that is not running looks at its attention on the way in. */
	return __atomic_load_n(&o->running, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&o->bus_waits, __ATOMIC_SEQ_CST);
}

static void stop_others(struct soft_vcpu *self)
{
	struct vm *vm = self->v->vm;

	soft_tell(vm, self, ATT_BUS);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct soft_vcpu *o = vm->vcpus[i]->engine_data;

		while (o != self && in_the_way(o))
			platform_relax();
	}
}

void soft_env_bus_lock(struct x86_cpu *c, bool on)
{
	struct soft_vcpu *s = soft_of(c);

	if (!on) {
		platform_mutex_unlock(&s->vm->bus_lock);
		return;
	}
	wait_for_bus(s);
	stop_others(s);
}
