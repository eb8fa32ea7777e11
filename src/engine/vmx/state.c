/* SPDX-License-Identifier: Apache-2.0 */
/* Between the VMCS and the live CPU of arch/x86. */
#include <arch/x86/flags.h>
#include <arch/x86/mmu.h>
#include <trivet/metal.h>
#include <trivet/string.h>

#include "asm.h"
#include "vmx.h"

/* The rights of a segment that the VMCS knows: 24.4.1. */
#define SA_VMCS 0x1f0ffu
#define SA_CONFORMING SA_EXPDOWN /* what that bit is in a code segment */

/* --- registers that stay in the processor ------------------------------------------------- */

static const u32 kept_msr[KEPT_MSRS] = { 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
					 0xc0000102 };

static u64 *kept_of(struct x86_cpu *c, unsigned n)
{
	u64 *const where[KEPT_MSRS] = { &c->msr.star, &c->msr.lstar, &c->msr.cstar,
					&c->msr.sfmask, &c->msr.kernel_gs_base };

	return where[n];
}

/* What whoever was here before left goes. */
void vmx_kept_init(struct vmx_cpu *cpu)
{
	for (unsigned n = 0; n < KEPT_MSRS; n++) {
		cpu->kept[n] = 0;
		wrmsr(kept_msr[n], 0);
	}
}

void vmx_kept_pull(struct vmx_vcpu *s)
{
	struct vmx_cpu *cpu = metal_cpu_data();

	if (s->hw.pulled) /* there already, and maybe newer */
		return;
	for (unsigned n = 0; n < KEPT_MSRS; n++)
		*kept_of(&s->hw.cpu, n) = cpu->kept[n] = rdmsr(kept_msr[n]);
	s->hw.cpu.cr2 = read_cr2();
}

void vmx_kept_push(struct vmx_vcpu *s)
{
	struct vmx_cpu *cpu = metal_cpu_data();

	for (unsigned n = 0; n < KEPT_MSRS; n++) {
		u64 v = *kept_of(&s->hw.cpu, n);

		if (cpu->kept[n] != v)
			wrmsr(kept_msr[n], v);
		cpu->kept[n] = v;
	}
	write_cr2(s->hw.cpu.cr2);
}

/* --- what every exit looks at ---------------------------------------------------------------- */

void vmx_pull_few(struct vmx_vcpu *s)
{
	s->hw.cpu.gpr[REG_RSP] = vmread(F_RSP);
	s->hw.cpu.rip = vmread(F_RIP);
	s->rflags = vmread(F_RFLAGS);
	s->blocking = (u32)vmread(F_BLOCKING);
}

void vmx_push_few(struct vmx_vcpu *s)
{
	vmwrite(F_RSP, s->hw.cpu.gpr[REG_RSP]);
	vmwrite(F_RIP, s->hw.cpu.rip);
}

/* --- segments ----------------------------------------------------------------------------------- */

static enum vmcs_field nth(enum vmcs_field first, unsigned n)
{
	return first + 2 * n;
}

static struct x86_seg seg_pull(unsigned n)
{
	u32 attr = (u32)vmread(nth(F_ES_RIGHTS, n));

	/* of a null SS there is still the DPL, which is the CPL */
	if (attr & SA_UNUSABLE)
		attr = SA_UNUSABLE | (n == SEG_SS ? attr & SA_DPL : 0);
	return (struct x86_seg){ .base = vmread(nth(F_ES_BASE, n)),
				 .limit = (u32)vmread(nth(F_ES_LIMIT, n)), .attr = attr,
				 .sel = (u16)vmread(nth(F_ES_SEL, n)) };
}

/*
 * In real mode the low bits of CS's selector are no privilege. Bochs 2.7 wants them
 * equal to the DPL of a code segment all the same; of the data segment that is allowed
 * there as well it wants nothing. SDM vol. 3C 26.3.1.2.
 */
static u32 rights_of(const struct x86_cpu *c, unsigned n)
{
	u32 attr = c->seg[n].attr & SA_VMCS;

	if (attr & SA_UNUSABLE)
		return SA_UNUSABLE | (n == SEG_SS ? attr & SA_DPL : 0);
	if (n == SEG_CS && !(c->cr0 & CR0_PE) && (c->seg[n].sel & 3))
		return (attr & ~SA_TYPE) | SA_WRITE | SA_ACCESSED;
	return attr;
}

