/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter's loop. */
#include <arch/x86/debug.h>
#include <arch/x86/fpu.h>
#include <arch/x86/system.h>

#include "soft.h"

/* Does the next instruction have to be run on its own, with checks around it? */
static bool needs_step(const struct x86_cpu *c)
{
	return (c->rflags & (FL_TF | FL_RF)) != 0 || c->irq_shadow || c->debug_exec ||
	       c->debug_watch;
}

static bool irq_open(const struct x86_cpu *c)
{
	return (c->rflags & FL_IF) && !c->irq_shadow;
}

/* A vCPU that spins may be waiting for one that has no host CPU to run on. */
static void spin_wait(struct soft_vcpu *s)
{
	if (s->v->vm->vcpu_count > 1 && ++s->pauses % 32 == 0)
		platform_relax();
}

/*
 * What a handler said. Gives X86_OK to go on, X86_HALT, or a negative status
 * that ends run().
 */
static int settle(struct soft_vcpu *s, int status, unsigned insn_len)
{
	struct x86_cpu *c = &s->cpu;

	switch (status) {
	case X86_OK:
	case X86_BREAK:
	case X86_AGAIN:
		return X86_OK;
	case X86_PAUSE:
		spin_wait(s);
		return X86_OK;
	case X86_FAULT:
		c->rip -= insn_len;
		return x86_deliver_fault(c);
	default:
		return status;
	}
}

/*
 * The block's instructions, until one says otherwise: its status. Most handlers
 * go straight into the next one's (x86_chain); this loop carries on behind those
 * that do not. c->insn is the last one run, or the block's end.
 */
static inline int run_block(struct soft_vcpu *s, const struct block *b)
{
	struct x86_cpu *c = &s->cpu;
	const struct x86_insn *i = b->insns, *end = i + b->count;
	int r;

	do {
		c->insn = i;
		c->rip += i->len;
		r = i->fn(c, i);
		i = c->insn + 1;
	} while (likely(!r) && i < end);
	s->instructions += (u64)((i < end ? i : end) - b->insns);
	return r;
}

/*
 * From block b on along near branches. Those change nothing that needs_step or
 * soft_jump_key looks at, so neither is asked in between. Ends at a block that is
 * not known, an instruction of another kind, a status, or attention.
 */
static int run_plain(struct soft_vcpu *s, struct block *b)
{
	u64 key = soft_jump_key(&s->cpu);

	for (;;) {
		int r = run_block(s, b);

		if (unlikely(r & ~X86_BREAK))
			return settle(s, r, s->cpu.insn->len);
		if (!b->plain || __atomic_load_n(&s->cpu.attention, __ATOMIC_RELAXED))
			return X86_OK;
		b = soft_block_hit(s, key);
		if (unlikely(!b))
			return X86_OK;
	}
}

/* One instruction with everything that surrounds it. */
static int run_step(struct soft_vcpu *s)
{
	struct x86_cpu *c = &s->cpu;
	struct x86_insn insn;
	int r = x86_step(c, &insn);

	s->instructions += insn.len != 0;
	if (r == X86_FAULT)
		return settle(s, r, insn.len);
	if (r == X86_PAUSE)
		spin_wait(s);
	return r > 0 && r != X86_HALT ? X86_OK : r;
}

/* Looks at c->attention. True: leave run(), *x filled in. */
static bool attend(struct soft_vcpu *s, struct exit *x)
{
	struct x86_cpu *c = &s->cpu;
	u32 a = __atomic_load_n(&c->attention, __ATOMIC_SEQ_CST);

	soft_attend_sync(s);
	soft_attend_bus(s);
	if (a & ATT_KICK) {
		__atomic_fetch_and(&c->attention, ~(u32)ATT_KICK, __ATOMIC_SEQ_CST);
		x->reason = EXIT_NONE;
		return true;
	}
	if ((a & ATT_NMI) && !c->nmi_blocked && !c->irq_shadow) {
		__atomic_fetch_and(&c->attention, ~(u32)ATT_NMI, __ATOMIC_SEQ_CST);
		x->reason = EXIT_NONE;
		return true;
	}
	if ((a & ATT_WINDOW) && irq_open(c)) {
		x->reason = EXIT_IRQ_WINDOW;
		return true;
	}
	return false;
}

static int deliver_pending(struct soft_vcpu *s)
{
	struct x86_cpu *c = &s->cpu;
	int r = X86_OK;

	if (s->pending_nmi) {
		s->pending_nmi = false;
		c->nmi_blocked = true;
		r = x86_deliver_interrupt(c, EXC_NMI);
	} else if (s->pending_vector >= 0) {
		u8 vector = (u8)s->pending_vector;

		s->pending_vector = -1;
		r = x86_deliver_interrupt(c, vector);
	}
	return r;
}

/* Runs until a handler's status ends it (returned) or attend() does (X86_OK). */
static int run_loop(struct soft_vcpu *s, struct exit *x)
{
	struct x86_cpu *c = &s->cpu;
	int r;

	for (;;) {
		struct block *b;

		if (unlikely(__atomic_load_n(&c->attention, __ATOMIC_RELAXED)) &&
		    attend(s, x))
			return X86_OK;
		if (unlikely(needs_step(c))) {
			r = run_step(s);
		} else {
			b = soft_block_hit(s, soft_jump_key(c));
			if (unlikely(!b))
				b = soft_block_find(s, &r);
			if (likely(b))
				r = run_plain(s, b);
			else
				r = r ? settle(s, r, 0) : run_step(s);
		}
		if (unlikely(r))
			return r;
	}
}

static void exit_for(struct x86_cpu *c, int status, struct exit *x)
{
	switch (status) {
	case X86_OK:
		break;
	case X86_HALT:
		x->reason = EXIT_HALT;
		break;
	case X86_SHUTDOWN:
		x->reason = EXIT_SHUTDOWN;
		break;
	default:
		x->reason = EXIT_ERROR;
		x->error = c->error;
	}
}

int soft_run(struct vcpu *v, struct exit *x)
{
	struct soft_vcpu *s = v->engine_data;
	int r;

	__atomic_store_n(&s->running, 1, __ATOMIC_SEQ_CST);
	soft_attend_sync(s);
	soft_attend_bus(s);
	x86_fpu_enter(&s->cpu);
	r = deliver_pending(s);
	if (!r)
		r = run_loop(s, x);
	exit_for(&s->cpu, r, x);
	x86_fpu_leave(&s->cpu);
	__atomic_store_n(&s->running, 0, __ATOMIC_SEQ_CST);
	v->stats.guest_instructions = s->instructions;
	return 0;
}
