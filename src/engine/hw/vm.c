/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM and a vCPU have in either engine. */
#include <trivet/hw.h>
#include <trivet/metal.h>
#include <trivet/string.h>

const u32 hw_own_msrs[10] = {
	0x174, 0x175, 0x176,				/* SYSENTER */
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* SYSCALL */
	0xc0000100, 0xc0000101, 0xc0000102,		/* FS, GS, kernel GS base */
};

void hw_vm_init(struct hw_vm *vm, const struct hw_table_format *format)
{
	vm->tables.format = *format;
	platform_mutex_init(&vm->bus_lock);
}

void hw_vm_fini(struct hw_vm *vm)
{
	hw_tables_free(&vm->tables);
	platform_mutex_fini(&vm->bus_lock);
}

int hw_map(struct vm *vm, const struct mem_slot *slot)
{
	struct hw_vm *hv = vm->engine_data;
	struct hw_slot *s = &hv->slots[hv->count];
	int r;

	*s = (struct hw_slot){ .base = slot->base.v, .size = slot->size, .host = slot->host,
			       .writable = (slot->flags & MEM_WRITE) != 0 };
	r = hw_tables_map(&hv->tables, s);
	if (!r)
		hv->count++;
	return r;
}

void hw_flush_page(struct vm *vm, gpa_t page)
{
	(void)page; /* every guest's own translations go with it */
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		__atomic_store_n(&hw_of(vm->vcpus[i])->flush, 1, __ATOMIC_SEQ_CST);
		vcpu_kick(vm->vcpus[i]);
	}
}

int hw_vcpu_init(struct hw_vcpu *h, struct vcpu *v)
{
	h->v = v;
	h->vm = v->vm->engine_data;
	h->pending_vector = -1;
	h->flush = 1;
	h->on_cpu = metal_cpu_index();
	h->pulled = true;
	if (x86_cpu_init(&h->cpu, &hw_env, v, v->vm->arch_config, v->index))
		return -ENOMEM;
	/* Interrupts wait while arch/x86 runs an instruction: a repeated one, as long
	 * as the guest likes, comes back after every few elements. */
	h->cpu.attention = 1;
	return 0;
}

void hw_vcpu_fini(struct hw_vcpu *h)
{
	x86_cpu_fini(&h->cpu);
}

void hw_irq_inject(struct vcpu *v, u8 vector)
{
	hw_of(v)->pending_vector = vector;
}

u64 hw_guest_tsc(struct vcpu *v)
{
	return x86_tsc(&hw_of(v)->cpu);
}

void hw_set_state(struct hw_vcpu *h, const void *arch_state)
{
	hw_fpu_save(h);
	h->pending_vector = -1;
	h->pending_nmi = h->nmi_window = false;
	h->event = 0;
	x86_cpu_set_state(&h->cpu, arch_state);
	h->pulled = true;
	__atomic_store_n(&h->flush, 1, __ATOMIC_SEQ_CST);
}
