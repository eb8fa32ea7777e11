/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the VMs, each served by its home processor: timers, disks, the end. */
#include "metal.h"

/* --- timers ------------------------------------------------------------------------------ */

/* With vm->lock held. The VM's home programs its timer; another processor tells it. */
void platform_timer_arm(struct vm *vm, u64 deadline_ns)
{
	struct metal_vm *m = vm->host_data;

	if (!m)
		return;
	__atomic_store_n(&m->deadline_ns, deadline_ns, __ATOMIC_SEQ_CST);
	if (deadline_ns >= __atomic_load_n(&m->home->armed_ns, __ATOMIC_SEQ_CST))
		return;
	if (m->home != cpu_this()) {
		sched_poke(m->home);
		return;
	}
	m->home->armed_ns = deadline_ns;
	arch_timer_set(deadline_ns);
}

static u64 serve_timers(struct metal_vm *m)
{
	u64 due = __atomic_load_n(&m->deadline_ns, __ATOMIC_SEQ_CST);

	if (due > platform_clock_ns())
		return due;
	platform_mutex_lock(&m->vm.lock);
	timers_run(&m->vm);
	platform_mutex_unlock(&m->vm.lock);
	return __atomic_load_n(&m->deadline_ns, __ATOMIC_SEQ_CST);
}

/* --- disks ------------------------------------------------------------------------------- */

void vm_disk_wake(void *ctx)
{
	struct metal_vm *m = ctx;

	__atomic_store_n(&m->disk_waits, 1, __ATOMIC_SEQ_CST);
	sched_poke(m->home);
}

static void serve_disks(struct metal_vm *m)
{
	if (!__atomic_exchange_n(&m->disk_waits, 0, __ATOMIC_SEQ_CST))
		return;
	platform_mutex_lock(&m->vm.lock);
	for (unsigned i = 0; i < m->config.disk_count; i++)
		ramdisk_serve(&m->disks[i]);
	platform_mutex_unlock(&m->vm.lock);
}

/* --- the end ------------------------------------------------------------------------------- */

void vm_start(struct metal_vm *m)
{
	m->ended = 0;
	m->running = m->vm.vcpu_count;
	for (unsigned i = 0; i < m->vm.vcpu_count; i++)
		sched_add(&m->tasks[i]);
}

static void print_registers(struct metal_vm *m)
{
	size_t size = arch_state_size();
	void *state = platform_alloc(size);
	char text[1600], *line = text;

	for (unsigned i = 0; state && i < m->vm.vcpu_count; i++) {
		struct vcpu *v = m->vm.vcpus[i];

		if (v->state == VCPU_WAIT_SIPI || m->vm.engine->get_state(v, state))
			continue;
		arch_state_print(state, text, sizeof text);
		platform_log(LOG_ERROR, "%s: vCPU %u:", m->name, i);
		for (line = text; *line;) {
			size_t n = 0;

			while (line[n] && line[n] != '\n')
				n++;
			platform_log(LOG_ERROR, "  %.*s", (int)n, line);
			line += n + (line[n] == '\n');
		}
	}
	platform_free(state, size);
}

static void conclude(struct metal_vm *m)
{
	switch (vm_stop_reason(&m->vm)) {
	case VM_POWEROFF:
		platform_log(LOG_INFO, "%s: powered off", m->name);
		break;
	case VM_DEBUG_EXIT:
		platform_log(LOG_INFO, "%s: ended with status %d", m->name,
			     m->vm.exit_code & 0xff);
		break;
	case VM_CRASHED:
		platform_log(LOG_ERROR, "%s: the guest crashed: %s", m->name, m->vm.stop_text);
		print_registers(m);
		break;
	default:
		platform_log(LOG_INFO, "%s: stopped: %s", m->name, m->vm.stop_text);
	}
}

static void destroy(struct metal_vm *m)
{
	platform_mutex_lock(&m->life);
	m->alive = false;
	platform_mutex_unlock(&m->life);
	m->vm.host_data = NULL;
	machine_destroy(m->machine);
	nets_destroy(m);
	vm_fini(&m->vm);
	platform_log(LOG_DEBUG, "%s: memory returned; %llu KiB are free", m->name,
		     (unsigned long long)(m->metal->pages.free << 2));
	if (__atomic_sub_fetch(&m->metal->vms_alive, 1, __ATOMIC_SEQ_CST))
		return;
	platform_log(LOG_INFO, "all VMs have ended");
	arch_power_off(m->metal);
}

/* No vCPU of m runs any more. */
static void reap(struct metal_vm *m)
{
	struct error err = { "" };

	serve_disks(m); /* nothing may be in flight */
	if (vm_stop_reason(&m->vm) == VM_RESET) {
		nets_clear(m);
		if (!machine_reset(m->machine, &err)) {
			platform_log(LOG_DEBUG, "%s: reset", m->name);
			vm_start(m);
			return;
		}
		platform_log(LOG_ERROR, "%s: %s", m->name, err.msg);
	} else {
		conclude(m);
	}
	destroy(m);
}

u64 vms_serve(struct cpu *cpu)
{
	struct metal *metal = cpu->metal;
	u64 next = NEVER;

	for (unsigned i = 0; i < metal->vm_count; i++) {
		struct metal_vm *m = metal->vms[i];
		u64 due;

		if (!m->alive || m->home != cpu)
			continue;
		if (__atomic_load_n(&m->ended, __ATOMIC_SEQ_CST)) {
			reap(m);
			if (!m->alive)
				continue;
		}
		if (__atomic_load_n(&m->paused, __ATOMIC_SEQ_CST))
			continue;
		serve_disks(m);
		due = nets_serve(m);
		next = due < next ? due : next;
		due = serve_timers(m);
		next = due < next ? due : next;
	}
	return next;
}
