/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest until the monitor is needed. */
#include <trivet/metal.h>

#include "asm.h"
#include "vmx.h"

/* --- events ------------------------------------------------------------------------ */

static bool in_shadow(const struct vmx_vcpu *s)
{
	return s->hw.pulled ? s->hw.cpu.irq_shadow == 2 :
			      (s->blocking & (BLOCK_STI | BLOCK_MOV_SS)) != 0;
}

static bool nmi_blocked(const struct vmx_vcpu *s)
{
	return s->hw.pulled ? s->hw.cpu.nmi_blocked : (s->blocking & BLOCK_NMI) != 0;
}

bool vmx_irq_ready(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	return hw_irq_ready(&s->hw, s->hw.pulled ? s->hw.cpu.rflags : s->rflags, in_shadow(s));
}

void vmx_irq_window(struct vcpu *v, bool wanted)
{
	vmx_of(v)->irq_window = wanted;
}

int vmx_nmi_inject(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	return hw_nmi_inject(&s->hw, nmi_blocked(s), in_shadow(s));
}

/* 26.3.1.5: an NMI is injected only while none blocks it, which it does itself. */
static void prepare_event(struct vmx_vcpu *s)
{
	u64 e;

	(void)hw_next_event(&s->hw);
	e = s->hw.event;
	if (!(e & HW_EVENT_VALID)) {
		if (s->armed) /* an entry that did not come about, and new state since */
			vmwrite(F_ENTRY_EVENT, 0);
		s->armed = false;
		return;
	}
	if (HW_EVENT_TYPE(e) == HW_EVENT_NMI && (s->blocking & BLOCK_NMI))
		vmwrite(F_BLOCKING, s->blocking &= ~(u32)BLOCK_NMI);
	if (e & HW_EVENT_ERROR)
		vmwrite(F_ENTRY_ERROR, e >> 32);
	vmwrite(F_ENTRY_EVENT, e & EVENT_BITS);
	s->armed = true;
}

/* Exits as soon as the guest could take what waits. */
static void prepare_windows(struct vmx_vcpu *s)
{
	u32 primary = s->primary & ~(u32)(PRIMARY_IRQ_WINDOW | PRIMARY_NMI_WINDOW);

	if (unlikely(s->irq_window))
		primary |= PRIMARY_IRQ_WINDOW;
	if (unlikely(s->hw.nmi_window))
		primary |= PRIMARY_NMI_WINDOW;
	if (unlikely(primary != s->primary))
		vmwrite(F_PRIMARY, s->primary = primary);
}

/* --- entry ------------------------------------------------------------------------------ */

static void prepare_tag(struct vmx_vcpu *s, struct vmx_cpu *cpu)
{
	enum hw_tag change = hw_tag_take(&s->hw, &cpu->tags);

	if (!s->controls.vpid || change == HW_TAG_KEPT)
		return;
	if (change == HW_TAG_WRAPPED) {
		invvpid(2, 0);
		hw_tags_flushed(&cpu->tags);
	}
	vmwrite(F_VPID, s->hw.tag);
}

/* Where the vCPU arrives here, after arch/x86 had the state, for a flush: what else
 * stays from one entry to the next. */
static __attribute__((noinline)) void settle(struct vmx_vcpu *s, struct vmx_cpu *cpu)
{
	vmx_push(s);
	prepare_tag(s, cpu);
	hw_load(&s->hw, &cpu->hw, s->hw.cpu.dr[7]);
}

static void prepare(struct vmx_vcpu *s, struct vmx_cpu *cpu)
{
	if (unlikely(s->hw.pulled || __atomic_load_n(&s->hw.flush, __ATOMIC_SEQ_CST)))
		settle(s, cpu);
	vmx_push_few(s);
	if (unlikely(s->armed || hw_event_waits(&s->hw)))
		prepare_event(s);
	prepare_windows(s);
}

/* What delivery the exit broke into; the NMI's own blocking was for its delivery. */
static void requeue_event(struct vmx_vcpu *s)
{
	u64 e = vmread(F_IDT_EVENT);

	if (!(e & HW_EVENT_VALID)) {
		s->hw.event = 0;
		return;
	}
	if (e & HW_EVENT_ERROR)
		e = (e & EVENT_BITS) | vmread(F_IDT_ERROR) << 32;
	hw_requeue_event(&s->hw, (e & EVENT_BITS) | (e & ~(u64)0xffffffff));
	if (HW_EVENT_TYPE(e) == HW_EVENT_NMI)
		vmwrite(F_BLOCKING, s->blocking &= ~(u32)BLOCK_NMI);
}

/*
 * False: leave run(), and *x says why when it was not that somebody wants this vCPU
 * out. A kick that comes later finds interrupts off, and its IPI ends the guest at
 * once.
 */
static bool enter(struct vmx_vcpu *s, struct exit *x)
{
	take_interrupts(); /* a guest that exits all the time must not keep them out */
	if (__atomic_load_n(&s->hw.v->kick, __ATOMIC_SEQ_CST) || metal_cpu_wanted())
		return false;
	if (!vmx_enter(s->hw.cpu.gpr, !s->launched)) {
		x->reason = EXIT_ERROR;
		x->error = vmx_explain_instruction(s);
		return false;
	}
	s->launched = true;
	s->armed = false; /* 27.2: the exit made it invalid */
	s->hw.exits++;
	vmx_pull_few(s);
	requeue_event(s);
	return true;
}

static bool nmi_window_opens(struct vmx_vcpu *s)
{
	return unlikely(s->hw.nmi_window) &&
	       hw_nmi_window_opens(&s->hw, nmi_blocked(s), in_shadow(s));
}

int vmx_run(struct vcpu *v, struct exit *x)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct vmx_cpu *cpu = metal_cpu_data();

	x->reason = EXIT_NONE;
	if (!vmx_load(s, cpu)) {
		x->reason = EXIT_ERROR;
		x->error = s->why;
		return 0;
	}
	settle(s, cpu);
	do
		prepare(s, cpu);
	while (enter(s, x) && !vmx_handle_exit(s, x) && !nmi_window_opens(s));
	/* the next to run here may be another */
	hw_fpu_save(&s->hw);
	return 0;
}
