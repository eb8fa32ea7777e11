/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a bundle, in a block of their size: what passes can be used as it is. */
// LIBS: build/obj/fuzz/src/metal/common/bundle.c.o build/obj/fuzz/libtrivet.a
#include "../../src/metal/common/bundle.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static volatile u8 sink;

static void use_part(const u8 *data, const struct bundle_part *p)
{
	if (p->size)
		sink = (u8)(data[p->offset] + data[p->offset + p->size - 1]);
}

static void use_vm(const u8 *data, const struct bundle_vm *vm)
{
	sink = (u8)(strlen(vm->name) + strlen(vm->append) + strlen(vm->cpu_model));
	if (!vm->name[0] || !vm->kernel.size || !vm->weight)
		abort();
	use_part(data, &vm->kernel);
	use_part(data, &vm->initrd);
	for (u32 i = 0; i < vm->disk_count; i++)
		use_part(data, &vm->disks[i].part);
	for (u32 i = 0; i < vm->net_count; i++)
		if (!strlen(vm->nets[i].sw) || vm->nets[i].mac[0] & 1)
			abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct error err = { "" };
	u8 *copy = aligned_alloc(8, (size + 7) & ~(size_t)7);

	memcpy(copy, data, size);
	if (size >= sizeof(struct bundle)) { /* past what would take for ever to hit */
		struct bundle *b = (struct bundle *)(void *)copy;

		memcpy(b->magic, BUNDLE_MAGIC, sizeof b->magic);
		b->version = BUNDLE_VERSION;
		b->size = size;
		b->vm_count = 1 + b->vm_count % BUNDLE_MAX_VMS;
	}
	if (bundle_check(copy, size, &err) == 0) {
		const struct bundle *b = (const void *)copy;

		for (u32 i = 0; i < b->vm_count; i++)
			use_vm(copy, &b->vms[i]);
	} else if (!err.msg[0] || strchr(err.msg, '\n')) {
		abort(); /* every refusal says why, in one line */
	}
	free(copy);
	return 0;
}
