/* SPDX-License-Identifier: Apache-2.0 */
/* The soft engine behind the engine contract. */
#include <arch/x86/mmu.h>
#include <trivet/engines.h>
#include <trivet/fmt.h>
#include <trivet/string.h>

#include "soft.h"

static int soft_probe(struct engine_caps *caps)
{
	memset(caps, 0, sizeof *caps);
	caps->usable = true;
	fmt_snprintf(caps->why, sizeof caps->why,
		     "Trivet's own x86-64 CPU: an interpreter, needs no hardware support");
	return 0;
}

static int soft_vm_init(struct vm *vm, struct error *err)
{
	struct soft_vm *sv = platform_alloc(sizeof *sv);

	if (!sv)
		return error_set(err, -ENOMEM, "no memory for the soft engine");
	platform_mutex_init(&sv->bus_lock);
	platform_mutex_init(&sv->pages_lock);
	vm->engine_data = sv;
	return 0;
}

static u64 page_table_bytes(const struct soft_slot *slot)
{
	return align_up(slot->size / PAGE_SIZE * sizeof(struct soft_page), PAGE_SIZE);
}

static void soft_vm_fini(struct vm *vm)
{
	struct soft_vm *sv = vm->engine_data;

	for (unsigned i = 0; i < sv->count; i++)
		platform_ram_free(sv->slots[i].pages, page_table_bytes(&sv->slots[i]));
	platform_mutex_fini(&sv->bus_lock);
	platform_mutex_fini(&sv->pages_lock);
	platform_free(sv, sizeof *sv);
	vm->engine_data = NULL;
}

static int soft_map(struct vm *vm, const struct mem_slot *slot)
{
	struct soft_vm *sv = vm->engine_data;
	struct soft_slot *s = &sv->slots[sv->count];

	*s = (struct soft_slot){ .base = slot->base.v, .size = slot->size,
				 .host = slot->host,
				 .writable = (slot->flags & MEM_WRITE) != 0 };
	s->pages = platform_ram_alloc(page_table_bytes(s));
	if (!s->pages)
		return -ENOMEM;
	sv->count++;
	return 0;
}

void soft_tell(struct vm *vm, const struct soft_vcpu *but, u32 bits)
{
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct soft_vcpu *s = vm->vcpus[i]->engine_data;

		if (s != but)
			__atomic_fetch_or(&s->cpu.attention, bits, __ATOMIC_SEQ_CST);
	}
}

static void soft_flush_page(struct vm *vm, gpa_t page)
{
	(void)page; /* finding who maps it costs more than refilling */
	soft_tell(vm, NULL, ATT_FLUSH);
}

static void vcpu_free(struct soft_vcpu *s)
{
	platform_ram_free(s->jumps, sizeof s->jumps[0] * JUMP_CACHE_SETS);
	platform_free(s->hash, sizeof s->hash[0] * BLOCK_HASH_SIZE);
	platform_ram_free(s->arena, BLOCK_ARENA_SIZE);
	platform_free(s, sizeof *s);
}

static int soft_vcpu_init(struct vcpu *v, struct error *err)
{
	struct soft_vcpu *s = platform_alloc(sizeof *s);
	int r = -ENOMEM;

	if (!s)
		goto no_memory;
	s->v = v;
	s->vm = v->vm->engine_data;
	s->pending_vector = -1;
	s->jumps = platform_ram_alloc(sizeof s->jumps[0] * JUMP_CACHE_SETS);
	s->hash = platform_alloc(sizeof s->hash[0] * BLOCK_HASH_SIZE);
	s->arena = platform_ram_alloc(BLOCK_ARENA_SIZE);
	if (s->jumps && s->hash && s->arena)
		r = x86_cpu_init(&s->cpu, &soft_env, v, v->vm->arch_config, v->index);
	if (r) {
		vcpu_free(s);
		goto no_memory;
	}
	v->engine_data = s;
	return 0;
no_memory:
	return error_set(err, r, "no memory for vCPU %u of the soft engine", v->index);
}

static void soft_vcpu_fini(struct vcpu *v)
{
	struct soft_vcpu *s = v->engine_data;

	x86_cpu_fini(&s->cpu);
	vcpu_free(s);
	v->engine_data = NULL;
}

static void soft_kick(struct vcpu *v)
{
	struct soft_vcpu *s = v->engine_data;

	__atomic_fetch_or(&s->cpu.attention, ATT_KICK, __ATOMIC_SEQ_CST);
}

static bool soft_irq_ready(struct vcpu *v)
{
	struct soft_vcpu *s = v->engine_data;

	return (s->cpu.rflags & FL_IF) && !s->cpu.irq_shadow && s->pending_vector < 0 &&
	       !s->pending_nmi;
}

static void soft_irq_inject(struct vcpu *v, u8 vector)
{
	struct soft_vcpu *s = v->engine_data;

	s->pending_vector = vector;
}

static void soft_irq_window(struct vcpu *v, bool wanted)
{
	struct soft_vcpu *s = v->engine_data;

	if (wanted)
		__atomic_fetch_or(&s->cpu.attention, ATT_WINDOW, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&s->cpu.attention, ~(u32)ATT_WINDOW, __ATOMIC_SEQ_CST);
}

static int soft_nmi_inject(struct vcpu *v)
{
	struct soft_vcpu *s = v->engine_data;

	if (s->cpu.nmi_blocked || s->pending_nmi || s->cpu.irq_shadow) {
		__atomic_fetch_or(&s->cpu.attention, ATT_NMI, __ATOMIC_SEQ_CST);
		return s->cpu.nmi_blocked || s->pending_nmi ? -EAGAIN : -EBUSY;
	}
	s->pending_nmi = true;
	return 0;
}

static u64 soft_guest_tsc(struct vcpu *v)
{
	struct soft_vcpu *s = v->engine_data;

	return x86_tsc(&s->cpu);
}

static int soft_get_state(struct vcpu *v, void *arch_state)
{
	struct soft_vcpu *s = v->engine_data;

	x86_cpu_get_state(&s->cpu, arch_state);
	return 0;
}

static int soft_set_state(struct vcpu *v, const void *arch_state)
{
	struct soft_vcpu *s = v->engine_data;

	s->pending_vector = -1;
	s->pending_nmi = false;
	x86_cpu_set_state(&s->cpu, arch_state);
	x86_tlb_flush_all(&s->cpu);
	return 0;
}

const struct engine_ops engine_soft = {
	.name = "soft",
	.probe = soft_probe,
	.vm_init = soft_vm_init,
	.vm_fini = soft_vm_fini,
	.map = soft_map,
	.mem_written = soft_mem_written,
	.flush_page = soft_flush_page,
	.vcpu_init = soft_vcpu_init,
	.vcpu_fini = soft_vcpu_fini,
	.run = soft_run,
	.kick = soft_kick,
	.irq_ready = soft_irq_ready,
	.irq_inject = soft_irq_inject,
	.irq_window = soft_irq_window,
	.nmi_inject = soft_nmi_inject,
	.guest_tsc = soft_guest_tsc,
	.get_state = soft_get_state,
	.set_state = soft_set_state,
};
