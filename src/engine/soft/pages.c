/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages hold decoded code, shared by the vCPUs of a VM.
 *
 * Order that keeps stores and decoding straight: a decoder marks the chunk, has
 * every other vCPU drop its cached write translations, and only then reads the
 * bytes; a store to a marked page goes the slow way and, once its bytes are
 * written, raises the generation.
 *
 * That the others have dropped them is so for one generation, and known only when the
 * first decoder has waited for them: one that comes meanwhile, and finds the page
 * marked, has to wait as well. A store that takes the marks away raises the generation
 * first, so that no block is still good when a store may go unseen again.
 */
#include <arch/x86/mmu.h>
#include <trivet/bits.h>

#include "soft.h"

#define CHUNK_SHIFT 6

static u64 chunk_mask(u64 a, u64 len)
{
	u64 first = (a & ~PAGE_MASK) >> CHUNK_SHIFT;
	u64 last = ((a & ~PAGE_MASK) + len - 1) >> CHUNK_SHIFT;

	return bits_mask((unsigned)last + 1) & ~bits_mask((unsigned)first);
}

struct soft_page *soft_page_of(struct soft_vm *vm, u64 a, struct soft_slot **slot)
{
	for (unsigned i = 0; i < vm->count; i++) {
		struct soft_slot *s = &vm->slots[i];

		if (a - s->base < s->size) {
			*slot = s;
			return &s->pages[(a - s->base) >> PAGE_SHIFT];
		}
	}
	return NULL;
}

struct x86_page soft_env_page(struct x86_cpu *c, gpa_t a)
{
	struct soft_slot *slot;
	struct soft_page *page = soft_page_of(soft_of(c)->vm, a.v, &slot);

	if (!page)
		return (struct x86_page){ NULL, false, false };
	return (struct x86_page){ slot->host + (a.v - slot->base), slot->writable,
				  __atomic_load_n(&page->chunks, __ATOMIC_SEQ_CST) != 0 };
}

static u64 page_chunks(const struct soft_page *page)
{
	return __atomic_load_n(&page->chunks, __ATOMIC_SEQ_CST);
}

static u32 page_gen(const struct soft_page *page)
{
	return __atomic_load_n(&page->gen, __ATOMIC_SEQ_CST);
}

static void page_written(struct soft_vm *vm, struct soft_page *page, u64 a, u64 len)
{
	/* either this sees a decoder's mark, or that one reads what was stored */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Most stores to such a page are data beside the code. */
	if (!(page_chunks(page) & chunk_mask(a, len)))
		return;
	platform_mutex_lock(&vm->pages_lock);
	__atomic_store_n(&page->gen, page->gen + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&page->chunks, 0, __ATOMIC_SEQ_CST);
	platform_mutex_unlock(&vm->pages_lock);
}

void soft_env_code_write(struct x86_cpu *c, gpa_t a, unsigned size)
{
	struct soft_slot *slot;
	struct soft_page *page = soft_page_of(soft_of(c)->vm, a.v, &slot);

	if (page)
		page_written(soft_of(c)->vm, page, a.v, size);
}

void soft_mem_written(struct vm *vm, gpa_t a, u64 len)
{
	struct soft_slot *slot;

	while (len) {
		struct soft_page *page = soft_page_of(vm->engine_data, a.v, &slot);
		u64 room = PAGE_SIZE - (a.v & ~PAGE_MASK);
		u64 n = len < room ? len : room;

		if (page)
			page_written(vm->engine_data, page, a.v, n);
		a = gpa_add(a, n);
		len -= n;
	}
}

/* The other vCPUs of the VM drop their write translations before this returns. */
static void sync_others(struct soft_vcpu *self)
{
	struct vm *vm = self->v->vm;

	soft_tell(vm, self, ATT_SYNC);
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct soft_vcpu *o = vm->vcpus[i]->engine_data;

		/* One that is not running looks at its attention on the way in. */
		while (o != self && __atomic_load_n(&o->running, __ATOMIC_SEQ_CST) &&
		       (__atomic_load_n(&o->cpu.attention, __ATOMIC_SEQ_CST) & ATT_SYNC)) {
			soft_attend_sync(self); /* the other may wait for us */
			soft_attend_bus(self);
			platform_relax();
		}
	}
}

/* Are stores to the page seen in its generation gen? */
static bool is_watched(const struct soft_page *page, u32 gen)
{
	return __atomic_load_n(&page->watched, __ATOMIC_SEQ_CST) == gen + 1;
}

/* The page's generation, with the mark made. */
static u32 add_mark(struct soft_vm *vm, struct soft_page *page, u64 mask)
{
	u32 gen;

	platform_mutex_lock(&vm->pages_lock);
	gen = page->gen;
	__atomic_store_n(&page->chunks, page->chunks | mask, __ATOMIC_SEQ_CST);
	platform_mutex_unlock(&vm->pages_lock);
	return gen;
}

static void set_watched(struct soft_vm *vm, struct soft_page *page, u32 gen)
{
	platform_mutex_lock(&vm->pages_lock);
	if (page->gen == gen)
		__atomic_store_n(&page->watched, gen + 1, __ATOMIC_SEQ_CST);
	platform_mutex_unlock(&vm->pages_lock);
}

void soft_page_mark(struct soft_vcpu *s, struct soft_page *page, u64 a, unsigned len)
{
	u64 mask = chunk_mask(a, len);
	u32 gen = page_gen(page);

	/* in this order: the marks of a generation go after it */
	if ((page_chunks(page) & mask) == mask && is_watched(page, gen) && page_gen(page) == gen)
		return;
	gen = add_mark(s->vm, page, mask);
	if (is_watched(page, gen))
		return;
	x86_tlb_forget_gpa(&s->cpu, gpa(a & PAGE_MASK));
	if (s->v->vm->vcpu_count > 1)
		sync_others(s);
	set_watched(s->vm, page, gen);
}

void soft_attend_sync(struct soft_vcpu *s)
{
	u32 bits = ATT_SYNC | ATT_FLUSH;
	u32 seen = __atomic_load_n(&s->cpu.attention, __ATOMIC_SEQ_CST);

	if (!(seen & bits))
		return;
	x86_tlb_flush_all(&s->cpu);
	__atomic_fetch_and(&s->cpu.attention, ~bits, __ATOMIC_SEQ_CST);
}
