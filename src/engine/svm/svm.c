/* SPDX-License-Identifier: Apache-2.0 */
/* The svm engine behind the engine contract. */
#include <trivet/metal.h>
#include <trivet/string.h>

#include "svm.h"

#define IOPM_SIZE KIB(16)
#define MSRPM_SIZE KIB(8)

/* What nested paging makes of an entry; every guest access counts as a user's (bit 2):
 * APM vol. 2 15.25.5. */
static const struct hw_table_format npt_format = {
	.table = BIT(0) | BIT(1) | BIT(2) | BIT(5),
	.leaf = BIT(0) | BIT(2) | BIT(5) | BIT(6),
	.write = BIT(1),
	.large = BIT(7),
	.levels = 1,
};

/* hw_own_msrs, which VMLOAD and VMSAVE switch, do not exit. */
static void msrpm_init(u8 *map)
{
	memset(map, 0xff, MSRPM_SIZE);
	for (unsigned i = 0; i < ARRAY_SIZE(hw_own_msrs); i++) {
		/* two bits each, 2 KiB for every range: APM vol. 2 15.11 */
		u32 bit = (hw_own_msrs[i] >> 31 ? 0x800 * 8 : 0) + (hw_own_msrs[i] & 0x1fff) * 2;

		map[bit / 8] &= (u8)~(3u << bit % 8);
	}
}

static void vm_free(struct svm_vm *sv)
{
	platform_ram_free(sv->iopm, IOPM_SIZE);
	platform_ram_free(sv->msrpm, MSRPM_SIZE);
	hw_vm_fini(&sv->hw);
	platform_free(sv, sizeof *sv);
}

static int svm_vm_init(struct vm *vm, struct error *err)
{
	struct svm_vm *sv = platform_alloc(sizeof *sv);

	if (!sv)
		return error_set(err, -ENOMEM, "no memory for the svm engine");
	hw_vm_init(&sv->hw, &npt_format);
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

static int svm_vcpu_init(struct vcpu *v, struct error *err)
{
	const struct svm_cpu *here = metal_cpu_data();
	struct svm_vcpu *s = platform_alloc(sizeof *s);
	int r = -ENOMEM;

	if (!s)
		goto no_memory;
	s->caps = here->caps;
	s->hw_caps = here->hw.caps;
	s->vmcb = platform_ram_alloc(sizeof *s->vmcb);
	if (s->vmcb)
		r = hw_vcpu_init(&s->hw, v);
	if (r) {
		platform_ram_free(s->vmcb, sizeof *s->vmcb);
		platform_free(s, sizeof *s);
		goto no_memory;
	}
	s->vmcb_pa = metal_hpa(s->vmcb).v;
	s->virq_vector = -1;
	svm_vmcb_init(s);
	v->engine_data = s;
	return 0;
no_memory:
	return error_set(err, r, "no memory for vCPU %u of the svm engine", v->index);
}

static void svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	hw_vcpu_fini(&s->hw);
	platform_ram_free(s->vmcb, sizeof *s->vmcb);
	platform_free(s, sizeof *s);
	v->engine_data = NULL;
}

static int svm_get_state(struct vcpu *v, void *arch_state)
{
	struct svm_vcpu *s = svm_of(v);

	svm_pull(s);
	x86_cpu_get_state(&s->hw.cpu, arch_state);
	return 0;
}

static int svm_set_state(struct vcpu *v, const void *arch_state)
{
	struct svm_vcpu *s = svm_of(v);

	hw_set_state(&s->hw, arch_state);
	s->vmcb->eventinj = 0;
	return 0;
}

static const struct engine_ops engine_svm = {
	.name = "svm",
	.probe = svm_probe,
	.vm_init = svm_vm_init,
	.vm_fini = svm_vm_fini,
	.map = hw_map,
	.flush_page = hw_flush_page,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.run = svm_run,
	.irq_ready = svm_irq_ready,
	.irq_inject = hw_irq_inject,
	.irq_window = svm_irq_window,
	.nmi_inject = svm_nmi_inject,
	.guest_tsc = hw_guest_tsc,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
};

const struct metal_engine metal_engine_svm = {
	.ops = &engine_svm,
	.cpu_enable = svm_cpu_enable,
};
