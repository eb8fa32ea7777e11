/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction by itself, with all that surrounds it. */
#include <arch/x86/access.h>
#include <arch/x86/debug.h>
#include <arch/x86/step.h>
#include <trivet/error.h>

#define INSN_MAX 15

static int exec_undefined(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_ud(c);
}

static int exec_too_long(struct x86_cpu *c, const struct x86_insn *i)
{
	(void)i;
	return x86_gp0(c);
}

int x86_decode_bytes(const struct x86_cpu *c, struct x86_insn *insn, const u8 *code,
		     size_t avail)
{
	int r = x86_decode(insn, code, avail, c->mode);

	if (r == -EAGAIN)
		return r;
	if (r == 0) {
		x86_bind(insn, c->mode);
		return 0;
	}
	insn->fn = r == -E2BIG ? exec_too_long : exec_undefined;
	insn->len = 1;
	insn->flags |= X86_I_END;
	return 0;
}

unsigned x86_code_room(const struct x86_cpu *c, unsigned max)
{
	u64 limit = c->seg[SEG_CS].limit;

	if (c->mode == X86_MODE_64)
		return max;
	if (c->rip > limit)
		return 0;
	return limit - c->rip + 1 < max ? (unsigned)(limit - c->rip + 1) : max;
}

int x86_decode_one(struct x86_cpu *c, struct x86_insn *insn)
{
	u8 code[INSN_MAX];
	unsigned room = x86_code_room(c, INSN_MAX), got = 0;
	u64 lin = x86_code_lin(c);
	gpa_t ignored;
	int r;

	if (!room)
		return x86_gp0(c);
	r = x86_fetch(c, lin, code, room, &got);
	if (r)
		return r;
	if (x86_decode_bytes(c, insn, code, got) == 0)
		return X86_OK;
	if (got == room) /* ran into the segment's end */
		return x86_gp0(c);
	/* ran into a page that cannot be fetched: that page's fault */
	r = x86_translate(c, lin + got, X86_EXEC, &ignored);
	return r ? r : x86_gp0(c);
}

/* STI and MOV SS shield one instruction: 2 when just set, 1 while it runs. */
static void shadow_advance(struct x86_cpu *c)
{
	if (c->irq_shadow)
		c->irq_shadow--;
}

int x86_step(struct x86_cpu *c, struct x86_insn *insn)
{
	bool stepped, after_ss = c->ss_shadow;
	u64 held = c->held_dr6;
	int r;

	if (c->irq_shadow == 2)
		shadow_advance(c);
	c->ss_shadow = false;
	c->held_dr6 = 0;
	r = c->debug_exec && !after_ss ? x86_debug_before(c) : X86_OK;
	if (!r)
		r = x86_decode_one(c, insn);
	if (r) {
		insn->len = 0;
		return r;
	}
	stepped = (c->rflags & FL_TF) != 0;
	c->rflags &= ~(u64)FL_RF;
	c->pending_dr6 = held;
	c->rip += insn->len;
	r = x86_exec_one(c, insn);
	if (c->irq_shadow != 2)
		shadow_advance(c);
	if (r >= 0 && (stepped || c->pending_dr6) && x86_debug_after(c, stepped)) {
		int d = x86_deliver_fault(c);

		/* SDM vol. 2A HLT: a debug exception ends the halt. */
		return d ? d : X86_BREAK;
	}
	return r;
}
