/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs: made from what the boot loader brought, their timers, their end. */
#include <trivet/fmt.h>
#include <trivet/string.h>

#include "bundle.h"
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

/* --- disks ------------------------------------------------------------------------------- */

static void disk_wake(void *ctx)
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

	serve_disks(m); /* nothing may be in flight */
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
		serve_disks(m);
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

/* A VM of this name that has nothing yet; NULL when out of memory. */
static struct metal_vm *vm_new(struct metal *metal, const char *name, const char *cmdline)
{
	struct metal_vm *m = platform_alloc(sizeof *m);

	if (!m)
		return NULL;
	m->metal = metal;
	m->index = metal->vm_count;
	fmt_snprintf(m->name, sizeof m->name, "%s", name);
	fmt_snprintf(m->cmdline, sizeof m->cmdline, "%s", cmdline);
	m->config.name = m->name;
	m->config.cmdline = m->cmdline;
	return m;
}

/* Creates it, and takes it into the list. */
static int vm_add(struct metal_vm *m, struct error *err)
{
	int r = create(m, err);

	if (r)
		platform_free(m, sizeof *m);
	else
		m->metal->vms[m->metal->vm_count++] = m;
	return r;
}

/* Without a bundle: module 1 is a kernel, module 2 its initrd. */
static int from_modules(struct metal *metal, const struct options *o, struct error *err)
{
	const struct boot_info *b = &metal->boot;
	struct metal_vm *m = vm_new(metal, "vm", o->guest);

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	m->config.memory = o->memory;
	m->config.cpus = o->cpus;
	m->config.testdev = o->testdev;
	m->config.cpu_model = "baseline";
	m->config.kernel = module_blob(&b->modules[0]);
	if (b->module_count > 1)
		m->config.initrd = module_blob(&b->modules[1]);
	return vm_add(m, err);
}

static struct blob part_blob(u8 *bundle, const struct bundle_part *p, const char *name)
{
	return (struct blob){ .name = p->size ? name : NULL,
			      .data = p->size ? bundle + p->offset : NULL, .size = p->size };
}

static void take_disks(struct metal_vm *m, u8 *bundle, const struct bundle_vm *from)
{
	for (u32 i = 0; i < from->disk_count; i++) {
		const struct bundle_disk *d = &from->disks[i];

		ramdisk_init(&m->disks[i], bundle + d->part.offset, d->part.size, d->read_only,
			     disk_wake, m);
		fmt_snprintf(m->disks[i].blockdev.serial, sizeof m->disks[i].blockdev.serial,
			     "trivet-%u", i);
		m->config.disks[i] = (struct machine_disk){ .name = m->name,
							    .blockdev = &m->disks[i].blockdev };
	}
	m->config.disk_count = from->disk_count;
}

static int from_bundle_vm(struct metal *metal, u8 *bundle, const struct bundle_vm *from,
			  struct error *err)
{
	struct metal_vm *m = vm_new(metal, from->name, from->append);

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	m->config.memory = from->memory;
	m->config.cpus = from->cpus;
	m->config.testdev = from->testdev;
	m->config.cpu_model = from->cpu_model;
	m->config.kernel = part_blob(bundle, &from->kernel, "kernel");
	m->config.initrd = part_blob(bundle, &from->initrd, "initrd");
	take_disks(m, bundle, from);
	return vm_add(m, err);
}

/* One VM that cannot be made leaves the others be. */
static int from_bundle(struct metal *metal, const struct boot_module *mod, struct error *err)
{
	u8 *data = (u8 *)(uintptr_t)mod->base;
	const struct bundle *b = (const struct bundle *)(uintptr_t)mod->base;
	int r = bundle_check(data, mod->size, err);

	if (r)
		return r;
	for (u32 i = 0; i < b->vm_count; i++) {
		r = from_bundle_vm(metal, data, &b->vms[i], err);
		if (r)
			platform_log(LOG_ERROR, "%s: %s", b->vms[i].name, err->msg);
	}
	return metal->vm_count ? 0 : error_set(err, -EINVAL, "no VM is left to run");
}

int vms_create(struct metal *metal, struct error *err)
{
	const struct boot_module *first = &metal->boot.modules[0];
	struct options o;
	int r = options_parse(&o, metal->boot.cmdline, err);

	if (r)
		return r;
	metal->console.level = o.log;
	if (!metal->boot.module_count)
		return error_set(err, -EINVAL, "no boot modules; expected a bundle made by "
				 "`trivet image', or a kernel");
	if (bundle_is((const void *)(uintptr_t)first->base, first->size))
		r = from_bundle(metal, first, err);
	else
		r = from_modules(metal, &o, err);
	if (r)
		return r;
	metal->vms_alive = metal->vm_count;
	for (unsigned i = 0; i < metal->vm_count; i++)
		metal->vms[i]->alive = true;
	for (unsigned i = 0; i < metal->vm_count; i++)
		start(metal->vms[i]);
	platform_log(LOG_DEBUG, "%llu KiB are free beside %u VMs",
		     (unsigned long long)metal->pages.free << 2, metal->vm_count);
	return 0;
}
