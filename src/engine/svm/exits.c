/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest left for. The common ones are handled from the VMCB; every other
 * instruction runs on arch/x86.
 */
#include "svm.h"

static bool emulate(struct svm_vcpu *s, struct exit *x)
{
	svm_pull(s);
	return hw_step(&s->hw, x);
}

/* --- straight from the VMCB ----------------------------------------------------------- */

/* Does something have to happen behind the instruction (traps)? */
static bool traps_armed(const struct vmcb *b)
{
	return (b->rflags & FL_TF) || (b->dr7 & 0xff);
}

static void skip_to(struct svm_vcpu *s, u64 rip)
{
	s->hw.cpu.rip = rip;
	s->vmcb->irq_shadow = 0;
	s->vmcb->rflags &= ~FL_RF;
}

static bool exit_io(struct svm_vcpu *s, struct exit *x)
{
	u64 info = s->vmcb->exitinfo1;

	if ((info & IOIO_STRING) || traps_armed(s->vmcb))
		return emulate(s, x);
	skip_to(s, s->vmcb->exitinfo2);
	hw_port_io(&s->hw, (u16)(info >> 16), IOIO_SIZE(info), !(info & IOIO_IN));
	return false;
}

static bool exit_cpuid(struct svm_vcpu *s, struct exit *x)
{
	if (!s->caps.next_rip || traps_armed(s->vmcb))
		return emulate(s, x);
	hw_cpuid(&s->hw, s->vmcb->efer & EFER_LMA && s->vmcb->cs.attr & (SA_L >> 4));
	skip_to(s, s->vmcb->next_rip);
	return false;
}

static bool exit_halt(struct svm_vcpu *s, struct exit *x)
{
	if (!s->caps.next_rip || traps_armed(s->vmcb))
		return emulate(s, x);
	skip_to(s, s->vmcb->next_rip);
	x->reason = EXIT_HALT;
	return true;
}

/* --- exceptions ------------------------------------------------------------------------ */

static bool exit_exception(struct svm_vcpu *s, unsigned vector, struct exit *x)
{
	switch (vector) {
	case EXC_UD:
		return emulate(s, x);
	case EXC_MC: /* the machine's, not the guest's */
		__asm__ volatile("int $18");
		return false;
	case EXC_DB:
		s->vmcb->dr7 &= ~BIT(13); /* GD, as delivery does */
		hw_inject_exception(&s->hw, EXC_DB, false, 0);
		return false;
	default:
		hw_inject_exception(&s->hw, (u8)vector, vector == EXC_AC, 0);
		return false;
	}
}

static bool exit_pause(struct svm_vcpu *s, struct exit *x)
{
	platform_relax();
	return emulate(s, x);
}

static bool leave(struct exit *x, enum exit_reason reason)
{
	x->reason = reason;
	return true;
}

bool svm_handle_exit(struct svm_vcpu *s, struct exit *x)
{
	u64 code = s->vmcb->exitcode;

	switch (code) {
	case VMEXIT_INTR:
	case VMEXIT_NMI:
	case VMEXIT_SMI:
	case VMEXIT_INIT:
		return leave(x, EXIT_NONE);
	case VMEXIT_VINTR:
		svm_irq_window(s->hw.v, false);
		return leave(x, EXIT_IRQ_WINDOW);
	case VMEXIT_IOIO:
		return exit_io(s, x);
	case VMEXIT_CPUID:
		return exit_cpuid(s, x);
	case VMEXIT_HLT:
		return exit_halt(s, x);
	case VMEXIT_PAUSE:
		return exit_pause(s, x);
	case VMEXIT_FERR: /* no such wire here: see x87_raise in arch/x86 */
		hw_inject_exception(&s->hw, EXC_MF, false, 0);
		return false;
	case VMEXIT_SHUTDOWN:
		return leave(x, EXIT_SHUTDOWN);
	case VMEXIT_INVALID:
		x->error = "VMRUN refused the guest's state";
		return leave(x, EXIT_ERROR);
	default:
		break;
	}
	if (code >= VMEXIT_EXCP && code < VMEXIT_EXCP + 32)
		return exit_exception(s, (unsigned)(code - VMEXIT_EXCP), x);
	return emulate(s, x);
}
