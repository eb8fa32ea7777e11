/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest until the monitor is needed. */
#include <trivet/metal.h>

#include "asm.h"
#include "svm.h"

#define MSR_TSC_AUX 0xc0000103u

/* --- events ------------------------------------------------------------------------ */

static bool event_waits(const struct svm_vcpu *s)
{
	return (s->vmcb->eventinj & EVENT_VALID) || s->pending_vector >= 0 || s->pending_nmi;
}

static bool in_shadow(const struct svm_vcpu *s)
{
	return s->pulled ? s->cpu.irq_shadow == 2 : s->vmcb->irq_shadow & 1;
}

bool svm_irq_ready(struct vcpu *v)
{
	struct svm_vcpu *s = v->engine_data;
	u64 flags = s->pulled ? s->cpu.rflags : s->vmcb->rflags;

	return (flags & FL_IF) && !in_shadow(s) && !event_waits(s);
}

/* A virtual interrupt that never arrives: its interception says when it could. */
void svm_irq_window(struct vcpu *v, bool wanted)
{
	struct svm_vcpu *s = v->engine_data;

	s->irq_window = wanted;
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
	struct svm_vcpu *s = v->engine_data;

	if (s->cpu.nmi_blocked || s->pending_nmi) {
		s->nmi_window = true;
		return -EAGAIN;
	}
	if (in_shadow(s) || event_waits(s)) {
		s->nmi_window = true;
		return -EBUSY;
	}
	s->pending_nmi = true;
	return 0;
}

/* NMIs can be taken (again), and one waits. */
static bool nmi_window_opens(struct svm_vcpu *s)
{
	if (!s->nmi_window || s->cpu.nmi_blocked || in_shadow(s) || event_waits(s))
		return false;
	s->nmi_window = false;
	return true;
}

static void prepare_event(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	if (!(b->eventinj & EVENT_VALID)) {
		if (s->pending_nmi) {
			b->eventinj = EXC_NMI | EVENT_NMI << 8 | EVENT_VALID;
			s->pending_nmi = false;
			s->cpu.nmi_blocked = true;
		} else if (s->pending_vector >= 0) {
			b->eventinj = (u64)s->pending_vector | EVENT_VALID;
			s->pending_vector = -1;
		}
	}
	/* IRET unblocks NMIs, which the processor does not tell otherwise. */
	if (s->cpu.nmi_blocked)
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
	bool flush = __atomic_exchange_n(&s->flush, 0, __ATOMIC_SEQ_CST);

	s->vmcb->tlb_control = 0;
	if (!flush && s->on_cpu == metal_cpu_index() &&
	    s->asid_generation == cpu->asid_generation)
		return;
	if (cpu->next_asid == cpu->caps.asids) {
		cpu->next_asid = 1;
		cpu->asid_generation++;
		s->vmcb->tlb_control = TLB_FLUSH_ALL;
	}
	s->vmcb->asid = cpu->next_asid++;
	s->asid_generation = cpu->asid_generation;
	s->on_cpu = metal_cpu_index();
}

/* --- entry ------------------------------------------------------------------------------ */

static void load_debug(const struct x86_cpu *c)
{
	__asm__ volatile("mov %0, %%db0\n\tmov %1, %%db1\n\tmov %2, %%db2\n\tmov %3, %%db3"
			 : : "r"(c->dr[0]), "r"(c->dr[1]), "r"(c->dr[2]), "r"(c->dr[3]));
}

static void prepare(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	svm_push(s);
	svm_push_few(s);
	svm_fpu_load(s);
	prepare_event(s);
	prepare_asid(s, cpu);
	if (s->vmcb->dr7 & 0xff)
		load_debug(&s->cpu);
	if (cpu->xcr0 != s->cpu.xcr0) {
		cpu->xcr0 = s->cpu.xcr0;
		xsetbv(0, cpu->xcr0);
	}
	if (cpu->caps.rdtscp && cpu->tsc_aux != (u32)s->cpu.msr.tsc_aux) {
		cpu->tsc_aux = (u32)s->cpu.msr.tsc_aux;
		wrmsr(MSR_TSC_AUX, cpu->tsc_aux);
	}
}

/* False: somebody wants this vCPU out. A kick that comes later finds interrupts
 * held (GIF clear), and its IPI ends the guest at once. */
static bool enter(struct svm_vcpu *s, const struct svm_cpu *cpu)
{
	clgi();
	if (__atomic_load_n(&s->v->kick, __ATOMIC_SEQ_CST) || metal_cpu_wanted()) {
		stgi();
		return false;
	}
	svm_enter(s->cpu.gpr, s->vmcb_pa, cpu->host_pa);
	s->exits++;
	svm_pull_few(s);
	svm_requeue_event(s);
	return true;
}

int svm_run(struct vcpu *v, struct exit *x)
{
	struct svm_vcpu *s = v->engine_data;
	struct svm_cpu *cpu = metal_cpu_data();

	x->reason = EXIT_NONE;
	do
		prepare(s, cpu);
	while (enter(s, cpu) && !svm_handle_exit(s, x) && !nmi_window_opens(s));
	/* the next to run here may be another */
	svm_fpu_save(s);
	return 0;
}
