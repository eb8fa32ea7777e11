/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest left for. The common ones are handled from the VMCB; every other
 * instruction runs on arch/x86, the same semantics as the interpreter's.
 */
#include <arch/x86/cpuid.h>
#include <arch/x86/fpu.h>
#include <arch/x86/step.h>

#include "svm.h"

/* --- one instruction by arch/x86 --------------------------------------------------- */

static void event_drop(struct svm_vcpu *s)
{
	s->vmcb->eventinj = 0;
}

/* The event that was on its way when the exit came, delivered by arch/x86. */
static int deliver_event(struct svm_vcpu *s)
{
	u64 e = s->vmcb->eventinj;
	struct x86_cpu *c = &s->cpu;

	event_drop(s);
	if (EVENT_TYPE(e) != EVENT_EXCP)
		return x86_deliver_interrupt(c, (u8)e);
	c->fault = (struct x86_fault){ .vector = (u8)e, .has_error = (e & EVENT_ERROR) != 0,
				       .error = (u32)(e >> 32), .cr2 = c->cr2 };
	return x86_deliver_fault(c);
}

static int run_one(struct svm_vcpu *s)
{
	struct x86_cpu *c = &s->cpu;
	struct x86_insn insn;
	int r;

	if (s->vmcb->eventinj & EVENT_VALID)
		return deliver_event(s);
	r = x86_step(c, &insn);
	if (r != X86_FAULT)
		return r;
	c->rip -= insn.len;
	return x86_deliver_fault(c);
}

/* True: leave run() with *x. */
static bool emulate(struct svm_vcpu *s, struct exit *x)
{
	struct x86_cpu *c = &s->cpu;
	u64 seen;
	int r;

	svm_pull(s);
	seen = c->lookup_gen;
	x86_fpu_enter(c);
	r = run_one(s);
	x86_fpu_leave(c);
	if (c->lookup_gen != seen) /* translations were dropped: the processor's too */
		__atomic_store_n(&s->flush, 1, __ATOMIC_SEQ_CST);
	switch (r) {
	case X86_HALT:
		x->reason = EXIT_HALT;
		return true;
	case X86_SHUTDOWN:
		x->reason = EXIT_SHUTDOWN;
		return true;
	case X86_ERROR:
		x->reason = EXIT_ERROR;
		x->error = c->error;
		return true;
	default:
		return false;
	}
}

/* --- straight from the VMCB ----------------------------------------------------------- */

/* Does something have to happen behind the instruction (traps)? */
static bool traps_armed(const struct vmcb *b)
{
	return (b->rflags & FL_TF) || (b->dr7 & 0xff);
}

static void skip_to(struct svm_vcpu *s, u64 rip)
{
	s->cpu.rip = rip;
	s->vmcb->irq_shadow = 0;
	s->vmcb->rflags &= ~FL_RF;
}

static void take_input(struct svm_vcpu *s, unsigned size, u32 value)
{
	u64 *rax = &s->cpu.gpr[REG_RAX];

	if (size == 4)
		*rax = value;
	else
		*rax = (*rax & ~bits_mask(size * 8)) | (value & bits_mask(size * 8));
}

static bool exit_io(struct svm_vcpu *s, struct exit *x)
{
	u64 info = s->vmcb->exitinfo1;
	struct exit io = {
		.reason = EXIT_IO,
		.io = { .port = (u16)(info >> 16), .size = (u8)IOIO_SIZE(info),
			.write = !(info & IOIO_IN), .value = (u32)s->cpu.gpr[REG_RAX] },
	};

	if ((info & IOIO_STRING) || traps_armed(s->vmcb))
		return emulate(s, x);
	skip_to(s, s->vmcb->exitinfo2);
	vcpu_handle_exit(s->v, &io);
	if (!io.io.write)
		take_input(s, io.io.size, io.io.value);
	return false;
}

static bool exit_cpuid(struct svm_vcpu *s, struct exit *x)
{
	struct x86_cpu *c = &s->cpu;
	struct x86_cpuid_regs v;

	if (!s->caps.next_rip || traps_armed(s->vmcb))
		return emulate(s, x);
	c->mode = s->vmcb->efer & EFER_LMA && s->vmcb->cs.attr & (SA_L >> 4) ? X86_MODE_64 :
									     X86_MODE_32;
	v = x86_cpuid(c->model, c, c->index, (u32)c->gpr[REG_RAX], (u32)c->gpr[REG_RCX]);
	c->gpr[REG_RAX] = v.eax;
	c->gpr[REG_RBX] = v.ebx;
	c->gpr[REG_RCX] = v.ecx;
	c->gpr[REG_RDX] = v.edx;
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

static void inject_exception(struct svm_vcpu *s, u8 vector, bool error)
{
	s->vmcb->eventinj = vector | EVENT_EXCP << 8 | (error ? EVENT_ERROR : 0) | EVENT_VALID;
}

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
		inject_exception(s, EXC_DB, false);
		return false;
	default:
		inject_exception(s, (u8)vector, vector == EXC_AC);
		return false;
	}
}

/*
 * INT n, INT3 and INTO run again, since RIP still points at them; hardware's
 * own events and what was injected would be lost. APM vol. 2 15.7.2.
 */
void svm_requeue_event(struct svm_vcpu *s)
{
	u64 e = s->vmcb->exitintinfo;
	unsigned type = EVENT_TYPE(e);

	event_drop(s);
	if (!(e & EVENT_VALID) || type == EVENT_SOFT)
		return;
	if (type == EVENT_EXCP && ((e & 0xff) == EXC_BP || (e & 0xff) == EXC_OF))
		return;
	s->vmcb->eventinj = e;
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
		svm_irq_window(s->v, false);
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
		inject_exception(s, EXC_MF, false);
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
