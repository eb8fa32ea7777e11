/* SPDX-License-Identifier: Apache-2.0 */
/* Between the VMCB and the live CPU of arch/x86. */
#include <arch/x86/flags.h>
#include <arch/x86/mmu.h>
#include <trivet/metal.h>
#include <trivet/string.h>

#include "svm.h"

#define EFER_SVME BIT(12)
/* What every CPU model has and older processors lack. They refuse these bits with #GP
 * before they look at the interception: APM vol. 2 15.9. */
#define CR4_MODEL (CR4_PCIDE | CR4_OSXSAVE | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP | CR4_UMIP)

/* --- the VMCB's constants ------------------------------------------------------- */

/* Everything that is not known to be harmless. APM vol. 2 15.9, 15.12. */
void svm_vmcb_init(struct svm_vcpu *s)
{
	const struct svm_vm *vm = CONTAINER_OF(s->hw.vm, struct svm_vm, hw);
	struct vmcb *b = s->vmcb;

	memset(b, 0, sizeof *b);
	b->cr_read = BIT(4) | BIT(8);
	b->cr_write = BIT(4) | BIT(8);
	b->dr_read = b->dr_write = 0xffff;
	/* #DB and #AC so that a guest cannot raise one for ever while it is being
	 * delivered; #UD for what the CPU model has and the processor does not. */
	b->exceptions = BIT(EXC_DB) | BIT(EXC_UD) | BIT(EXC_AC) | BIT(EXC_MC);
	b->intercept1 = I1_INTR | I1_NMI | I1_SMI | I1_INIT | I1_CR0_SEL | I1_RDPMC | I1_CPUID | I1_RSM |
			I1_INVD | I1_HLT | I1_INVLPGA | I1_IOIO | I1_MSR | I1_FERR |
			I1_SHUTDOWN;
	b->intercept2 = I2_VMRUN | I2_VMMCALL | I2_VMLOAD | I2_VMSAVE | I2_STGI | I2_CLGI |
			I2_SKINIT | I2_WBINVD | I2_MONITOR | I2_MWAIT | I2_MWAIT_ARMED |
			I2_XSETBV;
	if (s->caps.rdpru)
		b->intercept2 |= I2_RDPRU;
	if (s->hw_caps.invpcid)
		b->intercept3 |= BIT(2); /* INVPCID: bits 3:0 INVLPGB, ILLEGAL, it, MCOMMIT */
	if (s->caps.pause_filter) {
		b->intercept1 |= I1_PAUSE;
		b->pause_count = 3000;
		b->pause_threshold = 128;
	}
	b->iopm = metal_hpa(vm->iopm).v;
	b->msrpm = metal_hpa(vm->msrpm).v;
	b->virq = VIRQ_MASKING;
	b->np_enable = 1;
	b->ncr3 = metal_hpa(vm->hw.tables.top).v;
}

/* --- segments -------------------------------------------------------------------- */

static struct x86_seg seg_pull(const struct vmcb_seg *v)
{
	u32 attr = (v->attr & 0xffu) | (v->attr & 0xf00u) << 4;

	if (!(attr & SA_P))
		attr |= SA_UNUSABLE;
	return (struct x86_seg){ .base = v->base, .limit = v->limit, .attr = attr,
				 .sel = v->sel };
}

static struct vmcb_seg seg_push(const struct x86_seg *s)
{
	u32 attr = s->attr & SA_UNUSABLE ? 0 : s->attr;

	return (struct vmcb_seg){ .sel = s->sel,
				  .attr = (u16)((attr & 0xff) | (attr >> 4 & 0xf00)),
				  .limit = s->limit, .base = s->base };
}

/* The VMCB's segments in the order of SEG_*. */
static struct vmcb_seg *vmcb_segment(struct vmcb *b, unsigned n)
{
	return n < SEG_LDTR ? &b->es + n : n == SEG_LDTR ? &b->ldtr : &b->tr;
}

/* --- what every exit looks at ------------------------------------------------------ */

void svm_pull_few(struct svm_vcpu *s)
{
	s->hw.cpu.gpr[REG_RAX] = s->vmcb->rax;
	s->hw.cpu.gpr[REG_RSP] = s->vmcb->rsp;
	s->hw.cpu.rip = s->vmcb->rip;
}

void svm_push_few(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	b->rax = s->hw.cpu.gpr[REG_RAX];
	b->rsp = s->hw.cpu.gpr[REG_RSP];
	b->rip = s->hw.cpu.rip;
}

/* --- everything ----------------------------------------------------------------------- */

/* PCIDs that the processor does not have: CR3 must not show them to it. */
static bool pcid_in_software(const struct svm_vcpu *s)
{
	return (s->hw.cpu.cr4 & ~s->hw_caps.cr4 & CR4_PCIDE) != 0;
}

void svm_pull_paging(struct svm_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;
	const struct vmcb *b = s->vmcb;

	c->mode = X86_MODE_64;
	c->cpl = b->cpl;
	c->cr0 = b->cr0;
	if (!pcid_in_software(s))
		c->cr3 = b->cr3;
	c->efer = b->efer & ~EFER_SVME;
}

