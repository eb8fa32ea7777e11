/* SPDX-License-Identifier: Apache-2.0 */
/* Which processor runs which vCPU: dealt out once. */
#include <trivet/bits.h>

#include "metal.h"

int place_check(const struct metal_vm *m, struct error *err)
{
	unsigned n = m->metal->cpu_count;

	for (unsigned i = n; i < 64; i++)
		if (m->cpuset & BIT(i))
			return error_set(err, -EINVAL, "cpuset: processor %u is not there; "
					 "expected 0 to %u", i, n - 1);
	return 0;
}

static bool allowed(const struct metal_vm *m, unsigned cpu)
{
	return !m->cpuset || (m->cpuset & BIT(cpu));
}

/*
 * The VM's vCPUs apart before all else, since they work together; then where the least
 * weight is. taken: how many of this VM's vCPUs each processor has.
 */
static struct cpu *choose(const struct metal_vm *m, const unsigned *taken)
{
	struct metal *metal = m->metal;
	struct cpu *best = NULL;

	for (unsigned i = 0; i < metal->cpu_count; i++) {
		struct cpu *c = metal->cpus[i];

		if (!allowed(m, i))
			continue;
		if (!best || taken[i] < taken[best->index] ||
		    (taken[i] == taken[best->index] && c->load < best->load))
			best = c;
	}
	return best;
}

static void place(struct metal_vm *m)
{
	unsigned taken[METAL_MAX_CPUS] = { 0 };

	for (unsigned i = 0; i < m->vm.vcpu_count; i++) {
		struct task *t = &m->tasks[i];
		struct cpu *cpu = choose(m, taken);

		taken[cpu->index]++;
		cpu->load += m->weight;
		*t = (struct task){ .v = m->vm.vcpus[i], .owner = m, .cpu = cpu };
		platform_log(LOG_DEBUG, "vCPU %u of %s on processor %u", i, m->name, cpu->index);
		__atomic_store_n(&t->v->host_data, t, __ATOMIC_RELEASE);
	}
	m->home = m->tasks[0].cpu;
}

/* Those that are bound first: the others go where there is room. */
void place_all(struct metal *metal)
{
	for (unsigned bound = 2; bound--;)
		for (unsigned i = 0; i < metal->vm_count; i++)
			if ((metal->vms[i]->cpuset != 0) == (bound != 0))
				place(metal->vms[i]);
}
