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

static bool window_wanted(const struct svm_vcpu *s)
{
	return s->vmcb->intercept1 & I1_VINTR;
}

/* A virtual interrupt that never arrives: its interception says when it could. */
void svm_irq_window(struct vcpu *v, bool wanted)
{
	struct svm_vcpu *s = svm_of(v);

	if (likely(wanted == window_wanted(s)))
		return;
	s->vmcb->intercept1 ^= I1_VINTR;
	s->event_put = true;
}

int svm_nmi_inject(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	return hw_nmi_inject(&s->hw, s->hw.cpu.nmi_blocked, in_shadow(s));
}

/* One of the machine's or of another processor's, acknowledged and on its way. */
static bool event_is_irq(const struct svm_vcpu *s)
{
	return (s->hw.event & HW_EVENT_VALID) && HW_EVENT_TYPE(s->hw.event) == HW_EVENT_INTR;
}

static void next_event(struct svm_vcpu *s)
{
	if (!hw_next_event(&s->hw))
		return;
	s->hw.cpu.nmi_blocked = true;
	s->vmcb->intercept1 |= I1_IRET; /* which unblocks it, and nothing else tells */
}

/*
 * Into the VMCB. An external interrupt goes as a virtual one that nothing holds back
 * (APM vol. 2 15.21.4): irq_ready has looked, so the processor takes it before the
 * guest's next instruction, or leaves for one of its own first and V_IRQ still stands.
 * While V_IRQ stands for the interrupt window it waits for that: deliver_first. All
 * else is EVENTINJ's (15.20).
 */
static void put_event(struct svm_vcpu *s)
{
	const u64 stands = VIRQ_MASKING | VIRQ_PENDING | VIRQ_PRIO_MAX | VIRQ_IGNORE_TPR;
	struct vmcb *b = s->vmcb;

	if (!window_wanted(s) || s->hw.pending_vector < 0)
		next_event(s);
	s->event_put = s->hw.event != 0; /* to be taken out again */
	s->virq_vector = -1;
	b->eventinj = 0;
	b->virq = window_wanted(s) ? stands : VIRQ_MASKING;
	if (event_is_irq(s) && !window_wanted(s)) {
		s->virq_vector = (u8)s->hw.event;
		b->virq = stands | (u64)(u8)s->hw.event << VIRQ_VECTOR_SHIFT;
	} else {
		b->eventinj = s->hw.event;
	}
}

/*
 * What had not arrived when the guest left is on its way again. The type in
 * EXITINTINFO is not asked for V_IRQ's vector: QEMU 7.2 says it is an exception's. A
 * V_IRQ that stands was not begun: it waits for its time again, whatever the guest did
 * (with several processors QEMU 7.2 now and then overlooks it, and the guest goes on).
 */
static void keep_event(struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	if (s->virq_vector >= 0) {
		if ((b->exitintinfo & HW_EVENT_VALID) &&
		    (u8)b->exitintinfo == s->virq_vector)
			return; /* hw.event says so still */
		if (b->virq & VIRQ_PENDING)
			s->hw.pending_vector = s->virq_vector;
	}
	hw_requeue_event(&s->hw, b->exitintinfo);
}

/* There was no entry: V_IRQ's interrupt waits for the next, and may find the guest
 * changed by then. */
static void take_back_irq(struct svm_vcpu *s)
{
	if (likely(s->virq_vector < 0))
		return;
	s->hw.pending_vector = s->virq_vector;
	s->virq_vector = -1;
	s->hw.event = 0;
}

/* --- entry ------------------------------------------------------------------------------ */

/* Where the vCPU arrives here, after arch/x86 had the state, for a flush: what else
 * stays from one entry to the next. */
static __attribute__((noinline)) void settle(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	svm_push(s);
	s->vmcb->tlb_control =
		hw_tag_take(&s->hw, &cpu->asids) == HW_TAG_WRAPPED ? TLB_FLUSH_ALL : 0;
	s->vmcb->asid = s->hw.tag;
	hw_load(&s->hw, &cpu->hw, s->vmcb->dr7);
}

