/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest left for. The common ones are handled from the VMCS; every other
 * instruction runs on arch/x86: among them MMIO (EPT violations), task switches, control
 * and debug registers, MSRs, XSETBV, and those of VMX, which no guest has.
 */
#include <trivet/metal.h>

#include "asm.h"
#include "vmx.h"

static bool leave(struct exit *x, enum exit_reason reason)
{
	x->reason = reason;
	return true;
}

static bool emulate(struct vmx_vcpu *s, struct exit *x)
{
	vmx_pull(s);
	return hw_step(&s->hw, x);
}

/* --- straight from the VMCS ---------------------------------------------------------- */

/* Does something have to happen behind the instruction (traps), or does the
 * instruction pointer wrap? */
static bool odd(const struct vmx_vcpu *s)
{
	return (s->rflags & FL_TF) || (s->hw.cpu.dr[7] & 0xff) ||
	       (u32)s->hw.cpu.rip > 0xfffffff0;
}

/* The instruction has run: what was only for it is over. */
static void over(struct vmx_vcpu *s)
{
	if (s->blocking & (BLOCK_STI | BLOCK_MOV_SS)) {
		s->blocking &= ~(u32)(BLOCK_STI | BLOCK_MOV_SS);
		vmwrite(F_BLOCKING, s->blocking);
		vmwrite(F_PENDING_DEBUG, 0);
	}
	if (s->rflags & FL_RF)
		vmwrite(F_RFLAGS, s->rflags &= ~FL_RF);
}

static void skip(struct vmx_vcpu *s)
{
	s->hw.cpu.rip += vmread(F_INSN_LENGTH);
	over(s);
}

static bool exit_io(struct vmx_vcpu *s, struct exit *x)
{
	struct vmx_io io = vmx_io_decode(vmread(F_QUALIFICATION));

	if (io.string || odd(s))
		return emulate(s, x);
	skip(s);
	hw_port_io(&s->hw, io.port, io.size, io.write);
	return false;
}

static bool code64(const struct vmx_vcpu *s)
{
	return (s->entry & ENTRY_LONG_MODE) && (vmread(F_ES_RIGHTS + 2 * SEG_CS) & SA_L);
}

static bool exit_cpuid(struct vmx_vcpu *s, struct exit *x)
{
	if (odd(s))
		return emulate(s, x);
	hw_cpuid(&s->hw, code64(s));
	skip(s);
	return false;
}

/* 24.4.1: SS's DPL is the CPL, in every mode. */
static bool exit_vmcall(struct vmx_vcpu *s, struct exit *x)
{
	if (odd(s) ||
	    !hw_hypercall(&s->hw, vmread(F_ES_RIGHTS + 2 * SEG_SS) >> SA_DPL_SHIFT & 3, code64(s)))
		return emulate(s, x);
	skip(s);
	return false;
}

static bool exit_halt(struct vmx_vcpu *s, struct exit *x)
{
	if (odd(s))
		return emulate(s, x);
	skip(s);
	return leave(x, EXIT_HALT);
}

static bool exit_pause(struct vmx_vcpu *s, struct exit *x)
{
	platform_relax();
	return emulate(s, x);
}

/* They stay blocked after all: the IRET that unblocked them is to run again. */
static void block_nmis(struct vmx_vcpu *s)
{
	vmwrite(F_BLOCKING, s->blocking |= BLOCK_NMI);
}

/* What hw_quick_known and hw_quick_device need of the state, when they can be asked. */
static bool pull_for_quick(struct vmx_vcpu *s)
{
	return !odd(s) && !(s->hw.event & HW_EVENT_VALID) && vmx_pull_paging(s);
}

static bool exit_known(struct vmx_vcpu *s, unsigned which, struct exit *x)
{
	struct x86_insn *i = &s->known[which];
	int r;

	if (!pull_for_quick(s))
		return emulate(s, x);
	i->len = (u8)vmread(F_INSN_LENGTH);
	if (!hw_quick_known(&s->hw, i, &r))
		return emulate(s, x);
	if (which == KNOWN_WRMSR)
		vmwrite(F_TSC_OFFSET, s->hw.cpu.tsc_offset);
	over(s);
	return false;
}

static bool exit_cr(struct vmx_vcpu *s, struct exit *x)
{
	u64 q = vmread(F_QUALIFICATION);
	unsigned which = CR_IS_READ(q) ? KNOWN_CR8_READ : KNOWN_CR8_WRITE;

	if (!CR_IS_CR8(q))
		return emulate(s, x);
	s->known[which].rm = (u8)CR_REGISTER(q);
	return exit_known(s, which, x);
}

