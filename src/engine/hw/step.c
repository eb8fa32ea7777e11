/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction by arch/x86, the same semantics as the interpreter's, and what both
 * engines do straight from an exit.
 */
#include <arch/x86/fpu.h>
#include <arch/x86/hypercall.h>
#include <arch/x86/step.h>
#include <trivet/hw.h>

/* The event that was on its way when the exit came, delivered by arch/x86. */
static int deliver_event(struct hw_vcpu *h)
{
	u64 e = h->event;
	struct x86_cpu *c = &h->cpu;

	h->event = 0;
	if (HW_EVENT_TYPE(e) != HW_EVENT_EXCP)
		return x86_deliver_interrupt(c, (u8)e);
	c->fault = (struct x86_fault){ .vector = (u8)e, .has_error = (e & HW_EVENT_ERROR) != 0,
				       .error = (u32)(e >> 32), .cr2 = c->cr2 };
	return x86_deliver_fault(c);
}

static int run_one(struct hw_vcpu *h)
{
	struct x86_cpu *c = &h->cpu;
	struct x86_insn insn;
	int r;

	if (h->event & HW_EVENT_VALID)
		return deliver_event(h);
	/* the processor came as far as to leave the guest: a breakpoint on the instruction
	 * has had its turn, even where RF does not say so (Bochs 2.7 saves it cleared) */
	c->rflags |= FL_RF;
	r = x86_step(c, &insn);
	if (r != X86_FAULT)
		return r;
	c->rip -= insn.len;
	return x86_deliver_fault(c);
}

/* What arch/x86's answer means for run(). */
static bool leaves(const struct x86_cpu *c, int r, struct exit *x)
{
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

bool hw_step(struct hw_vcpu *h, struct exit *x)
{
	struct x86_cpu *c = &h->cpu;
	u64 seen = c->lookup_gen;
	int r;

	x86_fpu_enter(c);
	r = run_one(h);
	x86_fpu_leave(c);
	if (c->lookup_gen != seen) /* translations were dropped: the processor's too */
		__atomic_store_n(&h->flush, 1, __ATOMIC_SEQ_CST);
	return leaves(c, r, x);
}

bool hw_raise_debug(struct hw_vcpu *h, u64 dr6, struct exit *x)
{
	struct x86_cpu *c = &h->cpu;

	h->event = 0;
	x86_fault(c, EXC_DB);
	c->fault.dr6 = dr6;
	return leaves(c, x86_deliver_fault(c), x);
}

static void take_input(struct x86_cpu *c, unsigned size, u32 value)
{
	u64 *rax = &c->gpr[REG_RAX];

	if (size == 4)
		*rax = value;
	else
		*rax = (*rax & ~bits_mask(size * 8)) | (value & bits_mask(size * 8));
}

bool hw_hypercall(struct hw_vcpu *h, unsigned cpl, bool code64)
{
	struct exit call; /* as io below */

	h->cpu.mode = code64 ? X86_MODE_64 : X86_MODE_32;
	call.reason = EXIT_HYPERCALL;
	call.hypercall.number = x86_hypercall_args(&h->cpu, call.hypercall.args);
	call.hypercall.user = cpl != 0;
	vcpu_handle_exit(h->v, &call);
	if (unlikely(call.hypercall.unknown))
		return false;
	x86_hypercall_result(&h->cpu, call.hypercall.result);
	return true;
}

void hw_port_io(struct hw_vcpu *h, u16 port, unsigned size, bool write)
{
	struct exit io; /* not wiped: it is long, and what is read of it is set */

	io.reason = EXIT_IO;
	io.io.port = port;
	io.io.size = (u8)size;
	io.io.write = write;
	io.io.value = (u32)h->cpu.gpr[REG_RAX];
	vcpu_handle_exit(h->v, &io);
	if (!write)
		take_input(&h->cpu, size, io.io.value);
}
