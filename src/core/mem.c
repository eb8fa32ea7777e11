/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM: slots and checked copies. */
#include <trivet/bits.h>
#include <trivet/error.h>
#include <trivet/string.h>
#include <trivet/vm.h>

static bool slots_overlap(const struct mem_slot *s, gpa_t base, u64 size)
{
	return base.v < s->base.v + s->size && s->base.v < base.v + size;
}

int guest_mem_add(struct vm *vm, gpa_t base, u64 size, u32 flags)
{
	struct guest_mem *m = &vm->mem;
	struct mem_slot *slot = &m->slots[m->count];
	u64 end;
	int r;

	if (size == 0 || (size | base.v) & ~PAGE_MASK ||
	    add_overflows(base.v, size, &end))
		return -EINVAL;
	for (unsigned i = 0; i < m->count; i++)
		if (slots_overlap(&m->slots[i], base, size))
			return -EINVAL;
	if (m->count == MEM_MAX_SLOTS)
		return -ENOSPC;
	*slot = (struct mem_slot){ base, size,
				   vm->ram_alloc ? vm->ram_alloc(size) :
						   platform_ram_alloc(size), flags };
	if (!slot->host)
		return -ENOMEM;
	r = vm->engine->map(vm, slot);
	if (r) {
		platform_ram_free(slot->host, size);
		return r;
	}
	m->count++;
	return 0;
}

void guest_mem_fini(struct vm *vm)
{
	struct guest_mem *m = &vm->mem;

	while (m->count) {
		m->count--;
		platform_ram_free(m->slots[m->count].host, m->slots[m->count].size);
	}
}

void *guest_mem_ptr(const struct vm *vm, gpa_t a, u64 len)
{
	for (unsigned i = 0; i < vm->mem.count; i++) {
		const struct mem_slot *s = &vm->mem.slots[i];

		if (range_within(a.v, len, s->base.v, s->size))
			return s->host + (a.v - s->base.v);
	}
	return NULL;
}

int guest_mem_read(const struct vm *vm, gpa_t a, void *dst, u64 len)
{
	const void *p = guest_mem_ptr(vm, a, len);

	if (!p)
		return -EFAULT;
	memcpy(dst, p, len);
	return 0;
}

int guest_mem_write(struct vm *vm, gpa_t a, const void *src, u64 len)
{
	void *p = guest_mem_ptr(vm, a, len);

	if (!p)
		return -EFAULT;
	memcpy(p, src, len);
	if (vm->engine->mem_written)
		vm->engine->mem_written(vm, a, len);
	return 0;
}

int guest_mem_watch(struct vm *vm, unsigned index, bool on)
{
	if (index >= vm->mem.count)
		return -EINVAL;
	if (!vm->engine->dirty_log)
		return -EOPNOTSUPP;
	return vm->engine->dirty_log(vm, &vm->mem.slots[index], on);
}

int guest_mem_dirty(struct vm *vm, unsigned index, u64 *bitmap)
{
	if (index >= vm->mem.count)
		return -EINVAL;
	if (!vm->engine->get_dirty)
		return -EOPNOTSUPP;
	return vm->engine->get_dirty(vm, &vm->mem.slots[index], bitmap);
}
