/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest until the monitor is needed. */
#include <trivet/metal.h>

#include "asm.h"
#include "svm.h"

/* --- events ------------------------------------------------------------------------ */

static bool in_shadow(const struct svm_vcpu *s)
{
	return s->hw.pulled ? s->hw.cpu.irq_shadow == 2 : s->vmcb->irq_shadow & 1;
}

bool svm_irq_ready(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	return hw_irq_ready(&s->hw, s->hw.pulled ? s->hw.cpu.rflags : s->vmcb->rflags,
			    in_shadow(s));
}

/* A virtual interrupt that never arrives: its interception says when it could. */
void svm_irq_window(struct vcpu *v, bool wanted)
{
	struct svm_vcpu *s = svm_of(v);

	if (wanted) {
		s->vmcb->intercept1 |= I1_VINTR;
		s->vmcb->virq = VIRQ_MASKING | VIRQ_PENDING | VIRQ_PRIO_MAX | VIRQ_IGNORE_TPR;
	} else {
		s->vmcb->intercept1 &= ~(u32)I1_VINTR;
		s->vmcb->virq = VIRQ_MASKING;
	}
}

int svm_nmi_inject(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	return hw_nmi_inject(&s->hw, s->hw.cpu.nmi_blocked, in_shadow(s));
}

static void prepare_event(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	if (hw_next_event(&s->hw))
		s->hw.cpu.nmi_blocked = true;
	b->eventinj = s->hw.event;
	/* IRET unblocks NMIs, which the processor does not tell otherwise. */
	if (s->hw.cpu.nmi_blocked)
		b->intercept1 |= I1_IRET;
	else
		b->intercept1 &= ~(u32)I1_IRET;
}

/* --- address space numbers, APM vol. 2 15.16 ------------------------------------------ */

/*
 * A flush is a new number; when they run out, everything goes and they start
 * again. So it needs no flush-by-ASID.
 */
static void prepare_asid(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	bool flush = __atomic_exchange_n(&s->hw.flush, 0, __ATOMIC_SEQ_CST);

	s->vmcb->tlb_control = 0;
	if (!flush && s->hw.on_cpu == metal_cpu_index() &&
	    s->asid_generation == cpu->asid_generation)
		return;
	if (cpu->next_asid == cpu->caps.asids) {
		cpu->next_asid = 1;
		cpu->asid_generation++;
		s->vmcb->tlb_control = TLB_FLUSH_ALL;
	}
	s->vmcb->asid = cpu->next_asid++;
	s->asid_generation = cpu->asid_generation;
	s->hw.on_cpu = metal_cpu_index();
}

/* --- entry ------------------------------------------------------------------------------ */

static void prepare(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	svm_push(s);
	svm_push_few(s);
	prepare_event(s);
	prepare_asid(s, cpu);
	hw_load(&s->hw, &cpu->hw, s->vmcb->dr7);
}

/* False: somebody wants this vCPU out. A kick that comes later finds interrupts
 * held (GIF clear), and its IPI ends the guest at once. */
static bool enter(struct svm_vcpu *s, const struct svm_cpu *cpu)
{
	clgi();
	if (__atomic_load_n(&s->hw.v->kick, __ATOMIC_SEQ_CST) || metal_cpu_wanted()) {
		stgi();
		return false;
	}
	svm_enter(s->hw.cpu.gpr, s->vmcb_pa, cpu->host_pa);
	s->hw.exits++;
	svm_pull_few(s);
	hw_requeue_event(&s->hw, s->vmcb->exitintinfo);
	return true;
}

int svm_run(struct vcpu *v, struct exit *x)
{
	struct svm_vcpu *s = svm_of(v);
	struct svm_cpu *cpu = metal_cpu_data();

	x->reason = EXIT_NONE;
	do
		prepare(s, cpu);
	while (enter(s, cpu) && !svm_handle_exit(s, x) &&
	       !hw_nmi_window_opens(&s->hw, s->hw.cpu.nmi_blocked, in_shadow(s)));
	/* the next to run here may be another */
	hw_fpu_save(&s->hw);
	return 0;
}