static void seg_push(struct vmx_vcpu *s, unsigned n)
{
	const struct x86_seg *g = &s->hw.cpu.seg[n];

	if (!memcmp(g, &s->segs[n], sizeof *g))
		return;
	vmwrite(nth(F_ES_SEL, n), g->sel);
	vmwrite(nth(F_ES_BASE, n), g->base);
	vmwrite(nth(F_ES_LIMIT, n), g->limit);
	vmwrite(nth(F_ES_RIGHTS, n), rights_of(&s->hw.cpu, n));
}

/* --- control registers ---------------------------------------------------------------------------- */

/* PCIDs that the processor does not have: CR3 must not show them to it. */
static bool pcid_in_software(const struct vmx_vcpu *s)
{
	return (s->hw.cpu.cr4 & ~s->cr4_hw & CR4_PCIDE) != 0;
}

static bool pae_paging(const struct x86_cpu *c)
{
	return (c->cr0 & CR0_PG) && (c->cr4 & CR4_PAE) && !x86_long_mode(c);
}

/* Masked bits are the guest's as the shadow has them. */
static u64 masked(u64 mask, u64 real, u64 shadow)
{
	return (real & ~mask) | (shadow & mask);
}

static void control_pull(struct vmx_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;

	c->cr0 = masked(vmread(F_CR0_MASK), vmread(F_CR0), vmread(F_CR0_SHADOW));
	c->cr4 = masked(vmread(F_CR4_MASK), vmread(F_CR4), vmread(F_CR4_SHADOW));
	if (!pcid_in_software(s))
		c->cr3 = vmread(F_CR3);
	for (unsigned n = 0; n < 4 && pae_paging(c); n++)
		c->pdpte[n] = vmread(nth(F_PDPTE0, n));
}

/*
 * Of what the guest changes without an exit only CR3 matters here: EFER, DR7 and what
 * paging is by in CR0 and CR4 are never but in hw.cpu. Of code that does not conform
 * the descriptor's privilege is the CPL.
 */
bool vmx_pull_paging(struct vmx_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;
	u32 cs;

	if (!(s->entry & ENTRY_LONG_MODE))
		return false;
	cs = (u32)vmread(nth(F_ES_RIGHTS, SEG_CS));
	if (!(cs & SA_L) || (cs & SA_CONFORMING))
		return false;
	c->mode = X86_MODE_64;
	c->cpl = cs >> SA_DPL_SHIFT & 3;
	if (!pcid_in_software(s))
		c->cr3 = vmread(F_CR3);
	return true;
}

static void control_push(struct vmx_vcpu *s)
{
	const struct x86_cpu *c = &s->hw.cpu;
	const struct vmx_controls *k = &s->controls;

	vmwrite(F_CR0_SHADOW, c->cr0);
	vmwrite(F_CR4_SHADOW, c->cr4);
	vmwrite(F_CR0, (c->cr0 | k->cr0_must) & k->cr0_may);
	vmwrite(F_CR4, ((c->cr4 & s->cr4_hw) | k->cr4_must) & k->cr4_may);
	vmwrite(F_CR3, pcid_in_software(s) ? c->cr3 & ~(u64)0xfff : c->cr3);
	for (unsigned n = 0; n < 4 && pae_paging(c); n++)
		vmwrite(nth(F_PDPTE0, n), c->pdpte[n]);
	vmwrite(F_EFER, c->efer);
}

/* Controls that follow what the guest switched on. */
static void switched_push(struct vmx_vcpu *s)
{
	const u32 cr3 = PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE;
	u32 entry = s->controls.entry, secondary = s->controls.secondary;
	u32 exceptions = VMX_EXCEPTIONS;

	s->primary &= ~cr3;
	s->primary |= pcid_in_software(s) ? cr3 : s->controls.primary & cr3;
	vmwrite(F_PRIMARY, s->primary);
	if (x86_long_mode(&s->hw.cpu))
		entry |= ENTRY_LONG_MODE;
	if (entry != s->entry)
		vmwrite(F_ENTRY, s->entry = entry);
	if (s->controls.tables && (s->hw.cpu.cr4 & ~s->cr4_hw & CR4_UMIP))
		secondary |= SECONDARY_TABLES;
	if (secondary != s->secondary)
		vmwrite(F_SECONDARY, s->secondary = secondary);
	/* the processor runs guests with NE set only: without it an x87 error is a line */
	if (!(s->hw.cpu.cr0 & CR0_NE))
		exceptions |= BIT(EXC_MF);
	if (exceptions != s->exceptions)
		vmwrite(F_EXCEPTIONS, s->exceptions = exceptions);
}

