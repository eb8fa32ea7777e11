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

static bool code64(const struct vmcb *b)
{
	return (b->efer & EFER_LMA) && (b->cs.attr & (SA_L >> 4));
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

/* What hw_quick_plain and hw_quick_device need of the state, when they can be asked. */
static bool pull_for_quick(struct svm_vcpu *s)
{
	const struct vmcb *b = s->vmcb;

	if (!code64(b) || traps_armed(b) || (s->hw.event & HW_EVENT_VALID))
		return false;
	svm_pull_paging(s);
	return true;
}

/* An instruction without a memory operand that was intercepted. */
static bool exit_plain(struct svm_vcpu *s, u16 key, struct exit *x)
{
	int r;

	if (!pull_for_quick(s) || !hw_quick_plain(&s->hw, key, &r))
		return emulate(s, x);
	skip_to(s, s->hw.cpu.rip);
	s->vmcb->tsc_offset = s->hw.cpu.tsc_offset; /* WRMSR */
	if (r != X86_HALT)
		return false;
	x->reason = EXIT_HALT;
	return true;
}

static bool exit_cpuid(struct svm_vcpu *s, struct exit *x)
{
	const struct vmcb *b = s->vmcb;

	if (!s->caps.next_rip || traps_armed(b))
		return exit_plain(s, X86_KEY(X86_MAP_0F, 0xa2), x);
	hw_cpuid(&s->hw, code64(b));
	skip_to(s, b->next_rip);
	return false;
}

static bool exit_vmmcall(struct svm_vcpu *s, struct exit *x)
{
	const struct vmcb *b = s->vmcb;

	if (!s->caps.next_rip || traps_armed(b) || !hw_hypercall(&s->hw, b->cpl, code64(b)))
		return exit_plain(s, X86_KEY(X86_MAP_0F, 0x01), x);
	skip_to(s, b->next_rip);
	return false;
}

/* Guest-physical memory that is no RAM, or read-only. APM vol. 2 15.25.6. */
static bool exit_nested_fault(struct svm_vcpu *s, struct exit *x)
{
	const struct vmcb *b = s->vmcb;
	u64 info = b->exitinfo1;

	if ((info & NPF_FETCH) || !(info & NPF_FINAL) || (b->rflags & FL_AC) ||
	    !pull_for_quick(s) ||
	    !hw_quick_device(&s->hw, gpa(b->exitinfo2), info & NPF_WRITE, b->fs.base, b->gs.base))
		return emulate(s, x);
	skip_to(s, s->hw.cpu.rip);
	return false;
}

/* --- exceptions ------------------------------------------------------------------------ */

static bool exit_exception(struct svm_vcpu *s, unsigned vector, struct exit *x)
{
	switch (vector) {
	case EXC_UD:
	case EXC_GP: /* VME and PVI in software, CR4: arch/x86 knows whether it is one */
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
	case VMEXIT_NPF:
		return exit_nested_fault(s, x);
	case VMEXIT_CPUID:
		return exit_cpuid(s, x);
	case VMEXIT_VMMCALL:
		return exit_vmmcall(s, x);
	case VMEXIT_MSR:
		return exit_plain(s, X86_KEY(X86_MAP_0F, s->vmcb->exitinfo1 & 1 ? 0x30 : 0x32), x);
	case VMEXIT_CR_READ + 8:
		return exit_plain(s, X86_KEY(X86_MAP_0F, 0x20), x);
	case VMEXIT_CR_WRITE + 8:
		return exit_plain(s, X86_KEY(X86_MAP_0F, 0x22), x);
	case VMEXIT_HLT:
		return exit_plain(s, 0xf4, x);
	case VMEXIT_PAUSE:
		return exit_pause(s, x);
	case VMEXIT_FERR: /* an x87 error without CR0.NE: see x87_raise in arch/x86 */
		return emulate(s, x);
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