static void pull_msrs(struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;
	struct x86_msrs *m = &s->hw.cpu.msr;

	m->star = b->star;
	m->lstar = b->lstar;
	m->cstar = b->cstar;
	m->sfmask = b->sfmask;
	m->kernel_gs_base = b->kernel_gs_base;
	m->sysenter_cs = b->sysenter_cs;
	m->sysenter_esp = b->sysenter_esp;
	m->sysenter_eip = b->sysenter_eip;
}

void svm_pull(struct svm_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;
	struct vmcb *b = s->vmcb;

	if (s->hw.pulled)
		return;
	s->hw.pulled = true;
	hw_fpu_save(&s->hw);
	for (unsigned n = 0; n < SEG_COUNT; n++)
		c->seg[n] = seg_pull(vmcb_segment(b, n));
	/* SS may be null in 64-bit mode: its DPL is the CPL all the same */
	c->seg[SEG_SS].attr = (c->seg[SEG_SS].attr & ~SA_DPL) |
			      (u32)(b->cpl & 3) << SA_DPL_SHIFT;
	c->gdt = (struct x86_dtable){ .base = b->gdtr.base, .limit = (u16)b->gdtr.limit };
	c->idt = (struct x86_dtable){ .base = b->idtr.base, .limit = (u16)b->idtr.limit };
	x86_flags_set(c, b->rflags);
	c->cr0 = b->cr0;
	c->cr2 = b->cr2;
	if (!pcid_in_software(s))
		c->cr3 = b->cr3;
	c->efer = b->efer & ~EFER_SVME;
	c->dr[6] = b->dr6;
	c->dr[7] = b->dr7;
	pull_msrs(s);
	c->irq_shadow = b->irq_shadow & 1 ? 2 : 0;
	x86_tlb_flush_all(c);
	x86_update_mode(c);
	if ((c->cr0 & CR0_PG) && (c->cr4 & CR4_PAE) && !x86_long_mode(c))
		x86_load_pdptes(c, c->cr3);
}

static void push_msrs(struct svm_vcpu *s)
{
	const struct x86_msrs *m = &s->hw.cpu.msr;
	struct vmcb *b = s->vmcb;

	b->star = m->star;
	b->lstar = m->lstar;
	b->cstar = m->cstar;
	b->sfmask = m->sfmask;
	b->kernel_gs_base = m->kernel_gs_base;
	b->sysenter_cs = m->sysenter_cs;
	b->sysenter_esp = m->sysenter_esp;
	b->sysenter_eip = m->sysenter_eip;
	b->pat = m->pat;
}

/* Intercepts that depend on what the guest switched on. */
static void push_intercepts(struct svm_vcpu *s)
{
	const u32 umip = I1_IDTR_READ | I1_GDTR_READ | I1_LDTR_READ | I1_TR_READ;
	struct vmcb *b = s->vmcb;

	b->cr_read = BIT(4) | BIT(8);
	b->cr_write = BIT(4) | BIT(8);
	b->exceptions &= ~(u32)BIT(EXC_GP);
	if (CR4_MODEL & ~s->hw_caps.cr4)
		b->exceptions |= BIT(EXC_GP);
	b->intercept1 &= ~(umip | I1_IRET | I1_INTN);
	if (s->hw.cpu.nmi_blocked)
		b->intercept1 |= I1_IRET;
	if (pcid_in_software(s)) {
		b->cr_read |= BIT(3);
		b->cr_write |= BIT(3);
	}
	if (s->hw.cpu.cr4 & ~s->hw_caps.cr4 & (CR4_VME | CR4_PVI)) {
		/* what faults without them may do something with them */
		b->exceptions |= BIT(EXC_GP);
		b->intercept1 |= I1_INTN;
	}
	if (s->hw.cpu.cr4 & ~s->hw_caps.cr4 & CR4_UMIP) {
		b->intercept1 |= umip;
		b->cr_read |= BIT(0); /* SMSW */
	}
}

void svm_push(struct svm_vcpu *s)
{
	struct x86_cpu *c = &s->hw.cpu;
	struct vmcb *b = s->vmcb;

	if (!s->hw.pulled)
		return;
	s->hw.pulled = false;
	for (unsigned n = 0; n < SEG_COUNT; n++)
		*vmcb_segment(b, n) = seg_push(&c->seg[n]);
	b->cpl = c->cpl;
	b->gdtr = (struct vmcb_seg){ .base = c->gdt.base, .limit = c->gdt.limit };
	b->idtr = (struct vmcb_seg){ .base = c->idt.base, .limit = c->idt.limit };
	b->rflags = x86_flags_get(c);
	b->cr0 = c->cr0;
	b->cr2 = c->cr2;
	b->cr3 = pcid_in_software(s) ? c->cr3 & ~(u64)0xfff : c->cr3;
	b->cr4 = c->cr4 & s->hw_caps.cr4;
	b->efer = c->efer | EFER_SVME;
	b->dr6 = c->dr[6];
	b->dr7 = c->dr[7];
	b->tsc_offset = c->tsc_offset;
	push_msrs(s);
	push_intercepts(s);
	b->irq_shadow = c->irq_shadow == 2;
}