/* Guest-physical memory that is no RAM, or read-only. */
static bool exit_ept(struct vmx_vcpu *s, struct exit *x)
{
	const u64 final = EPT_LINEAR | EPT_FINAL;
	u64 q = vmread(F_QUALIFICATION);

	if ((q & EPT_NMI_UNBLOCKED) && !(s->hw.event & HW_EVENT_VALID))
		block_nmis(s);
	if ((q & EPT_FETCH) || (q & final) != final || (s->rflags & FL_AC) ||
	    !pull_for_quick(s) ||
	    !hw_quick_device(&s->hw, gpa(vmread(F_GUEST_PHYSICAL)), q & EPT_WRITE,
			     vmread(F_ES_BASE + 2 * SEG_FS), vmread(F_ES_BASE + 2 * SEG_GS)))
		return emulate(s, x);
	over(s);
	return false;
}

/* --- the processor's own ------------------------------------------------------------------ */

/* Pending until interrupts are on: now, so that nothing of the guest's waits for it. */
static bool exit_interrupt(struct exit *x)
{
	take_interrupts();
	return leave(x, EXIT_NONE);
}

/* --- exceptions ------------------------------------------------------------------------ */

/*
 * 27.2.1: the exit leaves DR6 alone and says what would have been set. INT1's comes
 * before the instruction has run (27.2.4).
 */
static bool exit_debug(struct vmx_vcpu *s, u32 event, struct exit *x)
{
	u64 dr6 = vmread(F_QUALIFICATION) & (BIT(14) | BIT(13) | 0xf);

	if (HW_EVENT_TYPE(event) == HW_EVENT_INT1)
		return emulate(s, x);
	vmx_pull(s);
	return hw_raise_debug(&s->hw, dr6, x);
}

static bool exit_exception(struct vmx_vcpu *s, struct exit *x)
{
	u32 event = (u32)vmread(F_EXIT_EVENT);
	unsigned vector = event & 0xff;

	if (HW_EVENT_TYPE(event) == HW_EVENT_NMI) { /* the machine's; blocked until IRET */
		__asm__ volatile("int $2");
		return leave(x, EXIT_NONE);
	}
	if ((event & EVENT_NMI_UNBLOCKED) && vector != EXC_DF && !(s->hw.event & HW_EVENT_VALID))
		block_nmis(s);
	switch (vector) {
	case EXC_UD:
	case EXC_MF: /* without CR0.NE */
		return emulate(s, x);
	case EXC_MC: /* the machine's too */
		__asm__ volatile("int $18");
		return false;
	case EXC_DB:
		return exit_debug(s, event, x);
	default:
		hw_inject_exception(&s->hw, (u8)vector, vector == EXC_AC, 0);
		return false;
	}
}

/* --- all ----------------------------------------------------------------------------------- */

static bool entry_failed(struct vmx_vcpu *s, struct exit *x, u32 reason)
{
	x->error = vmx_explain_entry(s, reason);
	return leave(x, EXIT_ERROR);
}

/* One switch: what an exit costs is measured (`make bench-metal`). */
bool vmx_handle_exit(struct vmx_vcpu *s, struct exit *x)
{
	u32 reason = (u32)vmread(F_EXIT_REASON);

	switch (reason) {
	case REASON_EXCEPTION:
		return exit_exception(s, x);
	case REASON_INTERRUPT:
	case REASON_PREEMPTION:
		return exit_interrupt(x);
	case REASON_TRIPLE_FAULT:
		return leave(x, EXIT_SHUTDOWN);
	case REASON_INIT:
	case REASON_SIPI:
	case REASON_IO_SMI:
	case REASON_SMI:
		return leave(x, EXIT_NONE);
	case REASON_IRQ_WINDOW:
		s->irq_window = false;
		return leave(x, EXIT_IRQ_WINDOW);
	case REASON_NMI_WINDOW: /* run() looks at it */
		return false;
	case REASON_EPT_VIOLATION:
		return exit_ept(s, x);
	case REASON_EPT_MISCONFIG:
		return entry_failed(s, x, reason);
	case REASON_CPUID:
		return exit_cpuid(s, x);
	case REASON_HLT:
		return exit_halt(s, x);
	case REASON_IO:
		return exit_io(s, x);
	case REASON_VMCALL:
		return exit_vmcall(s, x);
	case REASON_RDMSR:
		return exit_known(s, KNOWN_RDMSR, x);
	case REASON_WRMSR:
		return exit_known(s, KNOWN_WRMSR, x);
	case REASON_CR:
		return exit_cr(s, x);
	case REASON_PAUSE:
		return exit_pause(s, x);
	default:
		return reason & REASON_FAILED ? entry_failed(s, x, reason) : emulate(s, x);
	}
}
