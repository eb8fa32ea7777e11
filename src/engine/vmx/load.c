/* SPDX-License-Identifier: Apache-2.0 */
/* Which VMCS a processor works on, and what in it is constant. SDM vol. 3C 24, 26.2. */
#include <trivet/fmt.h>
#include <trivet/metal.h>
#include <trivet/string.h>

#include "asm.h"
#include "vmx.h"

#define MSR_PAT 0x277u
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u

/* --- constants ---------------------------------------------------------------------- */

/* CR0 bits whose change needs nobody's help; all others are shown from the shadow, and
 * exit when written with another value. */
#define CR0_GUEST (CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM)
/* CR4 likewise. Those that arch/x86 keeps translations by are not among them. */
#define CR4_GUEST (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PGE | CR4_PCE | CR4_OSFXSR | \
		   CR4_OSXMMEXCPT)

static void make_controls(struct vmx_vcpu *s)
{
	const struct vmx_controls *k = &s->controls;

	s->primary = k->primary;
	s->secondary = k->secondary;
	s->entry = k->entry;
	vmwrite(F_PIN, k->pin);
	if (k->pin & PIN_PREEMPTION) /* 10 ms, from each entry */
		vmwrite(F_PREEMPTION, platform_counter_hz() / 100 >> k->preemption_shift);
	vmwrite(F_PRIMARY, s->primary);
	vmwrite(F_SECONDARY, s->secondary);
	vmwrite(F_EXIT, k->exit);
	vmwrite(F_ENTRY, s->entry);
	s->exceptions = VMX_EXCEPTIONS;
	vmwrite(F_EXCEPTIONS, s->exceptions);
	vmwrite(F_PF_MASK, 0);
	vmwrite(F_PF_MATCH, 0);
	vmwrite(F_CR3_TARGETS, 0);
	vmwrite(F_EXIT_STORE_COUNT, 0);
	vmwrite(F_EXIT_LOAD_COUNT, 0);
	vmwrite(F_ENTRY_LOAD_COUNT, 0);
	vmwrite(F_ENTRY_EVENT, 0);
	if (s->secondary & SECONDARY_PLE) {
		vmwrite(F_PLE_GAP, 128);
		vmwrite(F_PLE_WINDOW, 4096);
	}
	if (s->secondary & SECONDARY_ENCLS)
		vmwrite(F_ENCLS_BITMAP, ~(u64)0);
}

static void make_guest(struct vmx_vcpu *s)
{
	const struct vmx_vm *vm = CONTAINER_OF(s->hw.vm, struct vmx_vm, hw);

	vmwrite(F_IO_BITMAP_A, metal_hpa(vm->io_bitmaps).v);
	vmwrite(F_IO_BITMAP_B, metal_hpa(vm->io_bitmaps).v + PAGE_SIZE);
	vmwrite(F_MSR_BITMAP, metal_hpa(vm->msr_bitmap).v);
	vmwrite(F_EPTP, vm->eptp);
	vmwrite(F_CR0_MASK, ~CR0_GUEST);
	vmwrite(F_CR4_MASK, ~(CR4_GUEST & s->cr4_hw));
	vmwrite(F_LINK, ~(u64)0);
	vmwrite(F_DEBUGCTL, 0);
	vmwrite(F_ACTIVITY, 0);
}

/* --- the host's state -------------------------------------------------------------------- */

/* The base in a 16-byte system descriptor: SDM vol. 3A 7.2.3. */
static u64 tr_base(u16 selector)
{
	const u8 *d = (const u8 *)(uintptr_t)read_gdtr().base + (selector & ~7u);

	return get_le16(d + 2) | (u64)d[4] << 16 | (u64)d[7] << 24 | (u64)get_le32(d + 8) << 32;
}

/*
 * What an exit loads. It makes the limits of GDTR and IDTR 64 KiB, which matters to
 * nobody: no selector here is beyond the table, and no vector is.
 */
static void host_state(void)
{
	vmwrite(F_HOST_CR0, read_cr0());
	vmwrite(F_HOST_CR3, read_cr3());
	vmwrite(F_HOST_CR4, read_cr4());
	vmwrite(F_HOST_ES, read_es());
	vmwrite(F_HOST_CS, read_cs());
	vmwrite(F_HOST_SS, read_ss());
	vmwrite(F_HOST_DS, read_ds());
	vmwrite(F_HOST_FS, read_fs());
	vmwrite(F_HOST_GS, read_gs());
	vmwrite(F_HOST_TR, read_tr());
	vmwrite(F_HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmwrite(F_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmwrite(F_HOST_TR_BASE, tr_base(read_tr()));
	vmwrite(F_HOST_GDTR_BASE, read_gdtr().base);
	vmwrite(F_HOST_IDTR_BASE, read_idtr().base);
	vmwrite(F_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(F_HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(F_HOST_SYSENTER_CS, 0);
	vmwrite(F_HOST_SYSENTER_ESP, 0);
	vmwrite(F_HOST_SYSENTER_EIP, 0);
	vmwrite(F_HOST_RIP, (u64)(uintptr_t)vmx_exit_point);
}

/* --- loading ------------------------------------------------------------------------------- */

/* First time on this processor, or back on it: what it may still know of another
 * machine whose tables lay at the same place goes. */
static void arrive(struct vmx_vcpu *s, struct vmx_cpu *cpu)
{
	const struct vmx_vm *vm = CONTAINER_OF(s->hw.vm, struct vmx_vm, hw);

	if (s->controls.invept_single)
		invept(1, vm->eptp);
	else
		invept(2, 0);
	s->on = cpu;
	s->launched = false;
}

bool vmx_load(struct vmx_vcpu *s, struct vmx_cpu *cpu)
{
	bool fresh = !s->on;

	if (cpu->current == s)
		return true;
	if (!fresh && s->on != cpu) {
		fmt_snprintf(s->why, sizeof s->why, "moved to another processor while active");
		return false;
	}
	if (cpu->current)
		vmx_kept_pull(cpu->current);
	if (fresh && !s->made)
		memcpy(s->vmcs, &s->controls.revision, 4);
	if ((fresh && !vmclear(s->vmcs_pa)) || !vmptrld(s->vmcs_pa)) {
		fmt_snprintf(s->why, sizeof s->why, "VMPTRLD failed");
		return false;
	}
	cpu->current = s;
	if (fresh)
		arrive(s, cpu);
	if (fresh && !s->made) {
		make_controls(s);
		make_guest(s);
		memset(s->segs, 0xff, sizeof s->segs); /* none is there yet */
		s->made = true;
	}
	if (fresh)
		host_state();
	vmx_kept_push(s);
	return true;
}

void vmx_put(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct vmx_cpu *cpu = metal_cpu_data();

	if (!s->on || s->on != cpu || !vmx_load(s, cpu))
		return;
	vmx_pull(s);
	vmclear(s->vmcs_pa);
	cpu->current = NULL;
	s->on = NULL;
}
