/* SPDX-License-Identifier: Apache-2.0 */
/* The svm engine behind the engine contract. */
#include <arch/x86/mmu.h>
#include <trivet/metal.h>
#include <trivet/string.h>

#include "svm.h"

#define IOPM_SIZE KIB(16)
#define MSRPM_SIZE KIB(8)

/*
 * MSRs that the guest has to itself: VMLOAD and VMSAVE switch them, and arch/x86
 * would let every value through as the processor does. All else exits.
 */
static void msrpm_init(u8 *map)
{
	static const u32 own[] = {
		0x174, 0x175, 0x176,			    /* SYSENTER */
		0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* SYSCALL */
		0xc0000100, 0xc0000101, 0xc0000102,	    /* FS, GS, kernel GS base */
	};

	memset(map, 0xff, MSRPM_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		/* two bits each, 2 KiB for every range: APM vol. 2 15.11 */
		u32 bit = (own[i] >> 31 ? 0x800 * 8 : 0) + (own[i] & 0x1fff) * 2;

		map[bit / 8] &= (u8)~(3u << bit % 8);
	}
}

static void vm_free(struct svm_vm *sv)
{
	svm_npt_free(sv);
	platform_ram_free(sv->iopm, IOPM_SIZE);
	platform_ram_free(sv->msrpm, MSRPM_SIZE);
	platform_mutex_fini(&sv->bus_lock);
	platform_free(sv, sizeof *sv);
}

static int svm_vm_init(struct vm *vm, struct error *err)
{
	struct svm_vm *sv = platform_alloc(sizeof *sv);

	if (!sv)
		return error_set(err, -ENOMEM, "no memory for the svm engine");
	platform_mutex_init(&sv->bus_lock);
	sv->iopm = platform_ram_alloc(IOPM_SIZE);
	sv->msrpm = platform_ram_alloc(MSRPM_SIZE);
	if (!sv->iopm || !sv->msrpm) {
		vm_free(sv);
		return error_set(err, -ENOMEM, "no memory for the svm engine");
	}
	memset(sv->iopm, 0xff, IOPM_SIZE);
	msrpm_init(sv->msrpm);
	vm->engine_data = sv;
	return 0;
}

static void svm_vm_fini(struct vm *vm)
{
	vm_free(vm->engine_data);
	vm->engine_data = NULL;
}

static int svm_map(struct vm *vm, const struct mem_slot *slot)
{
	struct svm_vm *sv = vm->engine_data;
	struct svm_slot *s = &sv->slots[sv->count];
	int r;

	*s = (struct svm_slot){ .base = slot->base.v, .size = slot->size, .host = slot->host,
				.writable = (slot->flags & MEM_WRITE) != 0 };
	r = svm_npt_map(sv, s);
	if (!r)
		sv->count++;
	return r;
}

static void svm_flush_page(struct vm *vm, gpa_t page)
{
	(void)page; /* every guest's own translations go with it */
	for (unsigned i = 0; i < vm->vcpu_count; i++) {
		struct svm_vcpu *s = vm->vcpus[i]->engine_data;

		__atomic_store_n(&s->flush, 1, __ATOMIC_SEQ_CST);
		vcpu_kick(vm->vcpus[i]);
	}
}

static int svm_vcpu_init(struct vcpu *v, struct error *err)
{
	const struct svm_cpu *here = metal_cpu_data();
	struct svm_vcpu *s = platform_alloc(sizeof *s);
	int r = -ENOMEM;

	if (!s)
		goto no_memory;
	s->v = v;
	s->vm = v->vm->engine_data;
	s->caps = here->caps;
	s->pending_vector = -1;
	s->flush = 1;
	s->vmcb = platform_ram_alloc(sizeof *s->vmcb);
	if (s->vmcb)
		r = x86_cpu_init(&s->cpu, &svm_env, v, v->vm->arch_config, v->index);
	if (r) {
		platform_ram_free(s->vmcb, sizeof *s->vmcb);
		platform_free(s, sizeof *s);
		goto no_memory;
	}
	/* Interrupts wait while arch/x86 runs an instruction: a repeated one, as long
	 * as the guest likes, comes back after every few elements. */
	s->cpu.attention = 1;
	s->vmcb_pa = metal_hpa(s->vmcb).v;
	svm_vmcb_init(s);
	s->pulled = true;
	v->engine_data = s;
	return 0;
no_memory:
	return error_set(err, r, "no memory for vCPU %u of the svm engine", v->index);
}

static void svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = v->engine_data;

	x86_cpu_fini(&s->cpu);
	platform_ram_free(s->vmcb, sizeof *s->vmcb);
	platform_free(s, sizeof *s);
	v->engine_data = NULL;
}

static void svm_irq_inject(struct vcpu *v, u8 vector)
{
	struct svm_vcpu *s = v->engine_data;

	s->pending_vector = vector;
}

static u64 svm_guest_tsc(struct vcpu *v)
{
	struct svm_vcpu *s = v->engine_data;

	return x86_tsc(&s->cpu);
}

static int svm_get_state(struct vcpu *v, void *arch_state)
{
	struct svm_vcpu *s = v->engine_data;

	svm_pull(s);
	x86_cpu_get_state(&s->cpu, arch_state);
	return 0;
}

static int svm_set_state(struct vcpu *v, const void *arch_state)
{
	struct svm_vcpu *s = v->engine_data;

	svm_fpu_save(s);
	s->pending_vector = -1;
	s->pending_nmi = s->nmi_window = false;
	s->vmcb->eventinj = 0;
	x86_cpu_set_state(&s->cpu, arch_state);
	s->pulled = true;
	__atomic_store_n(&s->flush, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static const struct engine_ops engine_svm = {
	.name = "svm",
	.probe = svm_probe,
	.vm_init = svm_vm_init,
	.vm_fini = svm_vm_fini,
	.map = svm_map,
	.flush_page = svm_flush_page,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.run = svm_run,
	.irq_ready = svm_irq_ready,
	.irq_inject = svm_irq_inject,
	.irq_window = svm_irq_window,
	.nmi_inject = svm_nmi_inject,
	.guest_tsc = svm_guest_tsc,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
};

const struct metal_engine metal_engine_svm = {
	.ops = &engine_svm,
	.cpu_enable = svm_cpu_enable,
};