/* --- between instructions ------------------------------------------------------------------------ */

static void between_pull(struct vmx_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;

	c->irq_shadow = s->blocking & (BLOCK_STI | BLOCK_MOV_SS) ? 2 : 0;
	c->ss_shadow = (s->blocking & BLOCK_MOV_SS) != 0;
	c->nmi_blocked = (s->blocking & BLOCK_NMI) != 0;
	c->held_dr6 = c->ss_shadow ? vmread(F_PENDING_DEBUG) & 0xf : 0;
}

/*
 * As 26.3.1.5 wants them: STI's shadow only with IF set, and with either shadow a step
 * trap pending exactly when TF is set.
 */
static void between_push(struct vmx_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;
	u64 pending = c->held_dr6 ? c->held_dr6 | PENDING_ENABLED : 0;

	s->blocking = c->nmi_blocked ? BLOCK_NMI : 0;
	if (c->irq_shadow == 2 && c->ss_shadow)
		s->blocking |= BLOCK_MOV_SS;
	else if (c->irq_shadow == 2 && (s->rflags & FL_IF))
		s->blocking |= BLOCK_STI;
	if ((s->blocking & (BLOCK_STI | BLOCK_MOV_SS)) && (s->rflags & FL_TF))
		pending |= PENDING_STEP;
	vmwrite(F_BLOCKING, s->blocking);
	vmwrite(F_PENDING_DEBUG, pending);
}

/* --- everything ------------------------------------------------------------------------------------- */

void vmx_pull(struct vmx_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;

	if (s->hw.pulled)
		return;
	hw_fpu_save(&s->hw);
	vmx_kept_pull(s);
	s->hw.pulled = true;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		s->segs[n] = c->seg[n] = seg_pull(n);
	c->gdt = (struct x86_dtable){ .base = vmread(F_GDTR_BASE),
				      .limit = (u16)vmread(F_GDTR_LIMIT) };
	c->idt = (struct x86_dtable){ .base = vmread(F_IDTR_BASE),
				      .limit = (u16)vmread(F_IDTR_LIMIT) };
	x86_flags_set(c, s->rflags);
	control_pull(s);
	c->dr[7] = vmread(F_DR7);
	c->msr.sysenter_cs = vmread(F_SYSENTER_CS);
	c->msr.sysenter_esp = vmread(F_SYSENTER_ESP);
	c->msr.sysenter_eip = vmread(F_SYSENTER_EIP);
	between_pull(s);
	x86_tlb_flush_all(c);
	x86_update_mode(c);
}

void vmx_push(struct vmx_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;

	if (!s->hw.pulled)
		return;
	s->hw.pulled = false;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		seg_push(s, n);
	vmwrite(F_GDTR_BASE, c->gdt.base);
	vmwrite(F_GDTR_LIMIT, c->gdt.limit);
	vmwrite(F_IDTR_BASE, c->idt.base);
	vmwrite(F_IDTR_LIMIT, c->idt.limit);
	s->rflags = x86_flags_get(c);
	vmwrite(F_RFLAGS, s->rflags);
	control_push(s);
	switched_push(s);
	vmwrite(F_DR7, c->dr[7]);
	vmwrite(F_TSC_OFFSET, c->tsc_offset);
	vmwrite(F_PAT, c->msr.pat);
	vmwrite(F_SYSENTER_CS, c->msr.sysenter_cs);
	vmwrite(F_SYSENTER_ESP, c->msr.sysenter_esp);
	vmwrite(F_SYSENTER_EIP, c->msr.sysenter_eip);
	between_push(s);
	vmx_kept_push(s);
}
