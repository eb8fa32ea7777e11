/* SPDX-License-Identifier: Apache-2.0 */
/* The vmx engine behind the engine contract. */
#include <trivet/metal.h>
#include <trivet/string.h>

#include "vmx.h"

#define IO_BITMAPS (2 * PAGE_SIZE)
#define MSR_BITMAP PAGE_SIZE

/* What EPT makes of an entry: read, write, execute, and for pages the memory type 6,
 * write-back, with which the guest's PAT combines. SDM vol. 3C 28.2.2. */
static const struct hw_table_format ept_format = {
	.table = BIT(0) | BIT(1) | BIT(2),
	.leaf = BIT(0) | BIT(2) | 6 << 3,
	.write = BIT(1),
	.large = BIT(7),
};

/* hw_own_msrs, which are switched with the guest, do not exit: one bit each for
 * reads and, 2 KiB further on, for writes. 24.6.9. */
static void msr_bitmap_init(u8 *map)
{
	memset(map, 0xff, MSR_BITMAP);
	for (unsigned i = 0; i < ARRAY_SIZE(hw_own_msrs); i++) {
		u32 bit = (hw_own_msrs[i] >> 31 ? 0x400 * 8 : 0) + (hw_own_msrs[i] & 0x1fff);
		u8 keep = (u8)~BIT(bit % 8);

		map[bit / 8] &= keep;
		map[0x800 + bit / 8] &= keep;
	}
}

static void vm_free(struct vmx_vm *xv)
{
	platform_ram_free(xv->io_bitmaps, IO_BITMAPS);
	platform_ram_free(xv->msr_bitmap, MSR_BITMAP);
	hw_vm_fini(&xv->hw);
	platform_free(xv, sizeof *xv);
}

static int vmx_vm_init(struct vm *vm, struct error *err)
{
	const struct vmx_cpu *here = metal_cpu_data();
	struct hw_table_format format = ept_format;
	struct vmx_vm *xv = platform_alloc(sizeof *xv);

	if (!xv)
		return error_set(err, -ENOMEM, "no memory for the vmx engine");
	format.levels = here->controls.ept_levels;
	hw_vm_init(&xv->hw, &format);
	xv->io_bitmaps = platform_ram_alloc(IO_BITMAPS);
	xv->msr_bitmap = platform_ram_alloc(MSR_BITMAP);
	if (!xv->io_bitmaps || !xv->msr_bitmap) {
		vm_free(xv);
		return error_set(err, -ENOMEM, "no memory for the vmx engine");
	}
	memset(xv->io_bitmaps, 0xff, IO_BITMAPS);
	msr_bitmap_init(xv->msr_bitmap);
	vm->engine_data = xv;
	return 0;
}

static void vmx_vm_fini(struct vm *vm)
{
	vm_free(CONTAINER_OF((struct hw_vm *)vm->engine_data, struct vmx_vm, hw));
	vm->engine_data = NULL;
}

static int vmx_map(struct vm *vm, const struct mem_slot *slot)
{
	const struct vmx_cpu *here = metal_cpu_data();
	struct vmx_vm *xv = CONTAINER_OF((struct hw_vm *)vm->engine_data, struct vmx_vm, hw);
	int r = hw_map(vm, slot);

	if (!r)
		xv->eptp = metal_hpa(xv->hw.tables.top).v | here->controls.eptp_bits;
	return r;
}

static void known_init(struct x86_insn known[KNOWN_INSNS])
{
	static const u8 code[KNOWN_INSNS][15] = {
		[KNOWN_RDMSR] = { 0x0f, 0x32 },
		[KNOWN_WRMSR] = { 0x0f, 0x30 },
		[KNOWN_CR8_READ] = { 0x44, 0x0f, 0x20, 0xc0 },
		[KNOWN_CR8_WRITE] = { 0x44, 0x0f, 0x22, 0xc0 },
	};

	for (unsigned i = 0; i < KNOWN_INSNS; i++) {
		(void)x86_decode(&known[i], code[i], sizeof code[i], X86_MODE_64);
		x86_bind(&known[i], X86_MODE_64);
	}
}

static int vmx_vcpu_init(struct vcpu *v, struct error *err)
{
	const struct vmx_cpu *here = metal_cpu_data();
	struct vmx_vcpu *s = platform_alloc(sizeof *s);
	int r = -ENOMEM;

	if (!s)
		goto no_memory;
	s->controls = here->controls;
	s->cr4_hw = here->hw.caps.cr4;
	if (!here->hw.caps.invpcid)
		s->controls.secondary &= ~(u32)SECONDARY_INVPCID;
	if (!here->hw.caps.rdtscp)
		s->controls.secondary &= ~(u32)SECONDARY_RDTSCP;
	s->vmcs = platform_ram_alloc(PAGE_SIZE);
	if (s->vmcs)
		r = hw_vcpu_init(&s->hw, v);
	if (r) {
		platform_ram_free(s->vmcs, PAGE_SIZE);
		platform_free(s, sizeof *s);
		goto no_memory;
	}
	known_init(s->known);
	s->vmcs_pa = metal_hpa(s->vmcs).v;
	v->engine_data = s;
	return 0;
no_memory:
	return error_set(err, r, "no memory for vCPU %u of the vmx engine", v->index);
}

static void vmx_vcpu_fini(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	hw_vcpu_fini(&s->hw);
	platform_ram_free(s->vmcs, PAGE_SIZE);
	platform_free(s, sizeof *s);
	v->engine_data = NULL;
}

static int vmx_get_state(struct vcpu *v, void *arch_state)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct vmx_cpu *cpu = metal_cpu_data();

	if (!s->hw.pulled) {
		if (!vmx_load(s, cpu))
			return -EBUSY;
		vmx_pull(s);
	}
	x86_cpu_get_state(&s->hw.cpu, arch_state);
	return 0;
}

static int vmx_set_state(struct vcpu *v, const void *arch_state)
{
	struct vmx_vcpu *s = vmx_of(v);

	hw_set_state(&s->hw, arch_state);
	memset(s->segs, 0xff, sizeof s->segs); /* all are to be written */
	return 0;
}

static const struct engine_ops engine_vmx = {
	.name = "vmx",
	.probe = vmx_probe,
	.vm_init = vmx_vm_init,
	.vm_fini = vmx_vm_fini,
	.map = vmx_map,
	.flush_page = hw_flush_page,
	.vcpu_init = vmx_vcpu_init,
	.vcpu_fini = vmx_vcpu_fini,
	.run = vmx_run,
	.irq_ready = vmx_irq_ready,
	.irq_inject = hw_irq_inject,
	.irq_window = vmx_irq_window,
	.nmi_inject = vmx_nmi_inject,
	.guest_tsc = hw_guest_tsc,
	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
};

const struct metal_engine metal_engine_vmx = {
	.ops = &engine_vmx,
	.cpu_enable = vmx_cpu_enable,
	.put = vmx_put,
};
