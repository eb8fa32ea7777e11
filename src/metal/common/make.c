/* SPDX-License-Identifier: Apache-2.0 */
/* The VMs are made from what the boot loader brought. */
#include <trivet/fmt.h>
#include <trivet/string.h>

#include "bundle.h"
#include "metal.h"

static struct blob module_blob(const struct boot_module *mod)
{
	return (struct blob){ .name = mod->name, .data = (const u8 *)(uintptr_t)mod->base,
			      .size = mod->size };
}

static int create(struct metal_vm *m, struct error *err)
{
	int r = vm_init(&m->vm, m->name, m->metal->engine->ops, err);

	if (r)
		return r;
	m->home = m->metal->cpus[0]; /* until it is placed */
	m->deadline_ns = NEVER;
	m->vm.host_data = m;
	m->chardev.ops = &console_chardev_ops;
	m->config.console = &m->chardev;
	r = machine_create(&m->vm, &m->config, &m->machine, err);
	if (r) {
		vm_fini(&m->vm);
		return r;
	}
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
	m->weight = METAL_WEIGHT;
	platform_mutex_init(&m->life);
	return m;
}

/* Creates it, and takes it into the list. free: pages before there was anything of it. */
static int vm_add(struct metal_vm *m, u64 free, struct error *err)
{
	int r = place_check(m, err);

	if (!r)
		r = create(m, err);
	if (r)
		return r;
	m->memory = (free - m->metal->pages.free) * PAGE_SIZE;
	m->metal->vms[m->metal->vm_count++] = m;
	return 0;
}

/* Without a bundle: module 1 is a kernel, module 2 its initrd. */
static int from_modules(struct metal *metal, const struct options *o, struct error *err)
{
	const struct boot_info *b = &metal->boot;
	u64 free = metal->pages.free;
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
	return vm_add(m, free, err);
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
			     vm_disk_wake, m);
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
	u64 free = metal->pages.free;
	struct metal_vm *m = vm_new(metal, from->name, from->append);
	int r;

	if (!m)
		return error_set(err, -ENOMEM, "out of memory");
	m->config.memory = from->memory;
	m->config.cpus = from->cpus;
	m->config.testdev = from->flags & BUNDLE_TESTDEV;
	m->config.hvc = from->flags & BUNDLE_HVC;
	m->config.bad_access_stops = from->flags & BUNDLE_BAD_ACCESS_STOPS;
	m->cpuset = from->cpuset;
	m->weight = from->weight;
	m->config.cpu_model = from->cpu_model;
	m->config.kernel = part_blob(bundle, &from->kernel, "kernel");
	m->config.initrd = part_blob(bundle, &from->initrd, "initrd");
	take_disks(m, bundle, from);
	r = nets_create(m, from, err);
	if (!r) {
		r = vm_add(m, free, err);
		if (r)
			nets_destroy(m);
	}
	if (r)
		platform_free(m, sizeof *m);
	return r;
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
	metal->usable = metal->pages.free * PAGE_SIZE;
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
	place_all(metal);
	for (unsigned i = 0; i < metal->vm_count; i++)
		vm_start(metal->vms[i]);
	platform_log(LOG_DEBUG, "%llu KiB are free beside %u VMs",
		     (unsigned long long)metal->pages.free << 2, metal->vm_count);
	return 0;
}
