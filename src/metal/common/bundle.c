/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a bundle: it may have been cut short or damaged on its way. */
#include "bundle.h"

#include <trivet/bits.h>
#include <trivet/string.h>

#define SECTOR 512
#define BUNDLE_FLAGS (BUNDLE_TESTDEV | BUNDLE_HVC | BUNDLE_BAD_ACCESS_STOPS)

bool bundle_is(const void *data, u64 size)
{
	return size >= sizeof BUNDLE_MAGIC - 1 &&
	       !memcmp(data, BUNDLE_MAGIC, sizeof BUNDLE_MAGIC - 1);
}

static bool text_ends(const char *s, size_t size)
{
	while (size--)
		if (!*s++)
			return true;
	return false;
}

static bool part_ok(const struct bundle_part *p, u64 size)
{
	return !p->size || (p->offset % 4096 == 0 && p->offset >= sizeof(struct bundle) &&
			    range_within(p->offset, p->size, 0, size));
}

/* As `trivet image` writes them; they become part of messages. */
static bool switch_name_ok(const char *s, size_t size)
{
	if (!text_ends(s, size) || !*s)
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || *s == '-' || *s == '_'))
			return false;
	return true;
}

static bool nets_ok(const struct bundle_vm *vm)
{
	if (vm->net_count > BUNDLE_MAX_NETS)
		return false;
	for (u32 i = 0; i < vm->net_count; i++)
		if (!switch_name_ok(vm->nets[i].sw, sizeof vm->nets[i].sw) ||
		    vm->nets[i].mac[0] & 1)
			return false;
	return true;
}

/* NULL, or what is wrong. */
static const char *vm_fault(const struct bundle_vm *vm, u64 size)
{
	if (!text_ends(vm->name, sizeof vm->name) || !vm->name[0])
		return "its name";
	if (!text_ends(vm->cpu_model, sizeof vm->cpu_model))
		return "its CPU model";
	if (!text_ends(vm->append, sizeof vm->append))
		return "its command line";
	if (!vm->kernel.size || !part_ok(&vm->kernel, size))
		return "its kernel";
	if (!part_ok(&vm->initrd, size))
		return "its initrd";
	if (vm->flags & ~(u32)BUNDLE_FLAGS)
		return "its flags";
	if (!vm->weight || vm->weight > BUNDLE_MAX_WEIGHT)
		return "its weight";
	if (!nets_ok(vm))
		return "a network card";
	if (vm->disk_count > BUNDLE_MAX_DISKS)
		return "its number of disks";
	for (u32 i = 0; i < vm->disk_count; i++)
		if (!vm->disks[i].part.size || vm->disks[i].part.size % SECTOR ||
		    !part_ok(&vm->disks[i].part, size))
			return "a disk";
	return NULL;
}

int bundle_check(const void *data, u64 size, struct error *err)
{
	const struct bundle *b = data;

	if (size < sizeof *b || !bundle_is(data, size))
		return error_set(err, -EINVAL, "bundle: %llu bytes without a bundle's header",
				 (unsigned long long)size);
	if (b->version != BUNDLE_VERSION)
		return error_set(err, -EINVAL, "bundle: version %u; expected %d", b->version,
				 BUNDLE_VERSION);
	if (b->size != size)
		return error_set(err, -EINVAL, "bundle: %llu bytes; expected %llu: cut short?",
				 (unsigned long long)size, (unsigned long long)b->size);
	if (!b->vm_count || b->vm_count > BUNDLE_MAX_VMS)
		return error_set(err, -EINVAL, "bundle: %u VMs; expected 1 to %d", b->vm_count,
				 BUNDLE_MAX_VMS);
	for (u32 i = 0; i < b->vm_count; i++) {
		const char *fault = vm_fault(&b->vms[i], size);

		if (fault)
			return error_set(err, -EINVAL, "bundle: VM %u is damaged: %s", i, fault);
	}
	return 0;
}
