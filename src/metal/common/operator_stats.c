/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's prompt tells: machines, memory, counts. */
#include <trivet/fmt.h>

#include "metal.h"

#define L(v) ((unsigned long long)(v))

static const char *state_of(const struct metal_vm *vm)
{
	if (!vm->alive)
		return "ended";
	return __atomic_load_n(&vm->paused, __ATOMIC_SEQ_CST) ? "paused" : "runs";
}

/* " 0 1": the processors of its vCPUs, in their order. */
static void print_places(struct metal *m, const struct metal_vm *vm)
{
	console_print(m, ", processors");
	for (unsigned i = 0; i < vm->config.cpus; i++)
		console_print(m, " %u", vm->tasks[i].cpu->index);
	console_print(m, "%s\r\n", vm->cpuset ? " (bound)" : "");
}

void operator_list(struct metal *m)
{
	for (unsigned i = 0; i < m->vm_count; i++) {
		const struct metal_vm *vm = m->vms[i];

		console_print(m, "%u%s %s: %s, %u vCPUs, %llu MiB, weight %u", i,
			      i == m->console.focus ? "*" : " ", vm->name, state_of(vm),
			      vm->config.cpus, L(vm->config.memory >> 20), vm->weight);
		print_places(m, vm);
	}
	console_print(m, "memory free: %llu KiB\r\n", L(m->pages.free) << 2);
}

void operator_memory(struct metal *m)
{
	u64 free = m->pages.free * PAGE_SIZE, own = m->usable - free, modules = 0;

	for (unsigned i = 0; i < m->vm_count; i++) {
		const struct metal_vm *vm = m->vms[i];

		if (!vm->alive)
			continue;
		own -= vm->memory;
		console_print(m, "%u  %s: %llu KiB, of these %llu its RAM\r\n", i, vm->name,
			      L(vm->memory >> 10), L(vm->config.memory >> 10));
	}
	for (unsigned i = 0; i < m->boot.module_count; i++)
		modules += m->boot.modules[i].size;
	console_print(m, "hypervisor: image %llu KiB, allocated %llu KiB; boot modules and disks: "
		      "%llu KiB\r\n", L((m->boot.image_end - m->boot.image_base) >> 10),
		      L(own >> 10), L(modules >> 10));
	console_print(m, "free: %llu KiB\r\n", L(free >> 10));
}

/* The VM may end at any time on another processor: a copy while it cannot. */
static bool snapshot(struct metal_vm *vm, unsigned vcpu, struct vcpu_stats *s)
{
	bool alive;

	platform_mutex_lock(&vm->life);
	alive = vm->alive && vcpu < vm->vm.vcpu_count;
	if (alive)
		*s = vm->vm.vcpus[vcpu]->stats;
	platform_mutex_unlock(&vm->life);
	return alive;
}

static void print_vcpu(struct metal *m, unsigned index, const struct vcpu_stats *s)
{
	for (unsigned r = 0; r < EXIT_REASON_COUNT; r++)
		if (s->exits[r])
			console_print(m, "  vCPU %u: %s %llu, %llu cycles\r\n", index,
				      exit_reason_name((enum exit_reason)r), L(s->exits[r]),
				      L(s->exit_ticks[r]));
	console_print(m, "  vCPU %u: in the guest %llu cycles, interrupts %llu, halts %llu, asleep "
		      "%llu ms\r\n", index, L(s->guest_ticks), L(s->injected), L(s->halts),
		      L(s->halted_ns / 1000000));
	if (s->bad_bytes)
		console_print(m, "  vCPU %u: %llu bytes read or written where nothing is\r\n",
			      index, L(s->bad_bytes));
}

static void print_net(struct metal *m, unsigned index, const struct switch_port *p)
{
	console_print(m, "  net %u (switch:%s): sent %llu frames, received %llu; flooded %llu\r\n",
		      index, p->sw->name, L(p->netdev.stats.sent_frames),
		      L(p->netdev.stats.received_frames), L(p->stats.flooded));
	console_print(m, "  net %u: dropped: spoofed %llu, refused %llu, no room %llu, by the "
		      "card %llu\r\n", index, L(p->stats.spoofed), L(p->stats.refused),
		      L(p->stats.overrun), L(p->netdev.stats.dropped));
}

void operator_stats(struct metal *m, struct metal_vm *vm)
{
	struct vcpu_stats s;

	console_print(m, "%s: %s\r\n", vm->name, state_of(vm));
	for (unsigned i = 0; i < vm->config.cpus && snapshot(vm, i, &s); i++)
		print_vcpu(m, i, &s);
	for (unsigned i = 0; i < vm->net_count; i++)
		print_net(m, i, &vm->nets[i]);
	for (unsigned i = 0; i < m->cpu_count; i++)
		console_print(m, "processor %u: asleep %llu ms of %llu\r\n", i,
			      L(m->cpus[i]->idle_ns / 1000000), L(platform_clock_ns() / 1000000));
}
