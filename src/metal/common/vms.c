/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs: made from what the boot loader brought, their timers, their end. */
#include <trivet/fmt.h>
#include <trivet/string.h>

#include "metal.h"

#define NEVER (~(u64)0)

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

/* --- the end ------------------------------------------------------------------------------- */

static void start(struct metal_vm *m)
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
	m->alive = false;
	m->vm.host_data = NULL;
	machine_destroy(m->machine);
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

	if (vm_stop_reason(&m->vm) == VM_RESET) {
		if (!machine_reset(m->machine, &err)) {
			platform_log(LOG_DEBUG, "%s: reset", m->name);
			start(m);
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
		due = serve_timers(m);
		next = due < next ? due : next;
	}
	return next;
}

/* --- the beginning --------------------------------------------------------------------------- */

static struct blob module_blob(const struct boot_module *mod)
{
	return (struct blob){ .name = mod->name, .data = (const u8 *)(uintptr_t)mod->base,
			      .size = mod->size };
}

static void place(struct metal_vm *m)
{
	struct metal *metal = m->metal;
	static const char where[] = "vCPU %u of %s on processor %u";

	for (unsigned i = 0; i < m->vm.vcpu_count; i++) {
		struct task *t = &m->tasks[i];

		*t = (struct task){ .v = m->vm.vcpus[i], .owner = m,
				    .cpu = metal->cpus[(m->index + i) % metal->cpu_count] };
		platform_log(LOG_DEBUG, where, i, m->name, t->cpu->index);
		__atomic_store_n(&t->v->host_data, t, __ATOMIC_RELEASE);
	}
}

static int create(struct metal_vm *m, struct error *err)
{
	int r = vm_init(&m->vm, m->name, m->metal->engine->ops, err);

	if (r)
		return r;
	m->home = m->metal->cpus[m->index % m->metal->cpu_count];
	m->deadline_ns = NEVER;
	m->vm.host_data = m;
	m->chardev.ops = &console_chardev_ops;
	m->config.console = &m->chardev;
	r = machine_create(&m->vm, &m->config, &m->machine, err);
	if (r) {
		vm_fini(&m->vm);
		return r;
	}
	place(m);
	return 0;
}

/* Without a bundle: module 1 is a kernel, module 2 its initrd. */
static int from_modules(struct metal *metal, const struct options *o, struct error *err)
{
	const struct boot_info *b = &metal->boot;
	struct metal_vm *m;
	int r;

	if (!b->module_count)
		return error_set(err, -EINVAL, "no modules; expected a kernel, and an initrd "
				 "if it wants one");
	m = platform_alloc(sizeof *m);
	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	m->metal = metal;
	fmt_snprintf(m->name, sizeof m->name, "vm");
	fmt_snprintf(m->cmdline, sizeof m->cmdline, "%s", o->guest);
	m->config = (struct machine_config){
		.name = m->name, .memory = o->memory, .cpus = o->cpus,
		.cpu_model = "baseline", .kernel = module_blob(&b->modules[0]),
		.cmdline = m->cmdline, .testdev = o->testdev,
	};
	if (b->module_count > 1)
		m->config.initrd = module_blob(&b->modules[1]);
	r = create(m, err);
	if (r) {
		platform_free(m, sizeof *m);
		return r;
	}
	metal->vms[metal->vm_count++] = m;
	return 0;
}

int vms_create(struct metal *metal, struct error *err)
{
	struct options o;
	int r = options_parse(&o, metal->boot.cmdline, err);

	if (r)
		return r;
	metal->console.level = o.log;
	r = from_modules(metal, &o, err);
	if (r)
		return r;
	metal->vms_alive = metal->vm_count;
	for (unsigned i = 0; i < metal->vm_count; i++) {
		metal->vms[i]->alive = true;
		start(metal->vms[i]);
	}
	return 0;
}
