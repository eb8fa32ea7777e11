/* SPDX-License-Identifier: Apache-2.0 */
/* One machine: made, powered up, reset, taken apart. */
#include <trivet/bits.h>
#include <trivet/device/acpi_pm.h>
#include <trivet/machine.h>
#include <trivet/string.h>

#include "boot.h"
#include "private.h"

static int check_file(const struct blob *b, const char *what, bool needed,
		      struct error *err)
{
	bool named = b->name && b->name[0];

	if (needed && !named && b->size == 0)
		return error_set(err, -EINVAL, "%s: none given; expected a file", what);
	if ((needed || named) && (b->size == 0 || !b->data))
		return error_set(err, -EINVAL, NAME_FMT ": empty; expected %s",
				 named ? b->name : what,
				 needed ? "a kernel" : "an initrd or a module");
	return 0;
}

static int check_config(const struct machine_config *c, struct error *err)
{
	int r;

	if (c->memory < MACHINE_MEMORY_MIN || c->memory > MACHINE_MEMORY_MAX)
		return error_set(err, -EINVAL, "memory: %llu bytes; expected %llu MiB to %llu MiB",
				 (unsigned long long)c->memory,
				 (unsigned long long)(MACHINE_MEMORY_MIN >> 20),
				 (unsigned long long)(MACHINE_MEMORY_MAX >> 20));
	if (c->memory % MIB(1))
		return error_set(err, -EINVAL, "memory: %llu bytes; expected a multiple of 1 MiB",
				 (unsigned long long)c->memory);
	if (c->cpus < 1 || c->cpus > VM_MAX_VCPUS)
		return error_set(err, -EINVAL, "cpus: %u; expected 1 to %d", c->cpus,
				 VM_MAX_VCPUS);
	r = check_file(&c->kernel, "kernel", true, err);
	if (!r)
		r = check_file(&c->initrd, "initrd", false, err);
	return r;
}

static int set_cpu_state(struct machine *m, unsigned index,
			 const struct x86_state *st, struct error *err)
{
	int r = m->vm->engine->set_state(m->vm->vcpus[index], st);

	if (r)
		return error_set(err, r, "engine %s: cannot set the registers of CPU %u (error %d)",
				 m->vm->engine->name, index, -r);
	return 0;
}

/* All CPUs as firmware leaves them; the boot CPU at the kernel's entry. */
static int power_up(struct machine *m, struct error *err)
{
	struct x86_state st;
	int r = firmware_install(m, err);

	for (unsigned i = 0; i < m->vm->vcpu_count && !r; i++) {
		arch_state_reset(&st, m->vm, i, false);
		firmware_cpu_state(m, &st);
		if (i == 0)
			r = boot_load(m, &st, err);
		if (!r)
			r = set_cpu_state(m, i, &st, err);
	}
	if (r)
		return r;
	platform_mutex_lock(&m->vm->lock);
	firmware_init_pic(m);
	firmware_init_apic(m);
	platform_mutex_unlock(&m->vm->lock);
	return 0;
}

static int add_cpus(struct machine *m, struct error *err)
{
	const struct machine_config *c = &m->config;
	int r = x86_cpu_model_init(&m->model, c->cpu_model,
				   platform_counter_hz(), c->cpus);

	if (r)
		return error_set(err, r, "cpu model: \"%.60s\" is not known; expected \"baseline\"",
				 c->cpu_model);
	m->model.speculates = m->vm->engine->native;
	m->vm->arch_config = &m->model;
	for (unsigned i = 0; i < c->cpus && !r; i++)
		r = vm_add_vcpu(m->vm, err);
	return r;
}

int machine_create(struct vm *vm, const struct machine_config *config,
		   struct machine **out, struct error *err)
{
	struct machine *m;
	int r = check_config(config, err);

	if (r)
		return r;
	m = platform_alloc(sizeof *m);
	if (!m)
		return error_set(err, -ENOMEM, "machine: out of memory");
	m->vm = vm;
	m->config = *config;
	vm->bad_access_stops = config->bad_access_stops;
	if (!m->config.kernel.name)
		m->config.kernel.name = "kernel";
	if (!m->config.initrd.name)
		m->config.initrd.name = "initrd";
	memmap_init(&m->map, config->memory);
	r = memmap_populate(vm, &m->map, err);
	if (r)
		goto fail;
	r = add_cpus(m, err);
	if (r)
		goto fail;
	r = devices_create(&m->devices, vm, &m->config, err);
	if (r)
		goto fail;
	r = power_up(m, err);
	if (r)
		goto fail_devices;
	vm->machine = m;
	*out = m;
	return 0;

fail_devices:
	devices_destroy(&m->devices);
fail:
	/* vm_fini frees RAM and vCPUs; they must not look at the model again. */
	vm->arch_config = NULL;
	platform_free(m, sizeof *m);
	return r;
}

/*
 * Asleep: RAM stays, the CPUs and all but the clock and what wakes are as after
 * power-up. The boot CPU waits for VCPU_EVENT_WAKE, before the waking vector.
 */
static int machine_sleep(struct machine *m, struct error *err)
{
	struct vcpu *boot = m->vm->vcpus[0];
	struct x86_state st;
	int r = 0;

	vm_clear_stop(m->vm);
	platform_mutex_lock(&m->vm->lock);
	devices_reset(&m->devices, true);
	firmware_init_pic(m);
	firmware_init_apic(m);
	platform_mutex_unlock(&m->vm->lock);
	for (unsigned i = 0; i < m->vm->vcpu_count && !r; i++) {
		arch_state_reset(&st, m->vm, i, false);
		firmware_cpu_state(m, &st);
		if (i == 0)
			firmware_waking_state(m, &st);
		r = set_cpu_state(m, i, &st, err);
	}
	boot->state = VCPU_WAIT_SIPI;
	/* the event that wakes may have come in between */
	platform_mutex_lock(&m->vm->lock);
	if (!acpi_pm_sleeping(m->devices.acpi_pm))
		vcpu_post(boot, VCPU_EVENT_WAKE, 0);
	platform_mutex_unlock(&m->vm->lock);
	return r;
}

int machine_reset(struct machine *m, struct error *err)
{
	if (acpi_pm_sleeping(m->devices.acpi_pm))
		return machine_sleep(m, err);
	/* devices first: a backend's thread writes to RAM as long as they run */
	platform_mutex_lock(&m->vm->lock);
	devices_reset(&m->devices, false);
	platform_mutex_unlock(&m->vm->lock);
	memmap_clear(m->vm);
	vm_clear_stop(m->vm);
	return power_up(m, err);
}

void machine_power_button(struct machine *m)
{
	acpi_pm_power_button(m->devices.acpi_pm);
}

void machine_resize_console(struct machine *m, u16 columns, u16 rows)
{
	if (m->devices.hvc)
		virtio_console_resize(m->devices.hvc, columns, rows);
}

bool machine_balloon_target(struct machine *m, u64 bytes)
{
	if (m->devices.balloon)
		virtio_balloon_target(m->devices.balloon, bytes);
	return m->devices.balloon;
}

bool machine_balloon_stats(const struct machine *m, struct virtio_balloon_stats *stats)
{
	if (m->devices.balloon)
		virtio_balloon_stats(m->devices.balloon, stats);
	return m->devices.balloon;
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	devices_destroy(&m->devices);
	m->vm->machine = NULL;
	m->vm->arch_config = NULL;
	platform_free(m, sizeof *m);
}