static void prepare(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	if (unlikely(s->hw.pulled || __atomic_load_n(&s->hw.flush, __ATOMIC_SEQ_CST)))
		settle(s, cpu);
	svm_push_few(s);
	if (unlikely(s->event_put || hw_event_waits(&s->hw)))
		put_event(s);
}

/* False: somebody wants this vCPU out. A kick that comes later finds interrupts
 * held (GIF clear), and its IPI ends the guest at once. */
static bool enter(struct svm_vcpu *s, struct svm_cpu *cpu)
{
	clgi();
	if (__atomic_load_n(&s->hw.v->kick, __ATOMIC_SEQ_CST) || metal_cpu_wanted()) {
		stgi();
		take_back_irq(s);
		return false;
	}
	svm_enter(s->hw.cpu.gpr, s->vmcb_pa, cpu->host_pa);
	s->hw.exits++;
	svm_pull_few(s);
	if (unlikely(s->vmcb->tlb_control)) {
		s->vmcb->tlb_control = 0;
		hw_tags_flushed(&cpu->asids);
	}
	if (unlikely(s->event_put || (s->vmcb->exitintinfo & HW_EVENT_VALID)))
		keep_event(s);
	return true;
}

static bool takes_irqs(const struct svm_vcpu *s)
{
	u64 rflags = s->hw.pulled ? s->hw.cpu.rflags : s->vmcb->rflags;

	return (rflags & FL_IF) && !in_shadow(s);
}

/*
 * An interrupt that did not arrive, and by now a more urgent one waits, which needs
 * V_IRQ to find its window: arch/x86 delivers the first. EVENTINJ could, but QEMU
 * (7.2) delivers an interrupt of EVENTINJ's twice when it is asked to leave its CPU
 * loop before the guest's next exit, as it is with several processors.
 */
static bool deliver_first(struct svm_vcpu *s, struct exit *x)
{
	if (likely(!window_wanted(s)) || !takes_irqs(s))
		return false;
	next_event(s);
	if (!event_is_irq(s))
		return false;
	svm_pull(s);
	return hw_step(&s->hw, x);
}

/*
 * A device was touched before the interrupt that was due came (Bochs 2.7 does not look
 * at V_IRQ when the guest is entered with IF set, but at its next event or when IF
 * changes): it comes first, and the instruction, which may be a repetition without end,
 * runs again.
 */
static bool is_late(const struct svm_vcpu *s)
{
	return s->hw.pending_vector >= 0 && s->vmcb->exitcode == VMEXIT_NPF &&
	       !(s->hw.event & HW_EVENT_VALID) && takes_irqs(s);
}

/* The exit is handled: does run() end? */
static bool leaves(struct svm_vcpu *s, struct exit *x)
{
	if (unlikely(is_late(s))) {
		next_event(s);
		svm_pull(s);
		return hw_step(&s->hw, x);
	}
	if (!svm_handle_exit(s, x))
		return hw_nmi_window_opens(&s->hw, s->hw.cpu.nmi_blocked, in_shadow(s));
	if (x->reason != EXIT_HALT || s->hw.pending_vector < 0 || !takes_irqs(s))
		return true;
	x->reason = EXIT_NONE; /* what waits ends the HLT at once */
	return false;
}

int svm_run(struct vcpu *v, struct exit *x)
{
	struct svm_vcpu *s = svm_of(v);
	struct svm_cpu *cpu = metal_cpu_data();

	x->reason = EXIT_NONE;
	if (deliver_first(s, x))
		return 0;
	settle(s, cpu);
	do
		prepare(s, cpu);
	while (enter(s, cpu) && !leaves(s, x));
	/* the next to run here may be another */
	hw_fpu_save(&s->hw);
	return 0;
}
